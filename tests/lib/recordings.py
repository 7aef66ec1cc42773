#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes recordings of what record.sh has written: recordings.py OUT DIR writes DIR/shim-P.M.json and DIR/netd-P.M.json.

What differs from one time to another becomes a name between @: ids, boot, instance, paths. Process numbers, their start times and clock
times become small numbers in the order of their appearance; a player knows them by the members' names.
"""
import glob
import json
import re
import sys

TIME_NS = 1700000000000000000
NUMBERS = {"pid": 101, "shim_pid": 101, "init_pid": 101, "start": 1001, "shim_start": 1001, "init_start": 1001}


class Names:
    def __init__(self):
        self.ids, self.numbers = {}, {}

    def ident(self, m):
        name = self.ids.setdefault(m.group(1), "@ID%d@" % (len(self.ids) + 1))
        return m.group(0).replace(m.group(1), name)

    def text(self, s):
        s = re.sub(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])", self.ident, s)
        for whole, name in self.ids.items():
            s = s.replace(whole[:12], name[:-1] + "-SHORT@")
        s = re.sub(r"berth-[0-9a-f]{8}\b", "berth-@INSTANCE@", s)
        s = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n?", "@BOOT@", s)
        s = re.sub(r"/\S*/t\.[A-Za-z0-9]{6}/", "@T@/", s)
        return re.sub(r"/\S*(/lib/berth/plugins/)", r"@PREFIX@\1", s)

    def number(self, key, n):
        if key in ("time_ns", "created_ns"):
            return TIME_NS
        if key not in NUMBERS or n == 0:
            return n
        known = self.numbers.setdefault(NUMBERS[key], {})
        return known.setdefault(n, NUMBERS[key] + len(known))

    def normal(self, v, key=None):
        if isinstance(v, dict):
            return {k: "@INSTANCE@" if k == "instance" else self.normal(x, k) for k, x in v.items()}
        if isinstance(v, list):
            return [self.normal(x) for x in v]
        if isinstance(v, str):
            return self.text(v)
        return self.number(key, v) if isinstance(v, int) and not isinstance(v, bool) else v


def lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def with_type(files, kind):
    return next((c for c in map(lines, sorted(files)) if any(m["msg"].get("type") == kind for m in c)), None)


def write(where, what, hello, doc):
    path = "%s/%s-%d.%d.json" % (where, what, hello["protocol"], hello["minor"])
    doc = Names().normal(doc)
    with open(path, "w") as f:
        f.write("{\n")
        parts = []
        for key, value in doc.items():
            if isinstance(value, list):
                parts.append(' "%s": [\n%s\n ]' % (key, ",\n".join("  " + json.dumps(m) for m in value)))
            else:
                parts.append(' "%s": %s' % (key, json.dumps(value)))
        f.write(",\n".join(parts) + "\n}\n")


def main():
    out, where = sys.argv[1:]
    shim = with_type(glob.glob(out + "/shim.*"), "attach")
    doc = {"conversation": shim}
    for name in ("asked.running", "asked.exited"):
        doc[name] = lines("%s/%s" % (out, name))
    for name in ("state.running", "state.exited", "exit"):
        doc[name] = lines("%s/%s" % (out, name))[0]
    if spare := with_type(glob.glob(out + "/shim.*"), "assign"):
        doc["spare"] = spare[:2]
    write(where, "shim", next(m["msg"] for m in shim if m["msg"]["type"] == "hello"), doc)
    netd = with_type(glob.glob(out + "/netd.[0-9]*"), "reserve")
    write(where, "netd", netd[0]["msg"], {"conversation": netd, "state": lines(out + "/netd.state")[0]})


main()
