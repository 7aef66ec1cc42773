# SPDX-License-Identifier: Apache-2.0
"""A client of the soak, and its model: what each of its containers may be, given what was asked and what was killed."""
import json
import os
import random
import threading
import time

from api import Gone, Late, demux, read_all

DEADLINE = 60
LINES = 40
NUMBERED = (
    "trap 'exit 9' TERM; i=0; while [ $i -lt $1 ]; do echo run $i; echo run $i >>/v/log; i=$((i+1)); sleep 0.02; done; exit $2"
)
LASTING = "trap 'exit 9' TERM; i=0; while :; do echo run $i; echo run $i >>/v/log; i=$((i+1)); sleep 0.1; done"


# Health checks: one that succeeds, one that takes too long and has children, one without a process, which nobody answers.
SECOND = 10**9
CHECKS = {
    "none": {"Test": ["NONE"]},
    "good": {"Test": ["CMD", "true"], "Interval": SECOND},
    "late": {"Test": ["CMD-SHELL", "(setsid sleep 31 &) ; sleep 32"], "Interval": SECOND, "Timeout": SECOND // 5, "Retries": 2},
    "tcp": {"Test": ["TCP", "80"], "Interval": SECOND, "Retries": 2},
}


class Unknown(Exception):
    """The answer was lost: done or not."""


class Container:
    """One container of one client, and what the model knows of it."""

    def __init__(self, name):
        self.name, self.id = name, None
        self.may = {"none"}
        self.code = None  # that it exits with when nobody ends it; None: never by itself
        self.ended_by_us = False
        self.leaving = False  # somebody's request for its end lost its answer
        self.runs = 0
        self.checked = "none"

    def can_end(self, soak):
        return self.leaving or self.code is not None or self.id in soak.shim_killed


class Client(threading.Thread):
    def __init__(self, soak, n, seed):
        super().__init__(daemon=True)
        self.s, self.n, self.r = soak, n, random.Random(seed)
        self.own = [Container(f"own-{n}-{i}") for i in range(soak.o.own)]
        self.short = 0

    # --- the model of a container of our own
    def spread(self, c):
        """What has happened by itself."""
        if c.can_end(self.s) and c.may & {"running", "paused"}:
            c.may |= {"exited"}

    def verb(self, c, method, path, rules, event=None):
        """rules: state → (status, next state). Checks the answer, narrows and moves what may be."""
        self.spread(c)
        before, lifetime = set(c.may), self.s.lifetime
        try:
            status, body = self.s.call(method, path)
        except Gone:
            c.may = before | {rules[x][1] for x in before if x in rules}
            if c.ended_by_us and before & {"running", "paused"}:
                c.may |= {"running", "exited"}  # thawed, signalled, ended, but not all of it
                c.leaving = True
            if path.endswith("/restart?t=0"):
                c.may |= {"exited", "restarting"}  # its second half is done when the daemon is back
            raise Unknown
        except Late as e:
            self.s.differ(f"no answer within {DEADLINE} s: {e}")
            raise Unknown
        self.spread(c)
        before |= c.may
        fits = {rules[x][1] for x in before if rules[x][0] == status}
        if status == 500 and c.id in self.s.shim_killed and path.split("?")[0].endswith("start"):
            fits = (before & {"created"}) | {"exited"}
        if not fits:
            self.s.differ(f"{method} {path}: {status} {body}, but {c.name} may be {sorted(before)}")
            fits = before
        c.may = fits
        if event and status in (200, 201, 204):
            self.s.expect_event(lifetime, c.id, event)
        return status, body

    @staticmethod
    def rules(ok, then, otherwise, other_states, same=()):
        r = {x: (204, then) for x in ok}
        r.update({x: (otherwise, x) for x in other_states})
        r.update({x: (304, x) for x in same})
        r["none"] = (404, "none")
        return r

    def create(self, c):
        c.code = self.r.choice([None, 0, 3, 77])
        command = [LASTING, "x"] if c.code is None else [NUMBERED, "x", str(LINES), str(c.code)]
        host = {"NetworkMode": self.r.choice(["none", "none", "default"]), "Binds": [f"vol-{c.name}:/v", f"{c.name}-kept:/k"]}
        body = {"Image": "busybox", "Cmd": ["sh", "-c", *command], "HostConfig": host}
        if host["NetworkMode"] == "default":
            body["ExposedPorts"] = {"80/tcp": {}}
            host["PortBindings"] = {"80/tcp": [{"HostPort": ""}]}
        c.checked = self.r.choice(list(CHECKS))
        body["Healthcheck"] = CHECKS[c.checked]
        lifetime = self.s.lifetime
        try:
            status, answer = self.s.call("POST", f"/containers/create?name={c.name}", body)
        except Gone:
            c.id, c.may = None, {"none", "created"}  # half-made ones are removed at start-up; a look decides
            raise Unknown
        if status == 201:
            c.id, c.may, c.runs, c.ended_by_us, c.leaving = answer["Id"], {"created"}, 0, False, False
            self.s.owned[c.id] = c
            self.s.expect_event(lifetime, c.id, "create")
        elif not (status == 409 and c.may != {"none"}):
            self.s.differ(f"create of {c.name}: {status} {answer}")

    def begin(self, c):
        rules = self.rules(["created", "exited"], "running", 409, ["paused"], ["running"])
        before = c.ended_by_us
        if c.may & {"created", "exited"}:
            c.ended_by_us = c.leaving
        try:
            self.verb(c, "POST", f"/containers/{c.name}/start", rules, "start")
        except Unknown:
            c.ended_by_us |= before  # a start that was undone leaves the end before it
            raise
        self.spread(c)

    def look(self, c):
        self.spread(c)
        try:
            status, body = self.s.call("GET", f"/containers/{c.name}/json")
        except Gone:
            return None
        self.spread(c)
        seen = "none" if status == 404 else body["State"]["Status"] if status == 200 else f"status {status}"
        if seen == "removing" and "none" in c.may:
            return body
        if seen == "created" and c.id != body["Id"]:
            # a create whose answer was lost
            c.id, c.may, c.ended_by_us, c.leaving = body["Id"], {"created"}, False, False
            self.s.owned[c.id] = c
        if seen not in c.may:
            self.s.differ(f"{c.name} ({c.id}) is {seen}, but may be {sorted(c.may)}")
        c.may = {seen}
        if status == 200 and seen in ("running", "paused", "exited"):
            self.check_health(c, seen, body["State"].get("Health"))
        if seen == "exited":
            self.check_code(c, body["State"])
        elif seen == "running" and not os.path.exists(f"/proc/{body['State']['Pid']}") and not c.can_end(self.s):
            self.s.differ(f"{c.name} runs by inspect, but its process {body['State']['Pid']} does not live")
        return body

    def check_code(self, c, state):
        allowed = {c.code}
        if c.ended_by_us:
            allowed |= {9, 137, 143}
        if c.id in self.s.shim_killed:
            allowed |= {137, 9, 128}  # 128: it was killed during a start
        if state["ExitCode"] not in allowed - {None}:
            self.s.differ(f"{c.name} ({c.id}): exit code {state['ExitCode']} ({state['Error']}), not one of {allowed}")

    def check_health(self, c, seen, health):
        """One that is checked has a health that its check can give; one that rests has Docker's."""
        if c.checked == "none" or not health:
            if health or (c.checked != "none" and seen != "exited"):  # exited: perhaps it never ran
                self.s.differ(f"{c.name} ({c.id}) is {seen}, its check is \"{c.checked}\", and its health is {health}")
            return
        fits = {"good": ("starting", "healthy")}.get(c.checked, ("starting", "unhealthy")) if seen == "running" else ("unhealthy",)
        # Thawed, or paused a moment ago: the next result counts.
        if health["Status"] not in (*fits, "unhealthy") or len(health["Log"]) > 5:
            self.s.differ(f"{c.name} ({c.id}) is {seen}, its check is \"{c.checked}\", and its health is {health}")

    def check_numbers(self, c, lines, where):
        """Each run counts from 0 without a gap; a run that ended by itself is complete."""
        last = -1
        for line in lines:
            if not line.startswith("run ") or not line[4:].isdigit():
                self.s.differ(f"{where} of {c.name} ({c.id}): \"{line[:80]}\"")
                return
            n = int(line[4:])
            if n not in (0, last + 1):
                self.s.differ(f"{where} of {c.name} ({c.id}): {n} after {last}")
                return
            last = n
        if c.may == {"exited"} and c.code is not None and not c.ended_by_us and c.id not in self.s.shim_killed:
            if last != LINES - 1:
                self.s.differ(f"{where} of {c.name} ({c.id}): ends with {last}, {LINES - 1} was to be")

    def check_logs(self, c):
        self.look(c)
        try:
            status, data = self.s.call("GET", f"/containers/{c.name}/logs?stdout=1&stderr=1")
        except Gone:
            return
        if status == 200:
            text = demux(data).decode()
            lines = text.split("\n")
            self.check_numbers(c, lines[:-1] if c.may != {"exited"} or lines[-1] == "" else lines, "the log")
        elif c.may != {"none"}:
            self.s.differ(f"logs of {c.name}: {status} {data}")

    # --- the verbs
    def act(self, c):
        end = time.time() + 20
        while "restarting" in c.may and time.time() < end and not self.s.stop.is_set():
            c.may |= {"running", "exited", "restarting"}
            if self.look(c) is None:
                return
            time.sleep(0.05)
        if c.id is None and c.may != {"none"}:
            self.look(c)
            if len(c.may) > 1:
                return None
        self.spread(c)
        if c.may == {"none"}:
            return self.create(c)
        name = self.r.choice(["start", "start", "start", "stop", "kill", "pause", "unpause", "restart", "wait", "exec", "exec",
                              "logs", "look", "rm", "rmf"])
        self.s.verbs[name] += 1
        running = ["running", "paused"]
        rest = ["created", "exited"]
        path = f"/containers/{c.name}"
        if name in ("stop", "kill", "restart", "rmf"):
            c.ended_by_us = True
        if name == "start":
            self.begin(c)
        elif name == "stop":
            self.verb(c, "POST", f"{path}/stop?t={self.r.choice([0, 1])}", self.rules(running, "exited", 304, [], rest), "stop")
        elif name == "kill":
            self.verb(c, "POST", f"{path}/kill", self.rules(running, "exited", 409, rest), "kill")
        elif name == "pause":
            self.verb(c, "POST", f"{path}/pause", self.rules(["running"], "paused", 409, rest + ["paused"]), "pause")
        elif name == "unpause":
            self.verb(c, "POST", f"{path}/unpause", self.rules(["paused"], "running", 409, rest + ["running"]), "unpause")
        elif name == "restart":
            self.verb(c, "POST", f"{path}/restart?t=0", self.rules(running + rest, "running", 0, []), "restart")
            self.spread(c)
        elif name == "wait":
            self.wait(c)
        elif name == "exec":
            self.exec(c)
        elif name == "logs":
            self.check_logs(c)
        elif name == "look":
            self.look(c)
        elif name in ("rm", "rmf"):
            self.remove(c, name == "rmf")

    def remove(self, c, force):
        self.check_logs(c)
        rest, running = ["created", "exited"], ["running", "paused"]
        cid = c.id
        if force:
            rules = self.rules(rest + running, "none", 0, [])
        else:
            rules = self.rules(rest, "none", 409, running)
        self.verb(c, "DELETE", f"/containers/{c.name}?force={int(force)}", rules, "destroy")
        if c.may == {"none"} and cid and os.path.exists(f"{self.s.o.world}/data/containers/{cid}"):
            self.s.differ(f"{c.name} ({cid}) is removed, but its directory is there")

    def wait(self, c):
        if c.code is None and c.may != {"exited"}:
            return
        if not c.may <= {"running", "exited"}:
            return
        try:
            status, body = self.s.call("POST", f"/containers/{c.name}/wait")
        except Gone:
            raise Unknown
        if status != 200:
            self.s.differ(f"wait for {c.name}: {status} {body}")
        elif isinstance(body, dict) and not body.get("Error"):
            c.may = {"exited"} if self.s.up.is_set() else c.may | {"exited"}

    def exec(self, c):
        word, code = f"w{self.r.randrange(10**9)}", self.r.randrange(1, 100)
        self.spread(c)
        may, lifetime = set(c.may), self.s.lifetime
        body = {"Cmd": ["sh", "-c", f"echo {word}; exit {code}"], "AttachStdout": True, "AttachStderr": True}
        try:
            status, answer = self.s.call("POST", f"/containers/{c.name}/exec", body)
            self.spread(c)
            may |= c.may
            if status != 201:
                if "none" not in may and not may & {"created", "exited", "paused"}:
                    self.s.differ(f"exec in {c.name}: {status} {answer}, but it may be {sorted(may)}")
                return
            if not may & {"running"}:
                self.s.differ(f"exec in {c.name}: {status}, but it may be {sorted(may)}")
            xid = answer["Id"]
            status, stream = self.s.api.hijack(f"/exec/{xid}/start", {"Detach": False, "Tty": False})
            out = demux(read_all(stream)).decode() if status == 101 else ""
            _, x = self.s.call("GET", f"/exec/{xid}/json")
        except Gone:
            raise Unknown
        except Late as e:
            return self.s.differ(f"exec in {c.name}: no end within {DEADLINE} s: {e}")
        self.spread(c)
        undisturbed = may == {"running"} and c.may == {"running"} and lifetime == self.s.lifetime and self.s.up.is_set()
        if undisturbed and (status, out, x.get("ExitCode"), x.get("Running")) != (101, f"{word}\n", code, False):
            self.s.differ(f"exec {xid} in {c.name}: {status} {out!r} {x}")

    # --- others
    def run_rm(self):
        """create, attach, start, wait(removed): all output, the right code, and nothing is left."""
        self.short += 1
        name, code, n = f"short-{self.n}-{self.short}", self.r.randrange(100), self.r.randrange(1, 200)
        lifetime = self.s.lifetime
        script = f"i=0; while [ $i -lt {n} ]; do echo $i; i=$((i+1)); done; exit {code}"
        body = {"Image": "busybox", "Cmd": ["sh", "-c", script], "HostConfig": {"AutoRemove": True, "NetworkMode": "none"},
                "AttachStdout": True, "AttachStderr": True}
        self.s.verbs["run --rm"] += 1
        try:
            status, answer = self.s.call("POST", f"/containers/create?name={name}", body)
            if status != 201:
                return self.s.differ(f"create of {name}: {status} {answer}")
            status, stream = self.s.api.hijack(f"/containers/{name}/attach?stream=1&stdout=1&stderr=1")
            waiting, connection = self.s.api.open("POST", f"/containers/{name}/wait?condition=removed")
            status, started = self.s.call("POST", f"/containers/{name}/start")
            out = demux(read_all(stream)).decode()
            result = json.loads(waiting.read() or b"{}")
            connection.close()
        except (Gone, ValueError, OSError):
            return None
        except Late as e:
            return self.s.differ(f"run --rm of {name}: no end within {DEADLINE} s: {e}")
        except Exception as e:
            if type(e).__module__ == "http.client":
                return None
            raise
        if lifetime != self.s.lifetime or not self.s.up.is_set() or answer["Id"] in self.s.shim_killed:
            return None
        if status != 204 or out != "".join(f"{i}\n" for i in range(n)) or result.get("StatusCode") != code:
            self.s.differ(f"run --rm of {name} ({answer['Id']}): start {status} {started}, {len(out)} bytes, {result}; {code} was to be")
        for action in ("create", "attach", "start", "die", "destroy"):
            self.s.expect_event(lifetime, answer["Id"], action)
        return None

    def shared(self):
        """Everybody's containers: each answer has to be one that some order explains."""
        name = f"shared-{self.r.randrange(self.s.o.shared)}"
        verb = self.r.choice(["create", "create", "start", "start", "stop", "kill", "pause", "unpause", "restart", "json", "logs",
                              "rm", "exec", "ps"])
        self.s.verbs[f"shared {verb}"] += 1
        body = None
        if verb == "create":
            path = f"/containers/create?name={name}"
            policy = self.r.choice(["no", "always", "unless-stopped", "on-failure"])
            script = self.r.choice(["sleep 1000", "exit 1", "sleep 0.3; exit 2"])
            body = {"Image": "busybox", "Cmd": ["sh", "-c", script],
                    "HostConfig": {"NetworkMode": self.r.choice(["none", "default"]), "RestartPolicy": {"Name": policy}}}
        elif verb == "exec":
            path, body = f"/containers/{name}/exec", {"Cmd": ["true"]}
        elif verb == "ps":
            path = "/containers/json?all=1"
        elif verb == "rm":
            path = f"/containers/{name}?force={self.r.choice([0, 1])}&v=1"
        elif verb == "logs":
            path = f"/containers/{name}/logs?stdout=1"
        else:
            path = f"/containers/{name}/{verb}" + ("?t=0" if verb in ("stop", "restart") else "")
        method = {"json": "GET", "logs": "GET", "ps": "GET", "rm": "DELETE"}.get(verb, "POST")
        try:
            status, answer = self.s.call(method, path, body)
            if verb == "exec" and status == 201:
                status, answer = self.s.call("POST", f"/exec/{answer['Id']}/start", {"Detach": True})
        except Gone:
            return
        except Late as e:
            self.s.differ(f"no answer within {DEADLINE} s: {e}")
            return
        if status not in (200, 201, 204, 304, 404, 409) and not self.excused(verb, status, answer):
            self.s.differ(f"{method} {path}: {status} {answer}")

    def excused(self, verb, status, answer):
        """A shim that was killed in the middle of a verb, and an end that came in the middle of one."""
        words = str(answer)
        return status == 500 and any(x in words for x in ("is gone", "berth-shim", "died", "was killed before", "was stopped meanwhile")) or (
            verb == "exec" and status in (400, 500)
        )

    def run(self):
        while not self.s.stop.is_set():
            if not self.s.up.wait(1):
                continue
            try:
                dice = self.r.random()
                if dice < 0.45 and self.own:
                    self.act(self.r.choice(self.own))
                elif dice < 0.65:
                    self.run_rm()
                else:
                    self.shared()
            except Unknown:
                self.s.verbs["(answer lost)"] += 1
            except Exception as e:  # a bug of the test must not look like silence
                self.s.differ(f"client {self.n}: {type(e).__name__}: {e}")
