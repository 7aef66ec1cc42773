#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays recordings of the shim's and netd's protocols (tests/recordings) to the engine of today.

play.py shim REC RUNDIR ID HEARD [KEY=VALUE…]  is the monitor of container ID, whose init ends with 7 on SIGTERM: answers as the recorded
                                               one did, and notes in HEARD what it was asked. KEY=VALUE: members of its hello that differ;
                                               `strange=1`: it says things that no protocol of today knows, too. SIGUSR1: it is one of
                                               protocol 2 from now on, and ends its connections
play.py berthd REC SHIM DRIVER DIR             starts SHIM and asks what the recorded daemon asked; DIR holds `root`, a root file system
play.py netd REC DIR PID                       asks the netd that listens at DIR/sock what the recorded daemon asked; PID is to hold ports
play.py netd-state REC DIR [KEY=VALUE…]        writes DIR/state as recorded, held by its parent; `strange=1`: with members that nobody
                                               knows; `holders=N`: only the first

An answer has to have every member that was recorded, as it was (numbers of processes and times: of the same kind); it may have more.
"""
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys

import frames

ENOSYS = 38
DEADLINE_S = 60
STRANGE = {"weather": {"now": ["sunny", 21.5]}, "fds_of_tomorrow": None}
NUMBERS = ("pid", "start", "shim_pid", "shim_start", "init_pid", "init_start", "time_ns")


def load(path, names):
    with open(path) as f:
        text = f.read()
    for name, value in names.items():
        text = text.replace("@%s@" % name, value)
    return json.loads(text)


def options(args):
    return {k: int(v) for k, v in (a.split("=") for a in args)}


# --- what a recorded side says


def say(sock, msg):
    try:
        frames.send(sock, msg)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a daemon that is gone; its end is read


class Shim:
    """A monitor as it was recorded, with processes of now in place of those of then."""

    def __init__(self, rec, rundir, ident, heard, different):
        self.rec = load(rec, {"ID1": ident, "BOOT": frames.boot_id()})
        self.strange = different.pop("strange", 0)
        self.different, self.heard, self.rundir = different, open(heard, "w", buffering=1), rundir
        self.init = os.fork()
        if self.init == 0:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
            while True:
                signal.pause()
        self.now = {"shim": (os.getpid(), frames.start_time(os.getpid())), "init": (self.init, frames.start_time(self.init))}
        self.conns, self.exit = {}, None

    def patched(self, msg, whose="init"):
        out = dict(msg)
        for who, prefix in (("shim", "shim_"), ("init", "init_"), (whose, "")):
            for key, value in zip(("pid", "start"), self.now[who]):
                if out.get(prefix + key):
                    out[prefix + key] = value
        return dict(out, **STRANGE) if self.strange else out

    def write_state(self):
        name = self.rundir + "/state"
        state = self.patched(self.rec["state.running"])
        if "protocol" in self.different:
            state["protocol"] = self.different["protocol"]
        with open(name + ".new", "w") as f:
            json.dump(state, f)
        os.rename(name + ".new", name)

    def replaced(self, *_):
        self.different["protocol"] = 2
        self.write_state()
        for sock in self.conns:
            sock.shutdown(socket.SHUT_RDWR)

    def replies(self, kind):
        """The recorded answer to a request of this kind, and the events that came of it."""
        talk = [m["msg"] for m in self.rec["conversation"]]
        asked = next((m for m in talk if m["type"] == kind and "seq" in m), None)
        if not asked:
            return {"type": "reply", "error": ENOSYS, "message": "berth-shim 1.0 does not know \"%s\"" % kind}, []
        reply = next(m for m in talk if m["type"] == "reply" and m["seq"] == asked["seq"])
        return reply, [m for m in talk if m["type"] == "exec_exited"] if kind == "exec" else []

    def answer(self, sock, msg):
        self.heard.write(json.dumps(msg) + "\n")
        kind, events = msg["type"], []
        if kind in ("hello", "status"):
            asked = self.rec["asked.exited" if self.exit else "asked.running"]
            reply = asked[2]["msg"]
            events = [m["msg"] for m in asked[3:]] if kind == "hello" else []
        else:
            reply, events = self.replies(kind)
        say(sock, dict(self.patched(reply), seq=msg["seq"]))
        for event in events:
            say(sock, self.patched(dict(event, exec=msg["exec"]) if "exec" in event else event))
        if self.strange:
            say(sock, {"type": "eclipse", "exec": 5, "exit": {"code": 1}})
            say(sock, {"type": "request_of_tomorrow", "seq": 1 << 40, "error": 1})
        return kind != "release"

    def greet(self, listener):
        sock, _ = listener.accept()
        hello = self.patched(self.rec["conversation"][0]["msg"], "shim")
        say(sock, dict(hello, **self.different))
        self.conns[sock] = frames.Reader(sock)

    def hear(self, sock):
        reader = self.conns[sock]
        reader.fill()
        while got := reader.whole():
            for fd in got[1]:
                os.close(fd)
            if not self.answer(sock, got[0]):
                return False
        if reader.ended:
            del self.conns[sock]
        return True

    def ended(self):
        if self.exit or os.waitpid(self.init, os.WNOHANG)[0] == 0:
            return
        with open(self.rundir + "/exit", "w") as f:
            json.dump(self.rec["exit"], f)
        self.exit = next(m["msg"] for m in self.rec["conversation"] if m["msg"]["type"] == "exited")
        for sock in self.conns:
            say(sock, self.patched(self.exit))

    def serve(self):
        listener = frames.listen(self.rundir + "/sock")
        self.write_state()
        signal.signal(signal.SIGUSR1, self.replaced)
        print(" ".join(str(n) for who in ("shim", "init") for n in self.now[who]), flush=True)
        child = os.pidfd_open(self.init)
        while True:
            watched = [listener, *self.conns] + ([] if self.exit else [child])
            for s in select.select(watched, [], [])[0]:
                if s is child:
                    self.ended()
                elif s is listener:
                    self.greet(listener)
                elif not self.hear(s):
                    return


# --- what a recorded daemon asks


def lacks(recorded, got, where):
    """What of the recorded is not in what came: words, or None."""
    if isinstance(recorded, dict):
        if not isinstance(got, dict):
            return "%s is %r, no object" % (where, got)
        for key, value in recorded.items():
            if key not in got:
                return "%s has no member \"%s\"" % (where, key)
            if key in ("build", "minor"):
                continue
            if key in NUMBERS:
                if not isinstance(got[key], int) or (got[key] > 0) != (value > 0):
                    return "%s.%s is %r" % (where, key, got[key])
            elif words := lacks(value, got[key], "%s.%s" % (where, key)):
                return words
        return None
    if isinstance(recorded, list) and isinstance(got, list) and len(recorded) == len(got):
        return next((w for a, b in zip(recorded, got) if (w := lacks(a, b, where + "[]"))), None)
    return None if recorded == got else "%s is %r, recorded was %r" % (where, got, recorded)


class Peer:
    """Today's side of a conversation."""

    def __init__(self, sock):
        sock.settimeout(DEADLINE_S)
        self.sock, self.reader, self.come = sock, frames.Reader(sock), []

    def expect(self, recorded):
        def same(m):
            return all(m.get(k) == recorded.get(k) for k in ("type", "seq", "exec"))

        while True:
            found = next((m for m in self.come if same(m)), None)
            if found:
                self.come.remove(found)
                if words := lacks(recorded, found, recorded["type"]):
                    sys.exit("%s\nrecorded: %s\ncame: %s" % (words, json.dumps(recorded), json.dumps(found)))
                return found
            got = self.reader.next()
            if got is None:
                sys.exit("the connection ended; awaited: %s" % json.dumps(recorded))
            self.come.append(got[0])


