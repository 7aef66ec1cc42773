#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Asks each operation of the API for its success and for each error that a client can bring about.

  provoke.py play SOCKET VERSION     asks, and compares the statuses with what dockerd 20.10 answered (provoke-docker.json)
  provoke.py record SOCKET           asks dockerd, and writes them

Needs the image busybox:latest. What dockerd 20.10 cannot know, or what berth answers otherwise on purpose, stands in the step: `ours`.
"""
import http.client
import io
import json
import os
import socket
import sys
import tarfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDING = os.path.join(HERE, "provoke-docker.json")


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, path, version):
        self.path, self.version, self.ids, self.rows = path, version, {}, []

    def ask(self, method, path, body=None, kind="application/json", headers=(), limit=None):
        c = Connection(self.path)
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        h = dict(headers)
        if data is not None:
            h["Content-Type"] = kind
        c.request(method, "/v%s%s" % (self.version, path), body=data, headers=h)
        r = c.getresponse()
        hijacked = r.status == 101 or "raw-stream" in r.getheader("Content-Type", "") and "/attach" in path + "/exec"
        data = b"" if hijacked else r.read(limit) if limit else r.read()
        c.close()
        return r.status, data

    def step(self, method, path, body=None, ours=None, keep=None, **more):
        """One question. `ours`: the status that berth gives on purpose; `keep`: remember the answer's Id by this name."""
        full = path.format(**self.ids)
        status, data = self.ask(method, full, body, **more)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = {}
        answer = answer if isinstance(answer, dict) else {}
        if keep:
            self.ids[keep] = answer.get("Id", "none")
        asked = "%s %s%s" % (method, path, " " + json.dumps(body) if isinstance(body, dict) else "")
        self.rows.append({"asked": asked, "status": status, "message": answer.get("message", ""), "ours": ours})


def query(**q):
    return "?" + urllib.parse.urlencode({k: json.dumps(v) if isinstance(v, dict) else v for k, v in q.items()})


def tar(name="f", text=b"x\n"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        t.addfile(info, io.BytesIO(text))
    return out.getvalue()


TAR = "application/x-tar"
NOWHERE = "nosuch"
SLEEP = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"Init": True}}
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "tcp"))


def system(d):
    d.step("GET", "/_ping")
    d.step("HEAD", "/_ping")
    d.step("GET", "/version")
    d.step("GET", "/info")
    d.step("GET", "/events" + query(since="1", until="2"))
    d.step("GET", "/events" + query(since="nonsense", until="2"))
    d.step("GET", "/events?filters=nonsense&since=1&until=2")
    d.step("GET", "/system/df")
    d.step("GET", "/nosuchpage")
    d.step("POST", "/_ping")


