#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
create, attach, start, wait(removed) of programs that live for 0 to 20 ms, many times: all output, the right code, no hang, and the events of each
container complete and in order.

churn.py SOCKET COUNT [CLIENTS]
"""
import json
import random
import sys
import threading

from api import Api, demux, read_all

ORDER = ["create", "attach", "start", "die", "destroy"]
path, count, clients = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 8
api = Api(path, 60)
left = iter(range(count))
lock = threading.Lock()
wrong, ids, told = [], [], {}


def one(n):
    code, ms = random.randrange(256), random.choice([0, 0, 1, 2, 5, 10, 20])
    script = f"echo out {n}; " + (f"sleep 0.{ms:03d}; " if ms else "") + f"exit {code}"
    body = {"Image": "busybox", "Cmd": ["sh", "-c", script], "AttachStdout": True,
            "HostConfig": {"AutoRemove": True, "NetworkMode": "none"}}
    status, made = api.call("POST", "/containers/create", body)
    if status != 201:
        return wrong.append(f"create: {status} {made}")
    cid = made["Id"]
    _, stream = api.hijack(f"/containers/{cid}/attach?stream=1&stdout=1&stderr=1")
    waiting, connection = api.open("POST", f"/containers/{cid}/wait?condition=removed")
    status, words = api.call("POST", f"/containers/{cid}/start")
    out = demux(read_all(stream)).decode()
    result = json.loads(waiting.read())
    connection.close()
    if (status, out, result) != (204, f"out {n}\n", {"StatusCode": code}):
        wrong.append(f"{cid}: start {status} {words}, {out!r}, {result}; {code} was to be")
    with lock:
        ids.append(cid)
    return None


def client():
    while True:
        with lock:
            n = next(left, None)
        if n is None:
            return
        try:
            one(n)
        except Exception as e:
            wrong.append(f"{n}: {type(e).__name__} {e}")


def listen(answer):
    for line in answer:
        event = json.loads(line)
        if event["Type"] == "container":
            told.setdefault(event["Actor"]["ID"], []).append(event["Action"])
            if event["Action"] == "destroy":
                with arrived:
                    arrived.notify_all()


arrived = threading.Condition()
events, _ = api.open("GET", "/events", timeout=3600)
threading.Thread(target=listen, args=[events], daemon=True).start()
threads = [threading.Thread(target=client) for _ in range(clients)]
for t in threads:
    t.start()
for t in threads:
    t.join()
with arrived:
    arrived.wait_for(lambda: all("destroy" in told.get(x, []) for x in ids), 30)
for x in ids:
    if [a for a in told.get(x, []) if a in ORDER] != ORDER:
        wrong.append(f"{x}: told {told.get(x)}")
print(f"{len(ids)} of {count} ran; {len(wrong)} differences")
print("\n".join(wrong[:20]))
sys.exit(bool(wrong) or len(ids) != count)