def make_places(plan, where):
    """What the recorded plan's paths name: layers, files to bind, control groups."""
    places = [(key, path) for key, path, *_ in plan["rootfs"]["options"] if path.startswith("/")]
    for key, path in places:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if (key, path) == places[0]:
            os.rename(where + "/root", path)
        else:
            os.makedirs(path, exist_ok=True)
    os.makedirs(plan["log"]["info"]["log_dir"], exist_ok=True)
    for mount in plan["mounts"]:
        if mount.get("bind", "").startswith(where):
            open(mount["bind"], "w").close()
    for tasks in plan["cgroup"]["join"]:
        group = os.path.dirname(tasks)
        parent, base = os.path.dirname(group), "/sys/fs/cgroup/cpuset"
        os.makedirs(group, exist_ok=True)
        for d in (parent, group) if group.startswith(base) else ():
            for name in ("cpuset.cpus", "cpuset.mems"):
                with open(base + "/" + name) as f, open(d + "/" + name, "w") as g:
                    g.write(f.read())


def settled(talk):
    """What the recorded monitor had noticed before its answer comes before the question: who wins a race is no part of a recording."""
    out = list(talk)
    for i, m in enumerate(talk):
        if m["msg"]["type"] != "exec_exited":
            continue
        asked = [t for t in out[:out.index(m)] if t["msg"]["type"] == "status"]
        answered = [t["msg"]["seq"] for t in talk[i:] if t["msg"]["type"] == "reply"]
        for t in asked:
            if t["msg"]["seq"] in answered:
                out.remove(m)
                out.insert(out.index(t), m)
                break
    return out