def containers(d):
    d.step("POST", "/containers/create?name=prov", SLEEP, keep="id")
    d.step("POST", "/containers/create?name=prov", SLEEP)
    d.step("POST", "/containers/create?name=other", SLEEP, keep="other")
    d.step("POST", "/containers/create", {"Image": "nosuch:1", "Cmd": ["x"]})
    d.step("POST", "/containers/create?name=" + urllib.parse.quote("bad name"), SLEEP)
    d.step("POST", "/containers/create", "{")
    d.step("POST", "/containers/create", "[1]")
    d.step("POST", "/containers/create", "text", kind="text/plain")
    d.step("POST", "/containers/create", {"Image": "busybox", "Cmd": ["x"], "HostConfig": {"Memory": "many"}})
    d.step("POST", "/containers/create", {"Image": "busybox", "Cmd": ["x"], "HostConfig": {"Memory": 1}})
    d.step("POST", "/containers/create", {"Image": "busybox", "Cmd": ["x"], "WorkingDir": "relative"})
    d.step("GET", "/containers/json?all=1&size=1")
    d.step("GET", "/containers/json" + query(filters={"nosuch": ["1"]}))
    d.step("GET", "/containers/json?filters=nonsense")
    d.step("GET", "/containers/json?limit=many")
    d.step("GET", "/containers/{id}/json?size=1")
    d.step("GET", "/containers/nosuch/json")
    d.step("POST", "/containers/{id}/start")
    d.step("POST", "/containers/{id}/start")
    d.step("POST", "/containers/nosuch/start")
    d.step("POST", "/containers/{id}/start?detachKeys=nonsense")
    d.step("GET", "/containers/{id}/json")
    d.step("GET", "/containers/{id}/logs?stdout=1")
    d.step("GET", "/containers/{id}/logs")
    d.step("GET", "/containers/nosuch/logs?stdout=1")
    d.step("GET", "/containers/{id}/top")
    d.step("GET", "/containers/{id}/top?ps_args=-o%20pid,comm")
    d.step("GET", "/containers/{other}/top")
    d.step("GET", "/containers/nosuch/top")
    d.step("GET", "/containers/{id}/stats?stream=0&one-shot=1")
    d.step("GET", "/containers/{other}/stats?stream=0")
    d.step("GET", "/containers/nosuch/stats?stream=0")
    d.step("GET", "/containers/{id}/changes")
    d.step("GET", "/containers/nosuch/changes")
    d.step("GET", "/containers/{id}/export")
    d.step("GET", "/containers/nosuch/export")
    d.step("POST", "/containers/{id}/resize?h=10&w=10")
    d.step("POST", "/containers/{id}/resize?h=many&w=10")
    d.step("POST", "/containers/nosuch/resize?h=10&w=10")
    d.step("POST", "/containers/{id}/pause")
    d.step("POST", "/containers/{id}/pause")
    d.step("POST", "/containers/nosuch/pause")
    d.step("POST", "/containers/{id}/unpause")
    d.step("POST", "/containers/{id}/unpause")
    d.step("POST", "/containers/nosuch/unpause")
    d.step("POST", "/containers/{id}/update", {"CpuShares": 512, "RestartPolicy": {"Name": "no"}})
    d.step("POST", "/containers/{id}/update", {"Memory": 1})
    d.step("POST", "/containers/{id}/update", "{")
    d.step("POST", "/containers/nosuch/update", {"CpuShares": 512})
    d.step("POST", "/containers/{other}/rename?name=renamed")
    d.step("POST", "/containers/renamed/rename?name=prov")
    d.step("POST", "/containers/renamed/rename?name=")
    d.step("POST", "/containers/nosuch/rename?name=x1")
    attach(d)
    execs(d)
    archives(d)
    ends(d)


def attach(d):
    d.step("POST", "/containers/{id}/attach?stdout=1&stream=1", headers=UPGRADE)
    d.step("POST", "/containers/{id}/attach?logs=1&stdout=1")
    d.step("POST", "/containers/{id}/attach?stdout=1&detachKeys=nonsense")
    d.step("POST", "/containers/nosuch/attach?stdout=1")


def execs(d):
    d.step("POST", "/containers/{id}/exec", {"Cmd": ["sleep", "100"], "AttachStdout": True}, keep="exec")
    d.step("POST", "/containers/{id}/exec", {"Cmd": []})
    d.step("POST", "/containers/{id}/exec", "{")
    d.step("POST", "/containers/nosuch/exec", {"Cmd": ["true"]})
    d.step("POST", "/containers/renamed/exec", {"Cmd": ["true"]})
    d.step("GET", "/exec/{exec}/json")
    d.step("GET", "/exec/nosuch/json")
    d.step("POST", "/exec/{exec}/start", {"Detach": True})
    d.step("POST", "/exec/{exec}/start", {"Detach": True})
    d.step("POST", "/exec/nosuch/start", {"Detach": True})
    d.step("POST", "/exec/{exec}/resize?h=10&w=10")
    d.step("POST", "/exec/{exec}/resize?h=many&w=10")
    d.step("POST", "/exec/nosuch/resize?h=10&w=10")
    d.step("POST", "/containers/{id}/exec", {"Cmd": ["true"]}, keep="paused")
    d.step("POST", "/containers/{id}/pause")
    d.step("POST", "/containers/{id}/exec", {"Cmd": ["true"]})
    d.step("POST", "/exec/{paused}/start", {"Detach": True})
    d.step("POST", "/containers/{id}/unpause")


