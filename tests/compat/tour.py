#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Plays a tour of docker's client to a daemon and compares what is printed with what dockerd made the same client print.

  tour.py record SOCKET CLIENT TAR      plays the tour to the dockerd at SOCKET and writes the recording for this client's version
  tour.py play SOCKET CLIENT TAR [PART...]   plays it to another daemon and compares
  tour.py accept SOCKET CLIENT TAR      plays it, and takes what is answered now for the commands of tour-differs.json

tour.txt        the commands
tour-docker-VERSION.json    what dockerd answered, masked as below
tour-differs.json   commands whose answer differs on purpose: why, and the answer that is expected instead
tour-owned.txt  commands that others own: the command, a tab, who and why
A command of the last two that is answered as by dockerd fails, so that the lists stay true. Exit code 0: as expected; 1: not.
"""
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COMMANDS = os.path.join(HERE, "tour.txt")
DIFFERS = os.path.join(HERE, "tour-differs.json")
OWNED = os.path.join(HERE, "tour-owned.txt")
LIMIT = 30

# What may differ between two daemons or two days: at most twenty. One that matches nothing in either is a failure.
MASKS = [
    ("ids", r"\b[0-9a-f]{64}\b", "ID64"),
    ("short ids", r"\b[0-9a-f]{12}\b", "ID12"),
    ("times", r"\b(?!0001)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?( \+0000 UTC)?", "TIME"),
    ("ages", r"\b(Less than a second|About a minute|About an hour|\d+ (seconds?|minutes?|hours?))( ago)?(?= |\)|\"|$)", "AGE"),
    ("sizes", r"(?<![\w.])\d+(\.\d+)?[kMG]?B\b|(?<=ize\": )[1-9]\d{5,}", "SIZE"),
    ("pids", r'"Pid": [1-9]\d*', '"Pid": PID'),
    ("addresses", r"\b172\.\d+\.0\.\d+\b", "ADDRESS"),
    ("hardware addresses", r"\b02:42:(?:[0-9a-f]{2}:){3}[0-9a-f]{2}\b|(?<=\")(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC"),
    ("columns", r"(?m)(?<=\S)   *", "  "),
    ("the data root", r"/[\w./-]*/data(?=/(volumes|containers)/)", "ROOT"),
    ("the layers' driver", r'"GraphDriver": \{[^{}]*("Data": (\{[^{}]*\}|null))[^{}]*\}', '"GraphDriver": LAYERS'),
    ("paths that are masked since 23", r'\s*"/(proc/interrupts|sys/devices/virtual/powercap)",?|,(?=\s*"/sys/devices/virtual/powercap")', ""),
    ("the default network's name", r'"NetworkMode": "default"', '"NetworkMode": "bridge"'),
    ("the first letter of an error", r"(?<=: )[A-Z](?=[a-z]+ )", lambda m: m.group().lower()),
    ("the words of the runtime", r"(?m)(failed to create shim task: )?OCI runtime \w+ failed: (runc create|exec) failed: unable to start container process: |: unknown(?=\.?\r?$)",
     ""),
    ("what an error says would be right", r"(?m)(; there are: .*|: [\w, ]+ would be right| \(\"local\" is there\)|, 2 to 255 of them)$", ""),
    ("the runtime's name", r'(?<="Runtime": )"(runc|berth)"', "RUNTIME"),
    ("the network's namespace", r'(?<="Sandbox)(ID|Key)": "[^"]*"', 'SANDBOX"'),
    ("what berth says of the log", r'\s*"LogStatus": \{[^{}]*\},', ""),
    ("the engine's version", r'(?<="DockerVersion": )"[^"]*"', "VERSION"),
]


class Tour:
    def __init__(self, client, socket, tar):
        self.tar, self.hits = tar, dict.fromkeys([m[0] for m in MASKS], 0)
        self.home = tempfile.mkdtemp(prefix="tour.")
        os.mkdir(os.path.join(self.home, "bin"))
        os.symlink(client, os.path.join(self.home, "bin/docker"))
        self.env = {"PATH": self.home + "/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": self.home, "TZ": "UTC", "LC_ALL": "C",
                    "DOCKER_HOST": "unix://" + socket, "DOCKER_API_VERSION": "1.41", "DOCKER_CONFIG": self.home + "/config"}

    def close(self):
        shutil.rmtree(self.home)

    def sh(self, command, cwd=None):
        try:
            p = subprocess.run(["/bin/sh", "-c", command], env=self.env, cwd=cwd or self.home, stdin=subprocess.DEVNULL, capture_output=True,
                               timeout=LIMIT, check=False)
            return {"code": p.returncode, "stdout": p.stdout.decode(errors="replace"), "stderr": p.stderr.decode(errors="replace")}
        except subprocess.TimeoutExpired:
            return {"code": "none within %d s" % LIMIT, "stdout": "", "stderr": ""}

    def clean(self):
        self.sh("""docker rm -fv $(docker ps -aq); docker volume rm -f $(docker volume ls -q)
                   docker images -a --format '{{.Repository}}:{{.Tag}} {{.ID}}' | while read -r n i; do
                       case $n in busybox:latest) ;; *'<none>'*) docker rmi -f "$i" ;; *) docker rmi -f "$n" ;; esac
                   done
                   docker image inspect busybox || docker import -c 'CMD ["sh"]' '%s' busybox:latest""" % self.tar)

    def mask(self, text, count):
        text = sorted_json(text)
        for name, pattern, to in MASKS:
            text, n = re.subn(pattern, to, text)
            if count:
                self.hits[name] += n
        return text

    def play(self, parts):
        """Yields (part, command, outcome) of each command that is compared."""
        wanted, cwd = True, None
        for line in open(COMMANDS, encoding="utf-8").read().splitlines():
            if line.startswith("## "):
                part = line[3:]
                wanted = not parts or part in parts
                if wanted:
                    self.clean()
                    cwd = os.path.join(self.home, part.replace(" ", "-"))
                    os.mkdir(cwd)
            elif not wanted or not line or line.startswith("#"):
                continue
            elif line.startswith("+"):
                self.sh(line[1:], cwd)
            else:
                outcome = self.sh(line, cwd)
                for stream in ("stdout", "stderr"):
                    outcome[stream] = self.mask(outcome[stream].replace(self.home, "HOME"), True)
                yield part, line, outcome
        self.clean()


def sorted_json(text):
    """The order of a document's members is nobody's promise."""
    if text[:1] not in "[{":
        return text
    try:
        return json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    except ValueError:
        return text


def difference(was, now):
    out = []
    for what in ("code", "stderr", "stdout"):
        if was[what] != now[what]:
            a, b = str(was[what]).splitlines(), str(now[what]).splitlines()
            out += ["  %s: dockerd's (-), this daemon's (+)" % what]
            out += ["    " + x for x in list(difflib.unified_diff(a, b, lineterm="", n=1))[2:60]]
    return out


def owned():
    rows = {}
    for line in open(OWNED, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            command, _, why = line.rstrip("\n").partition("\t")
            rows[command] = why
    return rows


def recording(client):
    version = subprocess.run([client, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return os.path.join(HERE, "tour-docker-%s.json" % ".".join(version.split(".")[:2]))


def record(tour, path):
    rows = [{"part": part, "command": command, **outcome} for part, command, outcome in tour.play([])]
    write(path, {"masks": tour.hits, "commands": rows})
    print("%d commands recorded" % len(rows))


def write(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1, ensure_ascii=False)
        f.write("\n")


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def accept(tour):
    """Fills in what is answered now where tour-differs.json has a command and its reason."""
    rows = {(r["part"], r["command"]): r for r in read(DIFFERS)}
    for part, command, now in tour.play(sorted({r[0] for r in rows})):
        if (part, command) in rows:
            rows[part, command].update(now)
    write(DIFFERS, list(rows.values()))


def judge(part, command, now, was, differs, listed):
    """What became of one command, and what there is to say of it."""
    if was is None:
        return "bad", ["%s: %s" % (part, command), "  not recorded"]
    diff = difference(was, now)
    expected = differs.get((part, command))
    if not diff and (command in listed or expected):
        return "bad", ["%s: %s" % (part, command), "  as dockerd's, and listed as another all the same"]
    if not diff:
        return "equal", []
    if expected:
        diff = difference(expected, now)
        return ("bad", ["%s: %s: it differs on purpose, and otherwise" % (part, command)] + diff) if diff else ("on purpose", [])
    if command in listed:
        return "owned", []
    return "bad", ["%s: %s" % (part, command)] + diff


def compare(tour, path, parts):
    recorded, rows = read(path), {}
    for r in recorded["commands"]:
        rows.setdefault((r["part"], r["command"]), []).append(r)
    differs = {(r["part"], r["command"]): r for r in read(DIFFERS)}
    listed, seen = owned(), {"equal": 0, "on purpose": 0, "owned": 0, "bad": 0}
    for part, command, now in tour.play(parts):
        was = (rows.get((part, command)) or [None]).pop(0)
        for stream in ("stdout", "stderr") if was else ():
            was[stream] = tour.mask(was[stream], False)
        verdict, words = judge(part, command, now, was, differs, listed)
        seen[verdict] += 1
        if words:
            print("\n".join(words))
    for name in (m[0] for m in MASKS if not tour.hits[m[0]] and not recorded["masks"].get(m[0]) and not parts):
        print("a mask that matches nothing: %s" % name)
        seen["bad"] += 1
    print("%d commands as dockerd's, %d differ on purpose, %d belong to later work, %d wrong; %d masks"
          % (seen["equal"], seen["on purpose"], seen["owned"], seen["bad"], len(MASKS)))
    return 1 if seen["bad"] else 0


def main():
    act, socket, client, tar = sys.argv[1:5]
    tour = Tour(client, socket, tar)
    try:
        if act == "record":
            return record(tour, recording(client))
        if act == "accept":
            return accept(tour)
        return compare(tour, recording(client), sys.argv[5:])
    finally:
        tour.close()


sys.exit(main())
