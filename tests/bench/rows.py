# SPDX-License-Identifier: Apache-2.0
"""The rows of the bench. A row is a function that takes the bench and yields figures; docs/bench.md says what each means."""

import os
import select
import shutil
import socket
import statistics
import time

from engines import BenchError

ROWS = []


class Figure:
    """One line of the table. better: "less" or "more"; of: "ratio" or "ours", what `reach` bounds (None: for show)."""

    def __init__(self, key, title, unit, ours, peer_name="", peer=None, better="less", reach=None, of="ratio", samples=None):
        self.key, self.title, self.unit = key, title, unit
        self.ours, self.peer_name, self.peer = ours, peer_name, peer
        self.better, self.reach, self.of = better, reach, of
        self.samples = samples or {}

    @property
    def ratio(self):
        return self.ours / self.peer if self.peer else None

    @property
    def judged(self):
        return self.ratio if self.of == "ratio" else self.ours

    @property
    def reached(self):
        if self.reach is None or self.judged is None:
            return None
        return self.judged <= self.reach if self.better == "less" else self.judged >= self.reach


def row(name, peers=(), titles=""):
    def add(f):
        ROWS.append((name, tuple(peers), titles, f))
        return f
    return add


def alternate(rounds, measures):
    """measures: name -> function that returns a list of samples. A B A B ..., the first round is thrown away."""
    samples = {name: [] for name in measures}
    for i in range(rounds + 1):
        for name, f in measures.items():
            got = f()
            if i > 0:
                samples[name] += got
    return samples


def figures(key, title, unit, samples, reaches, better="less", point=statistics.median):
    """A figure for each peer of the samples; reaches: peer -> reach."""
    ours = point(samples["berth"])
    peers = [p for p in samples if p != "berth"]
    if not peers:
        yield Figure(key, title, unit, ours, better=better, samples=samples)
    for p in peers:
        yield Figure(key, title, unit, ours, p, point(samples[p]), better, reaches.get(p),
                     samples={"berth": samples["berth"], p: samples[p]})


# --- starting
@row("start", ["docker"], "API start on bridge")
def api_start(b):
    def one(e):
        name = e.name_new()
        answers, _ = e.play([[e.create_line(name), ("POST", f"/containers/{name}/start")]])
        e.remove([name])
        return [answers[0][1][1]]
    samples = alternate(b.n(20, 6), b.measures(one, "docker"))
    yield from figures("start", "API start on bridge", "ms", samples, {"docker": 0.035})


def run_rows(b, key, title, args, reaches):
    def one(e):
        return e.time_client(["run", "--rm", *args, "busybox", "true"])
    samples = alternate(b.n(20, 6), b.measures(one, *reaches))
    yield from figures(key, title, "ms", samples, reaches)


@row("run-none", ["crun", "runc", "docker", "podman"], "berth run --rm, network none")
def run_none(b):
    yield from run_rows(b, "run-none", "run --rm, network none", ["--network", "none"],
                        {"crun": 1.3, "runc": None, "docker": None, "podman": None})


@row("run", ["docker", "podman"], "berth run --rm on bridge")
def run_bridge(b):
    yield from run_rows(b, "run", "run --rm on bridge", [], {"docker": 0.045, "podman": None})


@row("run-port", ["docker", "podman"], "berth run --rm with a published port")
def run_port(b):
    yield from run_rows(b, "run-port", "run --rm with a published port", ["-p", "18080:80"], {"docker": 0.045, "podman": None})


@row("client", ["docker"], "the client's own time: version, ps, inspect")
def client_rows(b):
    names = {e.name: e.create(10, start=True)[0] for e in b.engines("docker")}
    for command, reach in (("version", 0.15), ("ps", 0.2), ("inspect", 0.2)):
        def one(e, command=command):
            return e.time_client([command] + names[e.name][:command == "inspect"], runs=3)
        samples = alternate(b.n(10, 4), b.measures(one, "docker"))
        yield from figures("client-" + command, f"berth {command}", "ms", samples, {"docker": reach})
    for e in b.engines("docker"):
        e.remove(names[e.name])


