#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What the recordings of the compat suite prove of the API: coverage.py RECORDING...

Of each operation of Docker's API 1.51 a success has to be recorded, and each error status that its description names, but for what
coverage-owners.txt gives to others. Each answer that is JSON is checked against the schema of the version that was asked for: 1.41
and lower against 1.41's, else against 1.51's. Where dockerd itself answers otherwise than its schema, or we do on purpose, the place
stands in schema-exceptions.txt; a line there that nothing needs is a failure, too.

  coverage.py --differences VERSION RECORDING...    prints what in these recordings, of a daemon whose newest version this is, is not as
                                            the schemas say, one place a line

Exit code 0: everything was recorded and is as described; 1: not.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"string": str, "boolean": bool, "object": dict, "array": list, "number": (int, float), "integer": int}


def schema(version):
    with open(os.path.join(HERE, "schema", "engine-api-%s.json" % version), encoding="utf-8") as f:
        return json.load(f)


class Checker:
    """Says where a value is not as a schema describes it: "PATH: what"."""

    def __init__(self, api):
        self.definitions, self.found = api["definitions"], set()

    def whole(self, s):
        """With references followed and allOf joined."""
        out = {}
        if "$ref" in s:
            out.update(self.whole(self.definitions[s["$ref"].rsplit("/", 1)[1]]))
        for part in s.get("allOf", []):
            part = self.whole(part)
            properties = {**out.get("properties", {}), **part.get("properties", {})}
            out.update(part)
            out["properties"] = properties
        properties = {**out.get("properties", {}), **s.get("properties", {})}
        out.update({k: v for k, v in s.items() if k not in ("$ref", "allOf")})
        if properties:
            out["properties"] = properties
        return out

    def check(self, value, s, at):
        s = self.whole(s)
        if value is None:
            if not s.get("x-nullable") and "type" in s:
                self.found.add("%s: null" % at)
            return
        kind = s.get("type") or ("object" if "properties" in s else None)
        if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
            self.found.add("%s: not %s" % (at, kind))
            return
        if "enum" in s and value not in s["enum"]:
            self.found.add("%s: none of the values" % at)
        if isinstance(value, list) and "items" in s:
            for item in value:
                self.check(item, s["items"], at + "[]")
        if isinstance(value, dict):
            self.members(value, s, at)

    def members(self, value, s, at):
        properties, more = s.get("properties", {}), s.get("additionalProperties")
        for name in s.get("required", []):
            if name not in value:
                self.found.add("%s.%s: missing" % (at, name))
        for name, item in value.items():
            if name in properties:
                self.check(item, properties[name], "%s.%s" % (at, name))
            elif isinstance(more, dict):
                self.check(item, more, at + ".*")
            elif properties and not more:
                self.found.add("%s.%s: unknown member" % (at, name))


class Api:
    def __init__(self, version):
        self.api = schema(version)
        self.operations = []
        for path, methods in self.api["paths"].items():
            pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r".+" if "{name}" in path else r"[^/]+", path) + "$")
            for method, operation in methods.items():
                self.operations.append((method.upper(), path, pattern, operation))
        self.operations.sort(key=lambda o: o[1].count("{"))  # literal paths first

    def find(self, method, path):
        for m, name, pattern, operation in self.operations:
            if m == method and pattern.match(path):
                return "%s %s" % (m, name), operation
        return None, None

    def differences(self, key, operation, row):
        """Where this answer is not as described."""
        described = operation["responses"].get(str(row["status"]))
        if described is None:
            described = {"schema": {"$ref": "#/definitions/ErrorResponse"}} if row["status"] >= 400 else {}
        if "schema" not in described or not row.get("answer"):
            return set()
        checker = Checker(self.api)
        for value in values_of(row["answer"]):
            checker.check(value, described["schema"], "")
        return {"%s %d %s" % (key, row["status"], d) for d in checker.found}


def values_of(text):
    """The documents of a body: one, or a stream of them of which the last may be cut off."""
    decoder, at, out = json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        out.append(value)
    return out


