#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a daemon and its peer of one build say to each other, a message a line: {"from": "daemon" | "peer", "fds": n, "msg": {…}}.

record.py shim REAL OUT ID   in a shim's place (descriptors 3, 4, 5): starts REAL as the shim; a conversation a file, OUT.PID
record.py ask SOCK OUT       what a shim that runs answers the hello of a second daemon, and what it says then
record.py netd DIR OUT       between a netd that listens at DIR/sock and daemons that start from now on

See tests/lib/record.sh.
"""
import json
import os
import select
import socket
import sys

import frames


def relay(daemon, peer, out):
    ends = {daemon: ("daemon", frames.Reader(daemon), peer), peer: ("peer", frames.Reader(peer), daemon)}
    while True:
        for s in select.select(list(ends), [], [])[0]:
            who, reader, other = ends[s]
            got = reader.next()
            while got:
                msg, fds = got
                out.write(json.dumps({"from": who, "fds": len(fds), "msg": msg}) + "\n")
                out.flush()
                frames.send(other, msg, fds)
                for fd in fds:
                    os.close(fd)
                got = reader.whole()
            if reader.ended:
                return


def shim(real, out, ident):
    out = "%s.%d" % (out, os.getpid())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.fork() == 0:
        os.dup2(theirs.fileno(), 3)
        image = os.open(real, os.O_RDONLY)
        os.dup2(image, 5)
        os.closerange(6, 256)
        os.execv("/proc/self/fd/5", ["berth-shim", ident])
    theirs.close()
    with open(out, "w") as f:
        relay(socket.socket(fileno=3), ours, f)
    os.wait()


def netd(where, path):
    os.rename(where + "/sock", where + "/sock.real")
    listener = frames.listen(where + "/sock")
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            with open("%s.%d" % (path, os.getpid()), "w") as out:
                relay(client, frames.connect(where + "/sock.real"), out)
            os._exit(0)
        client.close()


def ask(path, path_out):
    s = frames.connect(path)
    s.settimeout(0.5)  # nothing says that nothing more will come
    reader = frames.Reader(s)
    with open(path_out, "w") as out:
        def note(who, msg):
            out.write(json.dumps({"from": who, "fds": 0, "msg": msg}) + "\n")

        hello = reader.next()[0]
        note("peer", hello)
        mine = {"type": "hello", "protocol": hello["protocol"], "minor": hello["minor"], "build": hello["build"], "seq": 1}
        note("daemon", mine)
        frames.send(s, mine)
        try:
            while True:
                note("peer", reader.next()[0])
        except TimeoutError:
            pass


{"shim": shim, "ask": ask, "netd": netd}[sys.argv[1]](*sys.argv[2:])
