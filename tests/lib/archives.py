#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives of images as other engines write them, and hostile ones: archives.py KIND ROOTFS.tar OUT.tar"""

import gzip
import hashlib
import io
import json
import sys
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def text(o):
    return json.dumps(o).encode()


def tar(files):
    """name -> bytes, None for a directory, a str for a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, data in files:
            e = tarfile.TarInfo(name)
            if data is None:
                e.type, e.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(data, str):
                e.type, e.linkname = tarfile.SYMTYPE, data
            else:
                e.size = len(data)
            t.addfile(e, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


class Image:
    """The root file system, and a layer above it with a new file, a whiteout and a label of its own."""

    def __init__(self, rootfs, arch="amd64", mark="second"):
        with open(rootfs, "rb") as f:
            base = f.read()
        self.layers = [base, tar([("etc/", None), ("etc/second", mark.encode()), (".wh.root", b"")])]
        self.config = text({
            "architecture": arch, "os": "linux", "created": "2024-05-06T07:08:09Z", "config": {"Cmd": ["sh"], "Labels": {"mark": mark}},
            "rootfs": {"type": "layers", "diff_ids": [digest(x) for x in self.layers]},
            "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "base"},
                        {"created": "2024-05-06T07:08:08Z", "created_by": "ENV X=1", "empty_layer": True},
                        {"created": "2024-05-06T07:08:09Z", "created_by": "second", "comment": "above"}]})


def blob(data):
    return ("blobs/sha256/" + digest(data)[7:], data)


def descriptor(kind, data, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def old(i, tags=("old/form:1", "old/form:2")):
    """docker save of 1.10 to 24: ID/layer.tar, a link where a layer was written before."""
    files = [("repositories", text({"old/form": {"1": "bb"}}))]
    for name, layer in zip(("aa", "bb"), i.layers):
        files += [(name + "/", None), (name + "/VERSION", b"1.0"), (name + "/json", b"{}"), (name + "/layer.tar", layer)]
    files += [("cc/", None), ("cc/layer.tar", "../aa/layer.tar"), (digest(i.config)[7:] + ".json", i.config)]
    item = {"Config": digest(i.config)[7:] + ".json", "RepoTags": list(tags), "Layers": ["cc/layer.tar", "bb/layer.tar"]}
    return files + [("manifest.json", text([item]))]


def manifest_of(i, packed, layer_type=LAYER):
    suffix = "" if packed is i.layers else "+gzip"
    return text({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, i.config),
                 "layers": [descriptor(layer_type + suffix, x) for x in packed]})


def new(i):
    """docker save of 25 and newer: blobs, with both tables."""
    m = manifest_of(i, i.layers)
    entry = descriptor(MANIFEST, m, annotations={"io.containerd.image.name": "docker.io/new/form:1",
                                                 "org.opencontainers.image.ref.name": "1"})
    item = {"Config": blob(i.config)[0], "RepoTags": ["new/form:1"], "Layers": [blob(x)[0] for x in i.layers],
            "LayerSources": {digest(x): descriptor(LAYER, x) for x in i.layers}}
    return [("blobs/", None), ("blobs/sha256/", None), *map(blob, i.layers), blob(i.config), blob(m),
            ("index.json", text({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})),
            ("manifest.json", text([item])), ("oci-layout", text({"imageLayoutVersion": "1.0.0"})),
            ("repositories", text({"new/form": {"1": digest(i.layers[-1])[7:]}}))]


def oci(i, layer_type=LAYER, name="oci.example/form:1", arm=None):
    """An OCI layout with gzip layers below a nested index, beside an attestation and an image for another processor."""
    packed = [gzip.compress(x, 1, mtime=0) for x in i.layers]
    m, note = manifest_of(i, packed, layer_type), text({"schemaVersion": 2})
    entries = [descriptor(MANIFEST, note, platform={"os": "unknown", "architecture": "unknown"},
                          annotations={"vnd.docker.reference.type": "attestation-manifest"}),
               descriptor(MANIFEST, m, platform={"os": "linux", "architecture": "amd64"})]
    files = [*map(blob, packed), blob(i.config), blob(m), blob(note)]
    if arm:
        other = manifest_of(arm, arm.layers)
        files += [*map(blob, arm.layers), blob(arm.config), blob(other)]
        entries.append(descriptor(MANIFEST, other, platform={"os": "linux", "architecture": "arm64", "variant": "v8"}))
    inner = text({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    top = {"schemaVersion": 2, "manifests": [descriptor(INDEX, inner, annotations={"org.opencontainers.image.ref.name": name})]}
    return [("oci-layout", text({"imageLayoutVersion": "1.0.0"})), ("index.json", text(top)), blob(inner), *files]


def changed(files, name, data):
    return [(n, data if n == name else d) for n, d in files]


def hostile(kind, i):
    files = old(i)
    if kind == "no-table":
        return [f for f in files if f[0] != "manifest.json"]
    if kind == "no-layer":
        return [f for f in files if f[0] != "bb/layer.tar"]
    if kind == "wrong-layer":
        return changed(files, "bb/layer.tar", tar([("etc/second", b"another")]))
    if kind == "wrong-blob":
        return changed(new(i), blob(i.config)[0], i.config + b" ")
    if kind == "wrong-gzip":
        layer = gzip.compress(tar([("etc/second", b"another")]), 1, mtime=0)
        m = manifest_of(i, [gzip.compress(i.layers[0], 1, mtime=0), layer])
        return [blob(layer), blob(gzip.compress(i.layers[0], 1, mtime=0)), blob(i.config), blob(m),
                ("index.json", text({"manifests": [descriptor(MANIFEST, m)]}))]
    if kind == "dotdot":
        return files + [("../../escape", b"x")]
    if kind == "dotdot-table":
        return [("manifest.json", text([{"Config": "../../../etc/passwd", "Layers": []}]))]
    if kind == "link-out":
        return [("manifest.json", "/../../../etc/passwd")]
    if kind == "huge":
        return [("manifest.json", b"[" + b" " * (9 << 20) + b"]")]
    if kind == "media":
        return oci(i, "application/vnd.example.squashfs")
    raise SystemExit(f"no kind {kind}")


def main():
    kind, rootfs, out = sys.argv[1:]
    i = Image(rootfs)
    kinds = {"old": lambda: old(i), "new": lambda: new(i), "oci": lambda: oci(i),
             "oci-arm": lambda: oci(i, arm=Image(rootfs, "arm64", "arm")), "nameless": lambda: old(i, ())}
    with open(out, "wb") as f:
        f.write(tar(kinds[kind]() if kind in kinds else hostile(kind, i)))


main()