@row("parallel", ["docker"], "50 containers by 8 clients: create and start; rm -f")
def parallel(b):
    samples = {"start": {}, "rm": {}}
    n = b.n(50, 50)
    for i in range(b.n(4, 2)):
        for e in b.engines("docker"):
            names, _, up = e.create(n, start=True)
            down = e.remove(names)
            if i > 0:
                samples["start"].setdefault(e.name, []).append(up)
                samples["rm"].setdefault(e.name, []).append(down)
    yield from figures("parallel-start", f"{n} containers by 8 clients: create, start", "ms", samples["start"], {"docker": 0.07})
    yield from figures("parallel-rm", f"{n} containers by 8 clients: rm -f", "ms", samples["rm"], {"docker": 0.15})


@row("exec", ["docker"], "exec of true by API")
def exec_true(b):
    names = {e.name: e.create(1, start=True)[0] for e in b.engines("docker")}

    def one(e):
        answers, _ = e.play([[
            ("POST", f"/containers/{names[e.name][0]}/exec", {"Cmd": ["true"], "AttachStdout": True, "AttachStderr": True}),
            ("+POST", "/exec/{}/start", {"Detach": False, "Tty": False}),
        ]])
        return [sum(a[1] for a in answers[0])]
    samples = alternate(b.n(30, 8), b.measures(one, "docker"))
    for e in b.engines("docker"):
        e.remove(names[e.name])
    yield from figures("exec", "exec of true by API", "ms", samples, {"docker": 0.1})


# --- requests
def rate_rows(b, key, title, path, new, reach):
    def one(e):
        return [e.rate(path, 8, b.n(2000, 1000), new)]
    samples = alternate(b.n(5, 2), b.measures(one, "docker"))
    yield from figures(key, title, "1/s", samples, {"docker": reach}, better="more")


@row("requests", ["docker"], "requests/s of /_ping and /containers/json, 8 connections")
def requests(b):
    yield from rate_rows(b, "requests-ping", "/_ping, 8 connections", "/_ping", False, 2)
    names = {e: e.create(10, start=True)[0] for e in b.engines("docker")}
    yield from rate_rows(b, "requests-list", "/containers/json (10), 8 connections", "/containers/json", False, 2)
    for e, made in names.items():
        e.remove(made)


@row("requests-new", ["docker"], "the same with a new connection each")
def requests_new(b):
    yield from rate_rows(b, "requests-new-ping", "/_ping, a new connection each", "/_ping", True, 0.7)
    names = {e: e.create(10, start=True)[0] for e in b.engines("docker")}
    yield from rate_rows(b, "requests-new-list", "/containers/json (10), a new connection each", "/containers/json", True, 0.7)
    for e, made in names.items():
        e.remove(made)


# --- logs
LINE = "".join(chr(97 + i % 26) for i in range(99)) + "\n"