def archives(d):
    d.step("PUT", "/containers/{id}/archive?path=/tmp", tar(), kind=TAR)
    d.step("PUT", "/containers/{id}/archive?path=/nosuch", tar(), kind=TAR)
    d.step("PUT", "/containers/{id}/archive", tar(), kind=TAR)
    d.step("PUT", "/containers/{id}/archive?path=/etc/passwd", tar(), kind=TAR)
    d.step("PUT", "/containers/nosuch/archive?path=/tmp", tar(), kind=TAR)
    d.step("POST", "/containers/create?name=readonly", {**SLEEP, "HostConfig": {"ReadonlyRootfs": True}}, keep="readonly")
    d.step("PUT", "/containers/{readonly}/archive?path=/tmp", tar(), kind=TAR)
    d.step("HEAD", "/containers/{id}/archive?path=/tmp/f")
    d.step("HEAD", "/containers/{id}/archive?path=/nosuch")
    d.step("HEAD", "/containers/{id}/archive")
    d.step("HEAD", "/containers/nosuch/archive?path=/tmp")
    d.step("GET", "/containers/{id}/archive?path=/tmp/f")
    d.step("GET", "/containers/{id}/archive?path=/nosuch")
    d.step("GET", "/containers/{id}/archive")
    d.step("GET", "/containers/nosuch/archive?path=/tmp")
    d.step("GET", "/containers/{id}/changes")
    d.step("POST", "/commit?container={id}&repo=provoked&tag=1", {})
    d.step("POST", "/commit?container=nosuch", {})
    d.step("POST", "/commit?container={id}&repo=BAD", {})
    d.step("POST", "/commit?container={id}&changes=NOSUCH", {})


def ends(d):
    d.step("POST", "/containers/{id}/kill?signal=WINCH")
    d.step("POST", "/containers/{id}/kill?signal=NOSUCH")
    d.step("POST", "/containers/nosuch/kill")
    d.step("POST", "/containers/renamed/kill")
    d.step("DELETE", "/containers/{id}")
    d.step("POST", "/containers/{id}/restart?t=0")
    d.step("POST", "/containers/nosuch/restart")
    d.step("POST", "/containers/{id}/restart?t=soon")
    d.step("POST", "/containers/{id}/stop?t=soon")
    d.step("POST", "/containers/{id}/stop?t=0")
    d.step("POST", "/containers/{id}/stop")
    d.step("POST", "/containers/nosuch/stop")
    d.step("POST", "/containers/{id}/wait")
    d.step("POST", "/containers/{id}/wait?condition=nosuch", ours=400)
    d.step("POST", "/containers/nosuch/wait")
    d.step("POST", "/containers/{id}/pause")
    d.step("POST", "/containers/{id}/resize?h=1&w=1")
    d.step("POST", "/containers/create", {"Image": "busybox", "Cmd": ["/nosuch"]}, keep="broken")
    d.step("POST", "/containers/{broken}/start")
    d.step("POST", "/containers/create", {"Image": "busybox", "Cmd": ["/etc/passwd"]}, keep="denied")
    d.step("POST", "/containers/{denied}/start")
    d.step("DELETE", "/containers/{id}?force=1&v=1")
    d.step("DELETE", "/containers/{id}")
    d.step("DELETE", "/containers/nosuch?link=1", ours=501)
    d.step("POST", "/containers/prune")
    d.step("POST", "/containers/prune" + query(filters={"nosuch": ["1"]}))


def images(d):
    d.step("GET", "/images/json?all=1")
    d.step("GET", "/images/json" + query(filters={"nosuch": ["1"]}))
    d.step("GET", "/images/busybox/json")
    d.step("GET", "/images/nosuch/json")
    d.step("GET", "/images/busybox/history")
    d.step("GET", "/images/nosuch/history")
    d.step("POST", "/images/busybox/tag?repo=more/names&tag=1")
    d.step("POST", "/images/nosuch/tag?repo=x&tag=1")
    d.step("POST", "/images/busybox/tag?repo=BAD")
    d.step("POST", "/images/busybox/tag?repo=more/names&tag=-")
    d.step("POST", "/images/create?fromSrc=-&repo=imported&tag=1", tar(), kind=TAR)
    d.step("POST", "/images/create?fromSrc=-&repo=BAD&tag=1", tar(), kind=TAR)
    d.step("POST", "/images/create?fromSrc=-&changes=NOSUCH", tar(), kind=TAR)
    d.step("GET", "/images/get" + query(names="busybox"))
    d.step("GET", "/images/busybox/get")
    d.step("GET", "/images/nosuch/get")
    status, saved = d.ask("GET", "/images/busybox/get")
    d.step("POST", "/images/load?quiet=1", saved if status == 200 else b"", kind=TAR)
    d.step("POST", "/images/load", b"nonsense", kind=TAR)
    d.step("POST", "/containers/create?name=holds", SLEEP, keep="holds")
    d.step("POST", "/containers/{holds}/start")
    d.step("DELETE", "/images/more/names:1")
    d.step("DELETE", "/images/nosuch")
    d.step("DELETE", "/images/busybox")
    d.step("DELETE", "/images/imported:1?force=1&noprune=1")
    d.step("POST", "/images/prune" + query(filters={"dangling": ["true"]}))
    d.step("POST", "/images/prune" + query(filters={"nosuch": ["1"]}))
    d.step("GET", "/system/df")
    d.step("DELETE", "/containers/{holds}?force=1")
    d.step("DELETE", "/images/provoked:1?force=1")


