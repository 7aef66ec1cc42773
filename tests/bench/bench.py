#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the rows of the bench: a table on the terminal, bench.json, bench.txt and bench.svg beside each other. See docs/bench.md."""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys

import engines
import rows


class Bench:
    def __init__(self, args):
        self.work, self.prefix, self.peers = args.work, args.prefix, args.peers
        self.load, self.rootfs_tar = args.load, args.rootfs
        self.quick = args.quick
        self.against = args.against
        self.missing = {}
        self.running = {}
        for p in args.against:
            need = [x for x in engines.KINDS[p].needs if not self.found(x)]
            if need:
                self.missing[p] = ", ".join(need)

    def found(self, program):
        inside = any(os.path.exists(os.path.join(self.peers, "root/usr", d, program)) for d in ("bin", "sbin"))
        return inside or shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")

    def n(self, full, quick):
        return quick if self.quick else full

    def usable(self, peers):
        return [p for p in peers if p in self.against and p not in self.missing]

    def get(self, name):
        if name not in self.running:
            self.running[name] = engines.KINDS[name](self, "shared")
            self.running[name].up()
        return self.running[name]

    def engines(self, *peers):
        return [self.get(name) for name in ["berth", *self.usable(peers)]]

    def fresh(self, *peers, image=True):
        """Engines of their own for a row, one after the other; the row ends each."""
        for name in ["berth", *self.usable(peers)]:
            e = engines.KINDS[name](self, "fresh")
            if not image:
                e.image, later = (lambda: None), e.image
            e.up()
            if not image:
                e.image = later
            self.running["fresh"] = e
            yield e

    def measures(self, f, *peers):
        return {e.name: (lambda e=e: f(e)) for e in self.engines(*peers)}

    def down(self):
        for e in self.running.values():
            e.down()


def number(x):
    if x is None:
        return ""
    if x == int(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.0f}" if abs(x) >= 1000 else f"{x:.3g}"


HEAD = ["figure", "unit", "berth", "peer", "", "ratio", "reach", ""]
FORM = "{:<58} {:>5} {:>8} {:>8} {:<7} {:>7} {:>9} {:<3}"


def table_line(f):
    reach = "" if f.reach is None else ("<= " if f.better == "less" else ">= ") + number(f.reach)
    told = {None: "", True: "yes", False: "no"}[f.reached]
    return FORM.format(f.title, f.unit, number(f.ours), number(f.peer), f.peer_name, number(f.ratio), reach, told).rstrip()


def measure(bench, chosen, say):
    figures, skipped = [], []
    for name, peers, title, f in chosen:
        for p in peers:
            if p in bench.missing:
                skipped.append((name, p))
                say(f"{title}: skipped: no {p} (missing: {bench.missing[p]})")
        try:
            for figure in f(bench):
                figures.append(figure)
                say(table_line(figure))
        except engines.BenchError as e:
            skipped.append((name, str(e)))
            say(f"{title}: failed: {e}")
    return figures, skipped


def record(bench, args, figures, skipped):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "kernel": os.uname().release, "cpus": os.cpu_count(), "load": os.getloadavg(), "quick": args.quick, "commit": args.commit,
        "figures": [{
            "key": f.key, "title": f.title, "unit": f.unit, "berth": f.ours, "peer": f.peer_name, "peer_value": f.peer,
            "ratio": f.ratio, "reach": f.reach, "reach_of": f.of, "better": f.better, "reached": f.reached, "samples": f.samples,
        } for f in figures],
        "skipped": [{"row": r, "why": why} for r, why in skipped],
    }


def plot(bench, out, figures):
    """Bars of how far each figure is from what is to be reached: 1 is the line, to its left is better."""
    judged = [f for f in figures if f.reach]
    if not judged:
        return "no plot: no figure with something to reach"
    with open(os.path.join(out, "bench.dat"), "w", encoding="utf-8") as d:
        for i, f in enumerate(reversed(judged)):
            off = f.judged / f.reach if f.better == "less" else f.reach / f.judged
            d.write(f'{i}\t{max(off, 1e-3)}\t{f.title}\t{1 if f.reached else 2}\n')
    script = f"""set terminal svg noenhanced size 1000,{140 + 26 * len(judged)} font 'sans,12'
set output '{out}/bench.svg'
set datafile separator '\\t'
set logscale x; set title 'berth: share of what is to be reached (1: just reached; left of it is better)'
set xrange [0.01:100]; set yrange [-1:{len(judged)}]; set ytics nomirror; set grid x; unset key
set style fill solid 0.8; set arrow 1 from 1,-1 to 1,{len(judged)} nohead lw 2
plot '{out}/bench.dat' using (($2+0.01)/2):1:(0.01):2:($1-0.35):($1+0.35):($4==1?0x2a8f4f:0xc0392b):ytic(3) with boxxyerror lc rgb variable
"""
    argv = ["gnuplot"]
    if not shutil.which("gnuplot"):
        peer = next((e for e in bench.running.values() if e.name != "berth"), None)
        if not peer or not bench.found("gnuplot"):
            return "no plot: gnuplot is not installed"
        argv = peer.entered(argv)
    p = subprocess.run(argv, input=script, text=True, stderr=subprocess.PIPE, check=False)
    return f"no plot: {p.stderr.strip()}" if p.returncode else f"{out}/bench.svg"


def arguments():
    a = argparse.ArgumentParser(prog="run.sh")
    a.add_argument("--against", default="docker,podman,crun,runc", help="peers (default: all)")
    a.add_argument("--only", action="append", default=[], metavar="ROW", help="only rows whose name begins with ROW")
    a.add_argument("--quick", action="store_true", help="fewer rounds, fewer containers")
    a.add_argument("--list", action="store_true", help="names the rows")
    for name in ("work", "prefix", "peers", "load", "rootfs", "commit"):
        a.add_argument("--" + name, default="", help=argparse.SUPPRESS)
    args = a.parse_args()
    args.against = [p for p in args.against.split(",") if p and p != "none"]
    for p in args.against:
        if p not in engines.KINDS or p == "berth":
            a.error(f"no peer {p}: docker, podman, crun, runc or none")
    return args


def main():
    args = arguments()
    if args.list:
        for name, _, title, _ in rows.ROWS:
            print(f"{name:<14} {title}")
        return 0
    chosen = [r for r in rows.ROWS if not args.only or any(r[0].startswith(o) for o in args.only)]
    if not chosen:
        print(f"no row begins with {', '.join(args.only)}: see --list", file=sys.stderr)
        return 2
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)
    bench = Bench(args)
    out = os.path.join(args.work, "out")
    os.makedirs(out, exist_ok=True)
    try:
        say(FORM.format(*HEAD).rstrip())
        figures, skipped = measure(bench, chosen, say)
        with open(os.path.join(out, "bench.json"), "w", encoding="utf-8") as f:
            json.dump(record(bench, args, figures, skipped), f, indent=1)
        with open(os.path.join(out, "bench.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        print(f"\n{out}/bench.json, bench.txt; {plot(bench, out, figures)}")
    finally:
        bench.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
