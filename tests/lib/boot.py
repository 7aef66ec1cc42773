#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
How long the daemon takes from its exec to its first answer, five times; the best counts, for the machine may do something else, too.

boot.py LIMIT_MS SOCKET BERTHD ARGUMENT...
"""
import signal
import subprocess
import sys
import time

from api import Api, Gone, Late

limit, path, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]


def once():
    begun = time.monotonic()
    daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    api = Api(path, 30)
    while daemon.poll() is None:
        try:
            if api.call("GET", "/_ping")[0] == 200:
                took = (time.monotonic() - begun) * 1000
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(60)
                return took
        except (Gone, Late):
            time.sleep(0.001)
    sys.exit(f"berthd ended with {daemon.returncode}")


took = [once() for _ in range(5)]
print(" ".join(f"{ms:.0f}" for ms in took), "ms")
sys.exit(min(took) > limit)