def volumes(d):
    d.step("POST", "/volumes/create", {"Name": "prov", "Labels": {"a": "b"}})
    d.step("POST", "/volumes/create", {"Name": "bad name"})
    d.step("POST", "/volumes/create", {"Name": "v1", "Driver": "nosuch"})
    d.step("POST", "/volumes/create", "{")
    d.step("POST", "/volumes/create", {})
    d.step("GET", "/volumes")
    d.step("GET", "/volumes" + query(filters={"nosuch": ["1"]}))
    d.step("GET", "/volumes/prov")
    d.step("GET", "/volumes/nosuch")
    d.step("POST", "/containers/create?name=uses", {**SLEEP, "HostConfig": {"Binds": ["prov:/v"]}}, keep="uses")
    d.step("DELETE", "/volumes/prov")
    d.step("DELETE", "/containers/{uses}?force=1")
    d.step("DELETE", "/volumes/prov")
    d.step("DELETE", "/volumes/nosuch")
    d.step("POST", "/volumes/prune")
    d.step("POST", "/volumes/prune" + query(filters={"nosuch": ["1"]}))


def networks(d):
    d.step("GET", "/networks")
    d.step("GET", "/networks" + query(filters={"nosuch": ["1"]}))
    d.step("GET", "/networks/bridge")
    d.step("GET", "/networks/bridge?verbose=1")
    d.step("GET", "/networks/nosuch")


def swarm(d):
    for path in ("configs", "secrets", "services", "nodes", "tasks"):
        d.step("GET", "/" + path)
        d.step("GET", "/%s/nosuch" % path)
    for path in ("configs", "secrets", "services"):
        d.step("POST", "/%s/create" % path, {"Name": "x"})
        d.step("POST", "/%s/nosuch/update?version=1" % path, {})
        d.step("DELETE", "/%s/nosuch" % path)
    d.step("DELETE", "/nodes/nosuch")
    d.step("POST", "/nodes/nosuch/update?version=1", {})
    d.step("GET", "/services/nosuch/logs?stdout=1")
    d.step("GET", "/tasks/nosuch/logs?stdout=1")
    d.step("GET", "/swarm")
    d.step("POST", "/swarm/leave")
    d.step("POST", "/swarm/update?version=1", {})
    d.step("GET", "/swarm/unlockkey")
    d.step("POST", "/swarm/unlock", {"UnlockKey": "x"})
    d.step("GET", "/plugins")
    d.step("GET", "/plugins/nosuch/json")


def main():
    act, path = sys.argv[1:3]
    d = Daemon(path, "1.41" if act == "record" else sys.argv[3])
    for part in (system, containers, images, volumes, networks, swarm):
        part(d)
    if act == "record":
        with open(RECORDING, "w", encoding="utf-8") as f:
            rows = [{k: r[k] for k in ("asked", "status", "message")} for r in d.rows]
            f.write("[\n" + ",\n".join(json.dumps(r) for r in rows).replace(d.ids["id"], "ID") + "\n]\n")
        return 0
    with open(RECORDING, encoding="utf-8") as f:
        recorded = json.load(f)
    bad = 0
    if [r["asked"] for r in recorded] != [r["asked"] for r in d.rows]:
        print("the recording is of other questions: record them anew")
        bad += 1
    for was, now in zip(recorded, d.rows):
        expected = now["ours"] or was["status"]
        if was["status"] == 500 and 400 <= now["status"] < 500:
            continue  # a parameter that cannot be read was an error of the server's to dockerd 20.10
        if now["status"] != expected or now["ours"] == was["status"]:
            print("%s: %d %s; dockerd: %d %s; expected: %d" % (now["asked"], now["status"], now["message"], was["status"], was["message"], expected))
            bad += 1
    print("%d questions, %d answered otherwise" % (len(d.rows), bad))
    return 1 if bad else 0


sys.exit(main())
