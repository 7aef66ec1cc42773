#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Makes a schema here from Docker's description of its API: reduce.py engine-api-VERSION.yaml >engine-api-VERSION.json

What a test reads stays: operations, their parameters, the answers' schemas and the definitions. Prose and examples go.
"""
import json
import sys

import yaml

PROSE = {"description", "summary", "example", "examples", "title", "x-go-name", "x-logo", "externalDocs", "tags", "x-displayName",
         "operationId", "default", "minimum", "maximum", "format", "pattern", "readOnly", "x-go-type", "minItems", "maxItems"}


def reduced(v, names):
    """`names`: the keys of v are names of things, none of them prose."""
    if isinstance(v, list):
        return [reduced(x, False) for x in v]
    if not isinstance(v, dict):
        return v
    return {str(k): reduced(x, not names and k in ("properties", "definitions", "paths", "responses"))
            for k, x in v.items() if names or k not in PROSE}


doc = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
head = {"license": "Apache-2.0: reduced from moby/moby, api/docs/v%s.yaml, b985e2313a" % doc["info"]["version"], "version": doc["info"]["version"]}
lines = ["{" + json.dumps(head)[1:-1]]
for part in ("paths", "definitions"):  # one of them a line
    rows = ['"%s": %s' % (k, json.dumps(v, sort_keys=True)) for k, v in sorted(reduced(doc[part], True).items())]
    lines.append('"%s": {\n%s\n}' % (part, ",\n".join(rows)))
print(",\n".join(lines) + "}")
