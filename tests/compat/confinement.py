#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns what confine-probe saw into flat facts, and compares two sets of them.

A fact is a path and a value: "status CapEff" → "00000000a80425fb", "mount /proc" → "proc rw nosuid …". Ids, device numbers and sizes
that differ from run to run are replaced by words. An exception line is "PATTERN  REASON"; the pattern is a shell glob on the
fact's path, and one that matches nothing is reported, so that the list does not rot.
"""
import fnmatch
import json
import re
import sys

STATUS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Seccomp", "NoNewPrivs", "SigBlk", "SigIgn", "SigCgt",
          "Uid", "Gid", "Groups", "Threads", "TracerPid")
HEX = re.compile(r"[0-9a-f]{64}")


def words(text):
    return HEX.sub("<id>", text)


def mounts(lines):
    seen = {}
    for line in lines:
        left, right = line.split(" - ", 1)
        left, right = left.split(" "), right.split(" ")
        root, target, flags, tags = left[3], left[4], left[5], left[6:]
        fstype, source, options = right[0], right[1], right[2].split(",")
        options = [o for o in options if not o.startswith(("lowerdir", "upperdir", "workdir", "nr_inodes", "inode64"))]
        options = [o for o in options if o not in ("inode64",)]
        value = {"fs": fstype, "flags": sorted(flags.split(",")), "tags": [t.split(":")[0] for t in tags]}
        if target == "/":  # the storage driver's affair, but for its flags
            value = {"flags": value["flags"], "tags": value["tags"]}
        elif target.startswith("/etc/"):  # a bind of a file of the daemon's, on whatever disk
            value = {"flags": value["flags"], "tags": value["tags"], "bind": True}
        else:
            value["options"] = sorted(options)
            value["source"] = words(source)
            if fstype == "cgroup":
                value["root"] = re.sub(r"^.*/(<id>)$", r"\1", words(root))
            elif fstype not in ("cgroup2",):
                value["root"] = words(root)
        key = "mount " + target
        n = 2
        while key in seen:
            key = "mount %s #%d" % (target, n)
            n += 1
        seen[key] = value
    return seen


def normalise(doc, kernel, layout):
    facts = {}
    for line in doc["status"]:
        key, _, value = line.partition(":")
        if key in STATUS:
            facts["status " + key] = value.split()
    facts.update(mounts(doc["mountinfo"]))
    for line in doc["cgroup"]:
        number, controllers, path = line.split(":", 2)
        facts["cgroup " + (controllers or "v2")] = re.sub(r"^.*/(<id>)$", r"\1", words(path))
    for path, node in doc["dev"].items():
        if not re.match(r"/dev/pts/\d+$", path):
            facts["dev " + path] = node
    for path, what in doc["paths"].items():
        facts["path " + path] = what
    for path in doc["writable"]:
        facts["writable " + path] = True
    for name, limit in doc["rlimits"].items():
        facts["rlimit " + name] = limit
    for fd, target in doc["fds"].items():
        facts["fd " + fd] = re.sub(r"\[\d+\]", "[n]", target)
    for name, answer in doc["calls"].items():
        facts["call " + name] = answer
    for key in ("umask", "session_keyring", "nice", "oom_score_adj"):
        facts[key] = doc[key]
    # An exec's number depends on what ran before it; that it leads its session and group does not.
    for key in ("pid", "sid", "pgrp"):
        facts[key] = "own" if doc["pid"] != 1 and doc[key] == doc["pid"] else doc[key]
    facts["keys"] = len(doc["keys"])
    return {"kernel": kernel, "cgroup_layout": layout, "facts": facts}


def read_exceptions(path):
    rules = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            pattern, _, reason = line.partition("  ")
            if not reason.strip():
                sys.exit("%s:%d: an exception needs a reason after two spaces" % (path, number))
            rules.append([pattern, reason.strip(), 0])
    return rules


def excused(key, rules):
    for rule in rules:
        if fnmatch.fnmatchcase(key, rule[0]):
            rule[2] += 1
            return True
    return False


def other_kernel_only(key):
    """Entries of /proc, /sys and /dev that one of two kernels may lack."""
    return key.startswith(("writable ", "path ", "rlimit ", "dev "))


def compare(ref, mine, rules):
    same_kernel = ref["kernel"] == mine["kernel"]
    a, b = ref["facts"], mine["facts"]
    differ, allowed, counted, equal = [], 0, 0, 0
    for key in sorted(set(a) | set(b)):
        if a.get(key) == b.get(key):
            equal += 1
        elif excused(key, rules):
            allowed += 1
        elif not same_kernel and (key not in a or key not in b) and other_kernel_only(key):
            counted += 1
        else:
            differ.append(key)
    for key in differ[:200]:
        print("differs: %s\n  docker: %s\n  here:   %s" % (key, json.dumps(a.get(key)), json.dumps(b.get(key))))
    for pattern, reason, used in rules:
        if not used:
            print("exception not needed here: %s (%s)" % (pattern, reason))
    print("confinement: %d equal, %d differ, %d excepted, %d of one kernel only (%s %s, here %s %s)"
          % (equal, len(differ), allowed, counted, ref["kernel"], ref["cgroup_layout"], mine["kernel"],
             mine["cgroup_layout"]))
    return 1 if differ else 0


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main(argv):
    if argv[1:2] == ["normalise"] and len(argv) == 5:
        json.dump(normalise(load(argv[2]), argv[3], argv[4]), sys.stdout, indent=0, sort_keys=True)
        print()
        return 0
    if argv[1:2] == ["compare"] and len(argv) == 5:
        return compare(load(argv[2]), load(argv[3]), read_exceptions(argv[4]))
    print("confinement.py normalise SEEN KERNEL LAYOUT | compare REFERENCE MINE EXCEPTIONS", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