def log_lines(b):
    path = os.path.join(b.work, "lines.txt")
    size = b.n(128, 64) << 20
    if not os.path.exists(path) or os.path.getsize(path) != size // 100 * 100:
        with open(path, "w", encoding="utf-8") as f:
            for _ in range(size // 100):
                f.write(LINE)
    return path


@row("logs", ["docker"], "json-file write of 100-byte lines; logs read")
def logs(b):
    path = log_lines(b)
    mb = os.path.getsize(path) / 1e6
    written, read = {}, {}
    for i in range(b.n(4, 2)):
        for e in b.engines("docker"):
            name = e.name_new()
            answers, _ = e.play([[
                e.create_line(name, Cmd=["cat", "/lines"], HostConfig={
                    "Binds": [f"{path}:/lines:ro"], "LogConfig": {"Type": "json-file", "Config": {"max-size": "4g"}}}),
                ("POST", f"/containers/{name}/start"), ("POST", f"/containers/{name}/wait")]])
            got, _ = e.play([[("GET", f"/containers/{name}/logs?stdout=1")]])
            e.remove([name])
            if got[0][0][2] < mb * 1e6:
                raise BenchError(f"{e.name}: logs gave {got[0][0][2]} bytes of {mb * 1e6:.0f}")
            if i > 0:
                written.setdefault(e.name, []).append(mb * 1e3 / answers[0][2][1])
                read.setdefault(e.name, []).append(mb * 1e3 / got[0][0][1])
    yield from figures("log-write", "json-file write, 100-byte lines", "MB/s", written, {"docker": 8}, better="more")
    yield from figures("log-read", "logs read", "MB/s", read, {"docker": 20}, better="more")


# --- archives of images
def image_tar(b):
    """A root file system as images have it: some thousand files of all sizes, 120 MB, half of it not to be compressed."""
    import random
    import subprocess
    path = os.path.join(b.work, f"rootfs-{b.n(120, 40)}.tar")
    if os.path.exists(path):
        return path
    r, top = random.Random(5), os.path.join(b.work, "image-root")
    for i in range(b.n(3000, 1000)):
        at = os.path.join(top, f"usr/lib/d{i % 150}")
        os.makedirs(at, exist_ok=True)
        size = r.choice([200, 2000, 8000, 20000, 40000, 170000])
        with open(os.path.join(at, f"f{i}"), "wb") as f:
            f.write(r.randbytes(size) if i % 2 else (b"%d text\n" % i * size)[:size])
    subprocess.run(["tar", "-C", top, "--sort=name", "--numeric-owner", "-cf", path + ".part", "."], check=True)
    subprocess.run(["rm", "-rf", top], check=True)
    os.rename(path + ".part", path)
    return path


def timed_curl(e, argv, args):
    """Milliseconds of one request, by curl, which is the same for both. What the other engine has written and not synced is not paid here."""
    os.sync()
    out = e.curl(["-o", "/dev/null", "-w", "%{http_code} %{time_total}", *argv], args)
    code, seconds = out.split()
    if code != "200":
        raise BenchError(f"{e.name}: {args} answered {code}")
    return [float(seconds) * 1000]


@row("archives", ["docker"], "import, save and load of an image of 120 MB")
def archives(b):
    path = image_tar(b)
    tar = ["-H", "Content-Type: application/x-tar", "-X", "POST", "-T", path]
    samples = {"import": {}, "save": {}, "load": {}}
    for i in range(b.n(6, 3)):
        for e in b.engines("docker"):
            saved = os.path.join(e.dir, "saved.tar")
            got = {"import": timed_curl(e, tar, "/images/create?fromSrc=-&repo=big&tag=1"),
                   "save": timed_curl(e, [], "/images/big:1/get")}
            e.curl(["-f", "-o", saved], "/images/big:1/get")
            e.curl(["-f", "-X", "DELETE"], "/images/big:1?force=1")
            got["load"] = timed_curl(e, [*tar[:-1], saved], "/images/load?quiet=1")
            e.curl(["-f", "-X", "DELETE"], "/images/big:1?force=1")
            os.unlink(saved)
            for name, value in got.items():
                if i > 0:
                    samples[name].setdefault(e.name, []).extend(value)
    size = f"{os.path.getsize(path) / 1e6:.0f} MB"
    yield from figures("import", f"import of {size}", "ms", samples["import"], {"docker": 0.5})
    yield from figures("save", f"save of {size}", "ms", samples["save"], {"docker": 0.3})
    yield from figures("load", f"load of {size}", "ms", samples["load"], {"docker": 0.4})


# --- files of containers
def file_tree(b, n):
    top = os.path.join(b.work, f"tree-{n}")
    if not os.path.exists(top):
        for i in range(n):
            at = os.path.join(top + ".new", f"d{i // 100}")
            os.makedirs(at, exist_ok=True)
            with open(os.path.join(at, f"f{i % 100}"), "w", encoding="utf-8") as f:
                f.write(LINE * (i % 40 + 1))
        os.rename(top + ".new", top)
    return top


@row("files", ["docker"], "cp of 20,000 files in and out, export and commit of them, by the clients")
def files(b):
    n = b.n(20000, 4000)
    tree = file_tree(b, n)
    rounds = b.n(3, 2)
    names = {e.name: e.create(1)[0][0] for e in b.engines("docker")}
    place = {e.name: os.path.join(e.dir, "out") for e in b.engines("docker")}
    made = dict.fromkeys(names, 0)

    def copy_in(e):
        made[e.name] += 1
        return e.time_client(["cp", tree, f"{names[e.name]}:/tree{made[e.name]}"])

    def copy_out(e):
        shutil.rmtree(place[e.name], ignore_errors=True)
        return e.time_client(["cp", f"{names[e.name]}:/tree1", place[e.name]])

    def export(e):
        return e.time_client(["export", "-o", place[e.name] + ".tar", names[e.name]])

    def commit(e):
        spent = e.time_client(["commit", names[e.name], "bench:commit"])
        e.play([[("DELETE", "/images/bench:commit")]])
        return spent
    copied_in = alternate(rounds, b.measures(copy_in, "docker"))
    yield from figures("cp-in", f"cp of {n} files into a container", "ms", copied_in, {"docker": 0.4})
    copied_out = alternate(rounds, b.measures(copy_out, "docker"))
    yield from figures("cp-out", f"cp of {n} files out of a container", "ms", copied_out, {"docker": 0.4})
    held = n * (rounds + 1)
    yield from figures("export", f"export of {held} files", "ms", alternate(rounds, b.measures(export, "docker")), {"docker": 0.3})
    yield from figures("commit", f"commit of {held} files", "ms", alternate(rounds, b.measures(commit, "docker")), {"docker": 0.3})
    for e in b.engines("docker"):
        e.remove([names[e.name]])


# --- memory, wake-ups, boot
def pss_mb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return total / 1024


def engine_pss(e):
    return pss_mb(e.pids(e.daemons))


@row("memory", ["docker"], "PSS: one running container, the idle daemon, with 500 running containers")
def memory(b):
    idle, one = {}, {}
    for e in b.fresh("docker", image=False):
        time.sleep(1)  # what start-up still does on threads of its own
        idle[e.name] = [engine_pss(e)]
        e.image()
        e.create(1, start=True)
        time.sleep(1)
        one[e.name] = [pss_mb(e.pids(e.monitors))]
        if e.name == "berth":
            e.create(499, start=True)
            time.sleep(1)
            many = engine_pss(e)
            each = pss_mb(e.pids(e.monitors)) / 500
        e.down()
    peer = one.get("docker", [None])[0]
    yield Figure("memory-container", "PSS of the monitor of one container", "MB", one["berth"][0], "docker" if peer else "", peer,
                 reach=0.5, of="ours")
    yield Figure("memory-container-500", "the same, each of 500", "MB", each)
    peer = idle.get("docker", [None])[0]
    yield Figure("memory-idle", "PSS of the idle daemon and netd, fresh", "MB", idle["berth"][0], "docker" if peer else "", peer,
                 reach=8, of="ours")
    yield Figure("memory-500", "PSS of daemon and netd, 500 running", "MB", many, reach=30, of="ours")


def switches(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as f:
                total += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
    return total


@row("wakeups", ["docker"], "wake-ups of the idle daemon, netd and shims in 10 s")
def wakeups(b):
    count = {}
    for e in b.fresh("docker"):
        e.create(10, start=True)
        time.sleep(5)
        pids = e.pids(e.daemons + e.monitors)
        before = switches(pids)
        time.sleep(10)
        count[e.name] = switches(pids) - before
        e.down()
    peer = count.get("docker")
    yield Figure("wakeups", "wake-ups in 10 s, 10 containers running", "", count["berth"], "docker" if peer else "", peer,
                 reach=0, of="ours")


def cpu_ns(pids):
    """Time on a processor, of all threads that live."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total


def drain(sockets, seconds):
    """Reads what comes; returns how many lines of statistics that were."""
    poll, lines, end = select.epoll(), 0, time.monotonic() + seconds
    for s in sockets:
        poll.register(s, select.EPOLLIN)
    by_fd = {s.fileno(): s for s in sockets}
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.2):
            lines += by_fd[fd].recv(1 << 20).count(b'"read"')
    return lines


@row("stats", [], "cpu of the daemon with a stream of statistics of each of 200 containers")
def stats(b):
    (e,) = b.fresh()
    sockets = []
    for name in e.create(200, start=True)[0]:
        s = socket.socket(socket.AF_UNIX)
        s.connect(e.socket)
        s.sendall(f"GET /containers/{name}/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        sockets.append(s)
    drain(sockets, 3)
    pids, begun = e.pids(["berthd"]), time.monotonic()
    before = cpu_ns(pids)
    lines = drain(sockets, 20)
    share = 100 * (cpu_ns(pids) - before) / 1e9 / (time.monotonic() - begun)
    if lines < 200 * 18:
        raise BenchError(f"stats: {lines} lines in 20 s of 200 streams")
    for s in sockets:
        s.close()
    e.down()
    yield Figure("stats", "cpu of the daemon, 200 streams of statistics", "%", share, reach=2, of="ours")


@row("boot", [], "boot with 1,000 containers known, 100 of them running")
def boot(b):
    (e,) = b.fresh()
    many = b.n(1000, 200)
    e.create(many - many // 10)
    e.create(many // 10, start=True)

    def all_there(text):
        return text.count(b'"State":"running"') == many // 10
    ping, full = [], []
    for _ in range(b.n(5, 3)):
        e.kill()
        ping.append(e.boot())
        e.kill()
        full.append(e.boot("/containers/json", all_there))
    e.down()
    yield Figure("boot-ping", f"boot to the first /_ping, {many} known, {many // 10} running", "ms", statistics.median(ping))
    yield Figure("boot", f"boot to all running listed, {many} known, {many // 10} running", "ms", statistics.median(full),
                 reach=500, of="ours", samples={"berth": full})


# --- with many containers there: last, since the containers stay
def latency(b, there):
    samples = {at: {} for at in (1, 16, 64)}
    for at, rounds in ((1, b.n(20, 5)), (16, b.n(3, 1)), (64, b.n(2, 1))):
        for _ in range(rounds):
            for e in b.engines("docker"):
                names, _, _ = e.create(at)
                answers, _ = e.play([[("POST", f"/containers/{x}/start")] for x in names], clients=at)
                e.remove(names)
                samples[at].setdefault(e.name, []).extend(a[0][1] for a in answers)
    for at, got in samples.items():
        for p, point in (("p50", statistics.median), ("p99", lambda s: sorted(s)[min(len(s) - 1, int(len(s) * 0.99))])):
            yield from figures(f"latency-{at}-{there}-{p}", f"start, {at} at once, {there} there: {p}", "ms", got, {}, point=point)


@row("latency", ["docker"], "p50 and p99 of start at 1, 16, 64 at once, nothing else there")
def latency_empty(b):
    yield from latency(b, 0)


@row("many", ["docker"], "list and inspect with 1,000 containers")
def many(b):
    n = b.n(1000, 200)
    name = {}
    for e in b.engines("docker"):
        e.populate(n)
        name[e.name] = e.create(1)[0][0]

    def lists(e):
        answers, _ = e.play([[("GET", "/containers/json?all=1")]] * 3)
        return [a[0][1] for a in answers]

    def inspects(e):
        answers, _ = e.play([[("GET", f"/containers/{name[e.name]}/json")]] * 20)
        return [a[0][1] for a in answers[1:]]
    yield from figures("list", f"list of {n} containers", "ms", alternate(b.n(7, 3), b.measures(lists, "docker")), {"docker": 0.1})
    yield from figures("inspect", f"inspect with {n} containers", "ms", alternate(b.n(7, 3), b.measures(inspects, "docker")),
                       {"docker": 0.1})
    for e in b.engines("docker"):
        e.remove([name[e.name]])


@row("latency-many", ["docker"], "p50 and p99 of start with 1,000 containers there")
def latency_many(b):
    n = b.n(1000, 200)
    for e in b.engines("docker"):
        e.populate(n)
    yield from latency(b, n)
