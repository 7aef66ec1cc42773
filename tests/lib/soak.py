#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Soak: clients with all verbs at random, kill -9 of every process of ours, and a model that knows what may be.

Called by tests/soak.sh. Each client has containers of its own, whose states the model knows exactly, but for what a kill leaves open: a
request whose answer was lost may have been done or not, and a container whose shim was killed may have ended. What is seen next decides
between the possibilities, and must be one of them. Some containers are shared by all clients: there each answer must be one
that some order of the requests explains, and come in time.
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from api import Api, Gone, Late
from soak_client import DEADLINE, Client

LIB = os.path.dirname(os.path.abspath(__file__))
SLOWEST = 10


class Soak:
    def __init__(self, options):
        self.o = options
        self.api = Api(f"{options.world}/berth.sock", DEADLINE)
        self.lock = threading.Lock()
        self.up = threading.Event()
        self.stop = threading.Event()
        self.quiet = threading.Event()  # no more kills of berthd: memory is watched
        self.lifetime = 0
        self.killed_at = {}  # lifetime → when it was killed
        self.differences = []
        self.verbs = collections.Counter()
        self.kills = collections.Counter()
        self.slowest = []  # the worst few: (seconds, when it was asked, what)
        self.daemon = None
        self.owned = {}  # id → container
        self.shim_killed = {}  # id → when
        self.events = collections.defaultdict(list)  # lifetime → [(id, action)]
        self.expected = []  # (lifetime, when, id, action)

    def differ(self, text):
        with self.lock:
            self.differences.append(text)
        print(f"DIFFERENCE {time.strftime('%H:%M:%S')} {text}", flush=True)

    # --- the daemon
    def daemon_start(self):
        log = open(f"{self.o.world}/berthd.log", "ab")
        self.daemon = subprocess.Popen(
            ["sh", f"{LIB}/world.sh", "enter", self.o.world, self.o.berthd, "--config", f"{self.o.world}/daemon.conf"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
        log.close()
        with open(f"{self.o.world}/berthd.pid", "w") as f:
            f.write(f"{self.daemon.pid}\n")
        end = time.time() + 30
        while time.time() < end and self.daemon.poll() is None:
            try:
                if self.api.call("GET", "/_ping", timeout=5)[0] == 200:
                    with self.lock:
                        self.lifetime += 1
                    self.up.set()
                    return
            except (Gone, Late):
                time.sleep(0.02)
        self.differ(f"berthd does not come up (exit code {self.daemon.poll()})")
        self.stop.set()

    def daemon_kill(self, others=()):
        self.up.clear()
        with self.lock:
            self.killed_at[self.lifetime] = time.time()
        for pid in [self.daemon.pid, *others]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.daemon.wait()

    # --- one request, judged by its time
    def call(self, method, path, body=None):
        start = time.time()
        answer = self.api.call(method, path, body)
        took = time.time() - start
        if path.endswith("/wait"):
            return answer  # that is as long as the program
        with self.lock:
            self.slowest = sorted([*self.slowest, (took, start, f"{method} {path}")], reverse=True)[:SLOWEST]
        return answer

    def expect_event(self, lifetime, cid, action):
        with self.lock:
            self.expected.append((lifetime, time.time(), cid, action))


class Killer(threading.Thread):
    """kill -9 of berthd, netd, shims, alone and together."""

    def __init__(self, soak, seed):
        super().__init__(daemon=True)
        self.s, self.r = soak, random.Random(seed)

    def shims(self):
        """pid → id, of shims whose container has been started."""
        found = {}
        for path in glob.glob(f"{self.s.o.world}/run/c/*/state"):
            try:
                with open(path) as f:
                    state = json.load(f)
                found[state["shim_pid"]] = state["id"]
            except (OSError, ValueError, KeyError):
                pass
        return found

    def netd(self):
        try:
            with open(f"{self.s.o.world}/run/netd/lock") as f:
                return int(f.read())
        except (OSError, ValueError):
            return 0

    def choose_shims(self, n):
        shims = self.shims()
        pids = self.r.sample(sorted(shims), min(n, len(shims)))
        with self.s.lock:
            for pid in pids:
                self.s.shim_killed[shims[pid]] = time.time()
        return pids

    def round(self):
        what = self.r.choice(["berthd", "netd", "shim", "shim", "berthd+shims", "all"])
        if self.s.quiet.is_set() and what in ("berthd", "berthd+shims", "all"):
            what = "shim"
        self.s.kills[what] += 1
        netd = self.netd() if what in ("netd", "all") else 0
        pids = self.choose_shims({"shim": 1, "berthd+shims": 2, "all": 99}.get(what, 0))
        pids += [netd] if netd else []
        if what in ("berthd", "berthd+shims", "all"):
            self.s.daemon_kill(pids)
            time.sleep(self.r.random() * 0.5)
            self.s.daemon_start()
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def run(self):
        while not self.s.stop.wait(self.r.uniform(0.5, 4)):
            self.round()


class Listener(threading.Thread):
    """Everything that each daemon tells in its events."""

    def __init__(self, soak):
        super().__init__(daemon=True)
        self.s = soak

    def listen(self, lifetime):
        r, c = self.s.api.open("GET", "/events?since=1", timeout=3600)
        try:
            for line in r:
                if line.strip():
                    e = json.loads(line)
                    if e["Type"] == "container":
                        self.s.events[lifetime].append((e["Actor"]["ID"], e["Action"]))
        finally:
            c.close()

    def run(self):
        while True:
            self.s.up.wait()
            lifetime = self.s.lifetime
            try:
                self.listen(lifetime)
            except Exception:  # the daemon was killed in the middle of a line, or is not there
                pass
            time.sleep(0.02)


def pss_kb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss_Dirty:"))
    except (OSError, StopIteration):
        return 0


class Memory:
    """Dirty memory of berthd and netd while neither is killed: after it has settled, and at the end."""

    def __init__(self, soak, killer):
        self.s, self.k = soak, killer
        self.first = None

    def take(self):
        return {"berthd": (self.s.daemon.pid, pss_kb(self.s.daemon.pid)), "netd": (self.k.netd(), pss_kb(self.k.netd()))}

    def check(self):
        last = self.take()
        for who, (pid, kb) in last.items():
            was, before = self.first[who]
            print(f"memory of {who}: {before} kB, {kb} kB at the end" + ("" if was == pid else " (another process)"))
            # A short run ends before the allocator's arenas have their size.
            if was == pid and self.s.o.seconds >= 120 and kb > before * 1.3 + 3072:
                self.s.differ(f"{who} grew from {before} to {kb} kB")


def settle(s, clients, seed_bytes):
    """Every end of the model against the daemon's and the disk's."""
    for client in clients:
        for c in client.own:
            client.look(c)
            if c.may != {"none"}:
                client.check_logs(c)
            path = f"{s.o.world}/data/volumes/vol-{c.name}/_data/log"
            if os.path.exists(path):
                with open(path) as f:
                    text = f.read()
                keep, c.may = c.may, set()  # of all containers that it had, so the last run proves nothing
                client.check_numbers(c, text.split("\n")[:-1], "the volume")
                c.may = keep
    for name, digest in seed_bytes.items():
        with open(f"{s.o.world}/data/volumes/{name}/_data/bytes", "rb") as f:
            if hashlib.sha256(f.read()).hexdigest() != digest:
                s.differ(f"the bytes of volume {name} have changed")


def check_events(s):
    have = {life: collections.Counter(list(got)) for life, got in s.events.items()}
    for life, when, cid, action in s.expected:
        if when > s.killed_at.get(life, float("inf")) - 2:
            continue
        have.setdefault(life, collections.Counter())
        if have[life][(cid, action)] < 1:
            s.differ(f"event {action} of {cid} was not told by daemon {life}")
        have[life][(cid, action)] -= 1
    for life, got in s.events.items():
        running = {}
        for cid, action in list(got):
            if action == "start" and running.get(cid):
                s.differ(f"daemon {life} told two starts of {cid} without an end between")
            # With a restart policy a start that fails is an end without a start.
            if action == "die" and running.get(cid) is False and cid in s.owned:
                s.differ(f"daemon {life} told two ends of {cid} without a start between")
            if action in ("start", "die"):
                running[cid] = action == "start"


def make_volumes(s, clients, r):
    digests = {}
    for client in clients:
        for c in client.own:
            name = f"{c.name}-kept"
            s.api.call("POST", "/volumes/create", {"Name": name})
            data = r.randbytes(100_000)
            with open(f"{s.o.world}/data/volumes/{name}/_data/bytes", "wb") as f:
                f.write(data)
            digests[name] = hashlib.sha256(data).hexdigest()
    return digests


def clean_up(s):
    _, all_of_them = s.api.call("GET", "/containers/json?all=1")
    for c in all_of_them:
        status, words = s.api.call("DELETE", f"/containers/{c['Id']}?force=1&v=1")
        if status not in (204, 404):
            s.differ(f"the removal of {c['Names']} at the end: {status} {words}")
    _, volumes = s.api.call("GET", "/volumes")
    for v in volumes["Volumes"] or []:
        status, words = s.api.call("DELETE", f"/volumes/{v['Name']}")
        if status != 204:
            s.differ(f"the removal of volume {v['Name']} at the end: {status} {words}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--world", required=True)
    p.add_argument("--berthd", required=True)
    p.add_argument("--seconds", type=int, default=600)
    p.add_argument("--clients", type=int, default=8)
    p.add_argument("--own", type=int, default=2, help="containers that each client has alone; 0: all share")
    p.add_argument("--shared", type=int, default=4, help="containers that all clients have")
    p.add_argument("--seed", type=int, default=None)
    o = p.parse_args()
    seed = o.seed if o.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"seed {seed}, {o.seconds} s, {o.clients} clients", flush=True)
    s = Soak(o)
    s.daemon_start()
    clients = [Client(s, n, seed * 1000 + n) for n in range(o.clients)]
    killer = Killer(s, seed * 1000 + 999)
    memory = Memory(s, killer)
    digests = make_volumes(s, clients, random.Random(seed))
    for t in [Listener(s), killer, *clients]:
        t.start()
    end = time.time() + o.seconds
    s.stop.wait(o.seconds * 0.5)
    s.quiet.set()
    s.stop.wait(o.seconds * 0.2)
    memory.first = memory.take()
    s.stop.wait(max(end - time.time(), 0))
    s.stop.set()
    for t in [killer, *clients]:
        t.join(2 * DEADLINE)
        if t.is_alive():
            s.differ(f"{t} did not come to its end")
    time.sleep(1)
    memory.check()
    settle(s, clients, digests)
    time.sleep(2)
    check_events(s)
    clean_up(s)
    print("kills:", dict(s.kills))
    print("verbs:", sum(s.verbs.values()), dict(s.verbs))
    for took, when, what in s.slowest:
        print(f"slowest: {took:.2f} s, asked {time.strftime('%H:%M:%S', time.localtime(when))}.{int(when * 1000) % 1000:03}: {what}")
    print(f"{s.lifetime} daemons; {sum(map(len, s.events.values()))} events")
    print(f"{len(s.differences)} differences")
    return 1 if s.differences else 0


if __name__ == "__main__":
    sys.exit(main())
