# SPDX-License-Identifier: Apache-2.0
"""The engines of the bench: each in a world of its own (tests/lib/world.sh), spoken to by load and by its own client."""

import json
import os
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORLD = os.path.join(HERE, "..", "lib", "world.sh")
NULL = subprocess.DEVNULL


class BenchError(Exception):
    """What could not be measured, in words."""


def run(argv, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    if p.returncode:
        raise BenchError(f"{' '.join(argv[-6:])}: {p.stderr.strip()[-300:]}")
    return p.stdout


class Engine:
    name = ""
    daemon = False  # speaks the API

    def __init__(self, setup, tag):
        self.setup = setup
        self.dir = os.path.join(setup.work, f"w-{self.name}-{tag}")
        self.made = 0

    # --- the world
    def up(self):
        self.down()
        os.makedirs(self.dir)
        run(["sh", WORLD, "start", self.dir])
        self.prepare()

    def down(self):
        if os.path.exists(os.path.join(self.dir, "world.pid")):
            subprocess.run(["sh", WORLD, "stop", self.dir], stdout=NULL, stderr=NULL)
        with open("/proc/self/mounts", encoding="utf-8") as f:
            mounts = [line.split()[1] for line in f if line.split()[1].startswith(self.dir + "/")]
        for m in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", m], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def entered(self, argv):
        return ["sh", WORLD, "enter", self.dir, *argv]

    def processes(self):
        """pid -> comm of every process of the world."""
        found = {}
        name = subprocess.run(["cksum"], input=self.dir, stdout=subprocess.PIPE, text=True, check=True)
        group = "berth-test-" + name.stdout.split()[0]
        for top in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
            for at, _, files in os.walk(os.path.join(top, group)):
                if "cgroup.procs" not in files:
                    continue
                with open(os.path.join(at, "cgroup.procs"), encoding="utf-8") as f:
                    for pid in f.read().split():
                        try:
                            with open(f"/proc/{pid}/comm", encoding="utf-8") as c:
                                found[int(pid)] = c.read().strip()
                        except OSError:
                            pass
        return found

    # --- measures
    def time_client(self, args, runs=1):
        out = self.run_client([self.setup.load, "time", str(runs), *self.client(args)])
        return [int(x) / 1e6 for x in out.split()]

    def run_client(self, argv):
        """With the client's environment, which is there before it: no env(1) is measured along with it."""
        return run(self.entered(argv), env={**os.environ, **self.environment()})

    def client(self, args):
        raise NotImplementedError

    def environment(self):
        return {}

    def prepare(self):
        raise NotImplementedError


class Daemon(Engine):
    """An engine with an API on self.socket; self.daemons are the names of its processes, self.monitors those of its monitors."""

    daemon = True
    daemons = ()
    monitors = ()

    def __init__(self, setup, tag):
        super().__init__(setup, tag)
        self.socket = os.path.join(self.dir, "api.sock")
        self.process = None

    def argv(self):
        raise NotImplementedError

    def curl(self, argv, path):
        return run(["curl", "-s", "--unix-socket", self.socket, *argv, "http://x" + path])

    def prepare(self):
        self.boot()
        self.image()

    def image(self):
        run(["curl", "-sf", "--unix-socket", self.socket, "-H", "Content-Type: application/x-tar", "-X", "POST", "-T",
             self.setup.rootfs_tar, "http://x/images/create?fromSrc=-&repo=busybox&tag=latest"])

    def boot(self, ready="/_ping", enough=lambda text: True):
        """Starts the daemon; milliseconds until `ready` answers with enough."""
        stamp = os.path.join(self.dir, "started")
        with open(os.path.join(self.dir, "daemon.log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.entered(["sh", "-c", 'date +%s%N >"$0"; exec "$@"', stamp, *self.argv()]),
                stdin=NULL, stdout=log, stderr=log, start_new_session=True)
        return self.await_ready(stamp, ready, enough)

    def await_ready(self, stamp, ready, enough):
        import http.client
        import socket
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                c = http.client.HTTPConnection("x")
                c.sock = socket.socket(socket.AF_UNIX)
                c.sock.connect(self.socket)
                c.request("GET", ready)
                text = c.getresponse().read()
                now = time.time_ns()
                c.close()
                if enough(text):
                    with open(stamp, encoding="utf-8") as f:
                        return (now - int(f.read())) / 1e6
            except OSError:
                if self.process.poll() is not None:
                    break
            time.sleep(0.001)
        with open(os.path.join(self.dir, "daemon.log"), encoding="utf-8", errors="replace") as f:
            raise BenchError(f"{self.name} does not answer: {f.read()[-400:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def play(self, jobs, clients=1):
        """jobs: lists of (method, path[, body]). Returns ([[(status, ms, bytes)...] a job], wall ms)."""
        text = []
        for job in jobs:
            for line in job:
                body = json.dumps(line[2]) if len(line) > 2 else ""
                text.append(" ".join([line[0], line[1], body]).rstrip())
            text.append("")
        out = run([self.setup.load, "play", self.socket, str(clients)], input="\n".join(text)).split("\n")
        answers = [[] for _ in jobs]
        wall = 0.0
        for line in out:
            f = line.split()
            if f and f[0] == "wall":
                wall = int(f[1]) / 1e6
            elif f:
                answers[int(f[0])].append((int(f[2]), int(f[3]) / 1e6, int(f[4])))
        for job, got in zip(jobs, answers):
            for line, a in zip(job, got):
                if a[0] == 0 or a[0] >= 400:
                    raise BenchError(f"{self.name}: {line[0]} {line[1]}: status {a[0]}")
        return answers, wall

    def rate(self, path, clients, ms, new):
        """Requests per second."""
        out = run([self.setup.load, "rate", self.socket, path, str(clients), str(ms), *(["new"] if new else [])])
        return float(out.split()[0])

    def name_new(self):
        self.made += 1
        return f"b{self.made}"

    def create_line(self, name, **more):
        body = {"Image": "busybox", "Cmd": ["sleep", "100000"], "HostConfig": {}}
        body["HostConfig"].update(more.pop("HostConfig", {}))
        body.update(more)
        return ("POST", f"/containers/create?name={name}", body)

    def create(self, n, start=False, clients=8, **more):
        names = [self.name_new() for _ in range(n)]
        jobs = [[self.create_line(x, **more)] + ([("POST", f"/containers/{x}/start")] if start else []) for x in names]
        answers, wall = self.play(jobs, clients) if jobs else ([], 0.0)
        return names, answers, wall

    def remove(self, names, clients=8):
        if not names:
            return 0.0
        return self.play([[("DELETE", f"/containers/{x}?force=1&v=1")] for x in names], clients)[1]

    def populate(self, n):
        """Brings the number of stopped containers that are there to n."""
        there = int(self.count())
        if there < n:
            self.create(n - there)
        return n

    def count(self):
        out = run(["curl", "-sf", "--unix-socket", self.socket, "http://x/containers/json?all=1"])
        return len(json.loads(out))

    def pids(self, names):
        return [p for p, comm in self.processes().items() if comm in names]


class Berth(Daemon):
    name = "berth"
    daemons = ("berthd", "berth-netd")
    monitors = ("berth-shim",)

    def in_reserve(self):
        """The monitor that is up before its container: the engine's, no container's."""
        found = []
        for p in super().pids(self.monitors):
            try:
                with open(f"/proc/{p}/cmdline", "rb") as f:
                    found += [p] if b"\0" + b"-" * 64 in f.read() else []
            except OSError:
                pass
        return found

    def pids(self, names):
        spare = self.in_reserve()
        found = [p for p in super().pids(names) if p not in spare]
        return found + spare if set(self.daemons) & set(names) else found

    def argv(self):
        conf = os.path.join(self.dir, "daemon.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'data_root = "{self.dir}/data"; run_root = "/run/berth"; group = "root";\n'
                    f'listen = [ "unix://{self.socket}" ];\n')
        return [os.path.join(self.setup.prefix, "bin", "berthd"), "--config", conf]

    def client(self, args):
        return [os.path.join(self.setup.prefix, "bin", "berth"), *args]

    def environment(self):
        return {"BERTH_HOST": f"unix://{self.socket}"}


class Docker(Daemon):
    name = "docker"
    daemons = ("dockerd", "containerd")
    monitors = ("containerd-shim",)
    needs = ("dockerd", "docker", "containerd", "runc", "iptables")

    def prepare(self):
        run(self.entered(["sh", os.path.join(HERE, "peers.sh"), "mount", self.setup.peers]))
        super().prepare()

    def argv(self):
        # An empty file: the machine's own /etc/docker/daemon.json is none of ours.
        conf = os.path.join(self.dir, "daemon.json")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("{}\n")
        return ["dockerd", "--config-file", conf, "-H", f"unix://{self.socket}", "--data-root", f"{self.dir}/data",
                "--exec-root", "/run/docker", "-p", f"{self.dir}/dockerd.pid"]

    def client(self, args):
        docker = "/usr/bin/docker" if os.path.exists(os.path.join(self.setup.peers, "root/usr/bin/docker")) else "docker"
        return [docker, *args]

    def environment(self):
        return {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": f"{self.dir}/client"}


class Podman(Engine):
    name = "podman"
    needs = ("podman", "crun", "conmon")

    def prepare(self):
        run(self.entered(["sh", os.path.join(HERE, "peers.sh"), "mount-without-v2", self.setup.peers]))
        with open(os.path.join(self.dir, "containers.conf"), "w", encoding="utf-8") as f:
            f.write('[network]\nnetwork_backend="netavark"\n'
                    '[engine]\nruntime="crun"\nevents_logger="file"\ncgroup_manager="cgroupfs"\n')
        self.run_client(self.client(["import", self.setup.rootfs_tar, "busybox:latest"]))

    def client(self, args):
        if args[0] == "run":  # raising the limits takes a capability that a machine may lack
            args = ["run", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", *args[1:]]
        return ["podman", "--root", f"{self.dir}/data", "--runroot", "/run/podman", *args]

    def environment(self):
        return {"CONTAINERS_CONF": f"{self.dir}/containers.conf"}


class Crun(Engine):
    name = "crun"
    needs = ("crun",)

    def prepare(self):
        run(self.entered(["sh", os.path.join(HERE, "peers.sh"), "mount-without-v2", self.setup.peers]))
        os.makedirs(f"{self.dir}/bundle/rootfs")
        run(["tar", "-C", f"{self.dir}/bundle/rootfs", "-xf", self.setup.rootfs_tar])
        run(self.entered([self.name, "spec", "-b", f"{self.dir}/bundle"]))
        config = f"{self.dir}/bundle/config.json"
        with open(config, encoding="utf-8") as f:
            spec = json.load(f)
        spec["process"].update(terminal=False, args=["true"])
        with open(config, "w", encoding="utf-8") as f:
            json.dump(spec, f)

    def client(self, args):
        return [self.name, "run", "-b", f"{self.dir}/bundle", "bench"]


class Runc(Crun):
    name = "runc"
    needs = ("runc",)


KINDS = {c.name: c for c in (Berth, Docker, Podman, Crun, Runc)}
