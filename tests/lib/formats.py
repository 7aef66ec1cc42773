#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""formats.py BERTH DOCKER RECORDED CONTAINER: the templates of RECORDED by both clients on the same container.

A client that is older than what was recorded knows less of Go's templates: what it refuses is not compared. Prints what differs, and
how many were compared.
"""
import json, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

berth, docker, recorded, container = sys.argv[1:]
version = subprocess.run([docker, "--version"], capture_output=True, text=True).stdout
old = int(re.search(r"version (\d+)", version).group(1)) < 27


def ask(client, template):
    p = subprocess.run([client, "container", "inspect", "--format", template, container], capture_output=True, text=True)
    if p.returncode == 0:
        return p.stdout
    words = p.stderr.strip().removeprefix("berth: ").removeprefix("template parsing error: ")
    if ": executing" not in words:  # Go names no column of what it cannot read
        words = re.sub(r"^(template: :\d+):\d+:", r"\1:", words)
    return "!%d %s" % (p.returncode, words)


def compare(template):
    theirs = ask(docker, template)
    if (old and theirs.startswith("!")) or "template: template:" in theirs:
        return None
    ours = ask(berth, template)
    return "" if ours == theirs else "%s\n  docker: %s\n  berth:  %s" % (template, theirs, ours)


with open(recorded) as f, ThreadPoolExecutor(4) as pool:
    results = [r for r in pool.map(compare, [json.loads(line)[0] for line in f]) if r is not None]
different = [r for r in results if r]
print("\n".join(different + ["%d compared, %d differ" % (len(results), len(different))]))
sys.exit(bool(different) or len(results) < 100)