def rows_of(paths):
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                yield json.loads(line)


def lines_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [x.rstrip("\n") for x in f if x.strip() and not x.startswith("#")]


def asked_of(row, newest):
    """The version whose schema counts: what is between has none here."""
    if row["version"] in ("", "1.51"):
        return newest
    return "1.41" if row["version"] == "1.41" else None


def survey(paths, newest):
    """What was recorded: statuses by operation of 1.51, and the differences with an excerpt each."""
    apis = {"1.41": Api("1.41"), "1.51": Api("1.51")}
    seen, differences = {}, {}
    for row in rows_of(paths):
        key, _ = apis["1.51"].find(row["method"], row["path"])
        if key:
            seen.setdefault(key, set()).add(row["status"])
        asked = asked_of(row, newest)
        if not asked:
            continue
        key, operation = apis[asked].find(row["method"], row["path"])
        if key:
            for d in apis[asked].differences(key, operation, row):
                differences.setdefault("%s %s" % (asked, d), row)
    return apis["1.51"], seen, differences


def owners():
    """{"METHOD PATH" or "METHOD PATH STATUS": why}"""
    return dict(line.split("\t", 1) for line in lines_of("coverage-owners.txt"))


def report(api, seen, given):
    covered, total, missing, used = 0, 0, [], set()
    for method, path, _, operation in sorted(api.operations, key=lambda o: (o[1], o[0])):
        key = "%s %s" % (method, path)
        codes = [int(c) for c in operation["responses"]]
        wanted = [c for c in codes if c >= 300 and c != 500]
        success = any(c < 300 for c in seen.get(key, ()))
        lacking = (["success"] if not success else []) + [str(c) for c in wanted if c not in seen.get(key, ())]
        excused = [c for c in lacking if key in given or "%s %s" % (key, c) in given]
        used |= {key} & set(given) if lacking else set()
        used |= {"%s %s" % (key, c) for c in lacking} & set(given)
        have, of = len(wanted) + 1 - len(lacking), len(wanted) + 1
        covered, total = covered + have, total + of
        owner = given.get(key, "")
        print("%d/%d %s%s%s" % (have, of, key, " (lacks %s)" % ", ".join(lacking) if lacking else "", " [%s]" % owner if owner else ""))
        missing += ["%s: %s was not recorded" % (key, c) for c in lacking if c not in excused]
    missing += ["coverage-owners.txt: nothing lacks any more: %s" % k for k in sorted(set(given) - used)]
    print("%d / %d" % (covered, total))
    return missing


def main():
    only = sys.argv[1:2] == ["--differences"]
    api, seen, differences = survey(*((sys.argv[3:], sys.argv[2]) if only else (sys.argv[1:], "1.51")))
    if only:
        for d in sorted(differences):
            print("%s\t%s" % (d, excerpt(differences[d], d)))
        return 0
    excepted = {line.split("\t")[0] for line in lines_of("schema-exceptions.txt")}
    wrong = report(api, seen, owners())
    wrong += ["not as the schema says: %s\t%s" % (d, excerpt(differences[d], d)) for d in sorted(set(differences) - excepted)]
    # What of statistics is null depends on the machine.
    wrong += ["schema-exceptions.txt: nothing needs any more: %s" % d for d in sorted(excepted - set(differences)) if "/stats " not in d]
    print("%d places are excepted from the schemas" % len(excepted))
    print("\n".join(wrong))
    return 1 if wrong else 0


def excerpt(row, difference):
    """The member that is meant, from the answer."""
    name = re.sub(r"\[\]|\*", "", difference.rsplit(": ", 1)[0].split(" ")[-1]).rstrip(".").rsplit(".", 1)[-1]
    value = "null" if difference.endswith(": null") else r'("[^"]{0,40}"?|[\w.+-]+|[\[{].{0,40})'
    m = re.search(r'"%s": ?%s' % (re.escape(name), value), row["answer"]) if name else None
    return m.group() if m else row["answer"][:80].replace("\n", " ")


sys.exit(main())