class Daemon:
    """A daemon as it was recorded, with a shim of today."""

    def __init__(self, shim, rundir, ident, spare):
        ours, theirs = socket.socketpair()
        self.peer, self.attached, self.init, self.image = Peer(ours), None, 0, os.open(shim, os.O_RDONLY)
        self.where = os.open(rundir, os.O_RDONLY)
        given = (theirs.fileno(), self.image if spare else self.where, self.image)

        def place():
            for n, fd in enumerate([os.dup2(fd, 20 + i) for i, fd in enumerate(given)]):
                os.dup2(fd, 3 + n)

        self.process = subprocess.Popen(["berth-shim", "-" * 64 if spare else ident], executable=shim, preexec_fn=place, close_fds=False)
        theirs.close()

    def descriptors(self, msg):
        if msg["type"] == "prepare":
            program = os.memfd_create("seccomp")
            os.write(program, struct.pack("<HBBI", 6, 0, 0, 0x7fff0000))  # all is allowed
            os.lseek(program, 0, os.SEEK_SET)
            kinds = {"seccomp": program, "netns": os.open("/proc/self/ns/net", os.O_RDONLY)}
            return [kinds[name] for name in msg["plan"]["fds"]]
        if msg["type"] == "assign":
            return [os.dup(self.where)]
        ours, theirs = socket.socketpair()
        ours.settimeout(DEADLINE_S)
        if msg["type"] == "attach":
            self.attached = ours
        return [theirs.detach()]

    def finish(self):
        """What ended the recorded container: a line of input, and a file in its root."""
        self.attached.sendall(b"hello\n")
        open("/proc/%d/root/go" % self.init, "w").close()

    def play(self, talk):
        prepare = next(m["msg"]["seq"] for m in talk if m["msg"]["type"] == "prepare")
        for m in settled(talk):
            msg = m["msg"]
            if m["from"] == "daemon":
                fds = self.descriptors(msg) if m["fds"] else []
                try:
                    frames.send(self.peer.sock, msg, fds)
                except BrokenPipeError:
                    print("the shim is gone before \"%s\"" % msg["type"], file=sys.stderr)
                for fd in fds:
                    os.close(fd)
                continue
            if msg["type"] == "exited":
                self.finish()
            got = self.peer.expect(msg)
            if "pid" in got and got.get("seq") == prepare:
                self.init = got["pid"]

    def output(self):
        out = b""
        while data := self.attached.recv(65536):
            out += data
        streams = {1: b"", 2: b""}
        while out:
            n = struct.unpack(">I", out[4:8])[0]
            streams[out[0]] += out[8:8 + n]
            out = out[8 + n:]
        return streams


def renamed(value, before, after):
    """The recording with the log driver's name as it is built here."""
    if isinstance(value, dict):
        return {k: renamed(v, before, after) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, before, after) for v in value]
    return after if value == before else value


def play_berthd(rec, shim, driver, where):
    doc = load(rec, {"T": where, "INSTANCE": "played", **{"ID%d" % n: "%064x" % n for n in range(1, 9)},
                     **{"ID%d-SHORT" % n: "%012x" % n for n in range(1, 9)}})
    plan = next(m["msg"]["plan"] for m in doc["conversation"] if m["msg"]["type"] == "prepare")
    doc = renamed(doc, plan["log"]["driver"], os.path.basename(driver)[len("log-"):-len(".so")])
    plan = next(m["msg"]["plan"] for m in doc["conversation"] if m["msg"]["type"] == "prepare")
    plan["log"]["path"] = driver
    make_places(plan, where)
    os.makedirs(where + "/run")
    ident, talk, spare = "%064x" % 1, doc["conversation"], doc.get("spare")
    if spare:  # one in reserve is given the container; its hello comes then
        talk = [dict(m, msg=dict(m["msg"], id=ident)) for m in spare] + talk[1:]
    daemon = Daemon(shim, where + "/run", ident, spare)
    daemon.play(talk)
    if daemon.output() != {1: b"out\ngot hello\n", 2: b"err\n"}:
        sys.exit("the attached client was sent other output")
    if daemon.process.wait(DEADLINE_S) != 0:
        sys.exit("the shim did not end well: %s" % daemon.process.returncode)
    for name in ("state", "exit"):
        with open("%s/run/%s" % (where, name)) as f:
            recorded = doc["exit" if name == "exit" else "state.exited"]
            if words := lacks(dict(recorded, **({"boot_id": frames.boot_id()} if name == "state" else {})), json.load(f), name):
                sys.exit(words)


def play_netd(rec, where, pid):
    holder = {"pid": int(pid), "start": frames.start_time(int(pid))}
    doc = load(rec, {"ID1": "a" * 64, "ID2": "b" * 64})
    peer = Peer(frames.connect(where + "/sock"))
    for m in doc["conversation"]:
        msg = m["msg"]
        if m["from"] == "peer":
            peer.expect(msg)
        else:
            frames.send(peer.sock, dict(msg, **holder) if msg["type"] == "watch" else msg)


def write_netd_state(rec, where, strange=0, holders=None):
    holder = {"pid": os.getppid(), "start": frames.start_time(os.getppid())}
    more = STRANGE if strange else {}
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read()
    doc = load(rec, {"ID1": "a" * 64, "ID2": "b" * 64})["state"]
    doc = dict(doc, boot=boot, **more)
    doc["holders"] = [dict(h, **holder, **more, ports=[dict(p, **more) for p in h["ports"]]) for h in doc["holders"][:holders]]
    with open(where + "/state", "w") as f:
        json.dump(doc, f)


def main():
    kind, rest = sys.argv[1], sys.argv[2:]
    if kind == "shim":
        Shim(*rest[:4], options(rest[4:])).serve()
    elif kind == "berthd":
        play_berthd(*rest)
    elif kind == "netd":
        play_netd(*rest)
    else:
        write_netd_state(*rest[:2], **options(rest[2:]))


main()
