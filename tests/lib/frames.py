# SPDX-License-Identifier: Apache-2.0
"""Frames of the shim's and netd's protocols: a 32-bit little-endian length, JSON, descriptors on the first byte."""
import array
import json
import os
import socket
import struct


def send(sock, msg, fds=()):
    data = json.dumps(msg).encode()
    data = struct.pack("<I", len(data)) + data
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = sock.sendmsg([data], rights)
    if sent < len(data):
        sock.sendall(data[sent:])


class Reader:
    """Whole frames of one connection: next() gives (message, descriptors), or None at its end."""

    def __init__(self, sock):
        self.sock, self.data, self.fds, self.ended = sock, b"", [], False

    def whole(self):
        """The next of those that have come, or None. A message says in `fds` how many descriptors are its own; else all are."""
        if len(self.data) < 4:
            return None
        n = struct.unpack("<I", self.data[:4])[0]
        if len(self.data) < 4 + n:
            return None
        msg = json.loads(self.data[4:4 + n])
        self.data = self.data[4 + n:]
        own = msg.get("fds", len(self.fds))
        fds, self.fds = self.fds[:own], self.fds[own:]
        return msg, fds

    def fill(self):
        try:
            data, anc, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(32 * 4), socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            data, anc = b"", []
        self.ended = not data
        self.data += data
        for level, kind, raw in anc:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                a = array.array("i")
                a.frombytes(raw[:len(raw) - len(raw) % a.itemsize])
                self.fds += list(a)

    def next(self):
        while not self.ended:
            got = self.whole()
            if got:
                return got
            self.fill()
        return None


def _at(path, what):
    """Through a descriptor of the directory: no path meets the limit of 108 bytes."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    where = os.open(os.path.dirname(path), os.O_PATH)
    try:
        what(s, "/proc/self/fd/%d/%s" % (where, os.path.basename(path)))
    finally:
        os.close(where)
    return s


def connect(path):
    return _at(path, socket.socket.connect)


def listen(path):
    s = _at(path, socket.socket.bind)
    s.listen(16)
    return s


def start_time(pid):
    """Field 22 of /proc/PID/stat."""
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rpartition(")")[2].split()[19])


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()
