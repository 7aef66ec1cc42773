#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Execs, many: each with its own word and exit code, and memory that does not grow.

execs.py SOCKET CONTAINER COUNT PID... ; the dirty memory of these processes is looked at after each fifth, and may not grow from the first to the end
"""
import random
import sys
import threading

from api import Api, demux, read_all

CLIENTS = 8
path, container, count, pids = sys.argv[1], sys.argv[2], int(sys.argv[3]), [int(p) for p in sys.argv[4:]]
api = Api(path, 60)
left = iter(range(count))
lock = threading.Lock()
wrong, first = [], {}


def dirty_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss_Dirty:"))


def one(n):
    code = random.randrange(100)
    body = {"Cmd": ["sh", "-c", f"echo {n}; exit {code}"], "AttachStdout": True}
    status, made = api.call("POST", f"/containers/{container}/exec", body)
    if status != 201:
        return wrong.append(f"create: {status} {made}")
    status, stream = api.hijack(f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False})
    out = demux(read_all(stream)).decode() if status == 101 else stream
    _, x = api.call("GET", f"/exec/{made['Id']}/json")
    if (out, x.get("ExitCode"), x.get("Running")) != (f"{n}\n", code, False):
        wrong.append(f"{n}: {status} {out!r} {x}; {code} was to be")
    return None


def client():
    while True:
        with lock:
            n = next(left, None)
            if n and n % (count // 5) == 0:
                now = {pid: dirty_kb(pid) for pid in pids}
                first.update(first or now)
                print(f"{n} execs, {now} kB", flush=True)
        if n is None or len(wrong) > 20:
            return
        try:
            one(n)
        except Exception as e:
            wrong.append(f"{n}: {type(e).__name__} {e}")


threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for pid, before in first.items():
    kb = dirty_kb(pid)
    print(f"memory of process {pid}: {before} kB after a fifth, {kb} kB at the end")
    if kb > before * 1.1 + 1024:
        wrong.append(f"process {pid} grew from {before} to {kb} kB")
print(f"{count} execs; {len(wrong)} differences")
print("\n".join(wrong[:20]))
sys.exit(bool(wrong))
