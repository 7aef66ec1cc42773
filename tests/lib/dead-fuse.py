#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A file system like that of a server that died: dead-fuse.py DIR [root]
#
# Speaks FUSE on /dev/fuse itself. What it is asked is read and never answered, so that whoever asks waits in the kernel and
# cannot be killed, until this process ends. With "root" it answers what mounting it into a container asks: the attributes of its root.
import ctypes
import os
import stat
import struct
import sys

GETATTR, INIT, STATX = 3, 26, 52
ENOSYS = 38
target = sys.argv[1]
answers_root = sys.argv[2:] == ["root"]
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if libc.mount(b"dead", target.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")


def answer(unique, body=b"", error=0):
    os.write(fd, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


while True:
    request = os.read(fd, 1 << 20)
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    if opcode == INIT:
        readahead = struct.unpack_from("<IIII", request, 40)[2]
        answer(unique, struct.pack("<IIIIHHIIHH", 7, 31, readahead, 0, 12, 9, 4096, 1, 1, 0) + bytes(28))
        print("ready", os.getpid(), flush=True)
    elif answers_root and opcode == STATX:
        answer(unique, error=ENOSYS)
    elif answers_root and opcode == GETATTR and node == 1:
        attributes = struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o755, 2, 0, 0, 0, 4096, 0)
        answer(unique, struct.pack("<QII", 3600, 0, 0) + attributes)
    else:
        print(f"not answered: {opcode}", flush=True)
