#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A recording proxy between clients and a daemon: recorder.py LISTEN CONNECT OUT

It passes bytes on as they come, both ways, and half-closes as the two do; what it reads of HTTP it reads from a copy, so that
upgrades, raw streams and chunks pass untouched. Each exchange becomes a line of JSON in OUT: method, path, query, version, the
request's body where it is JSON, status, type, and the answer's body where it is JSON (at most 1 MB of each).
"""
import fcntl
import json
import os
import re
import select
import socket
import sys
import termios
import threading
import time

LIMIT = 1 << 20
VERSIONED = re.compile(r"^/v(\d+\.\d+)(/.*)$")


class Message:
    """Reads requests or answers of one direction from bytes that come in pieces."""

    def __init__(self, on_head, on_end):
        self.buffer, self.on_head, self.on_end = b"", on_head, on_end
        self.state, self.left, self.body = "head", 0, bytearray()

    def feed(self, data):
        self.buffer += data
        while self.step():
            pass
        if self.state == "deaf":
            self.buffer = b""

    def take(self, n):
        piece, self.buffer = self.buffer[:n], self.buffer[n:]
        if len(self.body) < LIMIT:
            self.body += piece
        self.left -= len(piece)

    def line(self):
        text, found, rest = self.buffer.partition(b"\r\n")
        if found:
            self.buffer = rest
        return text if found else None

    def end(self):
        self.on_end(bytes(self.body))
        self.body, self.state = bytearray(), "head"

    def step(self):
        return getattr(self, self.state)()

    def head(self):
        text, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        self.buffer = rest
        first, *lines = text.decode("latin-1").split("\r\n")
        headers = {}
        for name, _, value in (x.partition(":") for x in lines):
            headers[name.strip().lower()] = value.strip()
        how = self.on_head(first, headers)  # "none", "skip", "rest", "deaf", or None: as the headers say
        if how is None and headers.get("transfer-encoding", "").lower() == "chunked":
            how = "chunk"
        elif how is None:
            self.left = int(headers.get("content-length") or -1)
            how = "length" if self.left > 0 else "none"
        if how == "none":
            self.end()
        elif how != "skip":
            self.state = how
        return True

    def length(self):
        if not self.buffer:
            return False
        self.take(self.left)
        if self.left == 0:
            self.end()
        return True

    def chunk(self):
        text = self.line()
        if text is None:
            return False
        self.left = int(text.split(b";")[0] or b"0", 16)
        self.state = "data" if self.left else "trailer"
        return True

    def data(self):
        if not self.buffer:
            return False
        self.take(self.left)
        if self.left == 0:
            self.state = "crlf"
        return True

    def crlf(self):
        if len(self.buffer) < 2:
            return False
        self.buffer, self.state = self.buffer[2:], "chunk"
        return True

    def trailer(self):
        text = self.line()
        if text == b"":
            self.end()
        return text is not None

    def deaf(self):
        return False

    def rest(self):
        self.take(len(self.buffer))
        self.left = 0
        return False


class Exchange:
    """One connection: pairs answers with the requests, in their order."""

    def __init__(self, out):
        self.out, self.lock = out, threading.Lock()
        self.asked, self.current = [], None
        self.requests = Message(self.request_head, self.request_end)
        self.answers = Message(self.answer_head, self.answer_end)

    def request_head(self, first, headers):
        method, target, _ = (first.split(" ", 2) + ["", ""])[:3]
        path, _, query = target.partition("?")
        versioned = VERSIONED.match(path)
        row = {"method": method, "path": versioned.group(2) if versioned else path, "query": query,
               "version": versioned.group(1) if versioned else "", "_json": "json" in headers.get("content-type", "")}
        with self.lock:
            self.asked.append(row)
            self.current = row
        return None

    def request_end(self, body):
        if self.current and self.current.pop("_json", False):
            self.current["request"] = body.decode(errors="replace")

    def answer_head(self, first, headers):
        status = int(first.split(" ")[1])
        if status == 100:
            return "skip"
        with self.lock:
            row = self.asked[0] if self.asked else {}
        row["status"], row["type"] = status, headers.get("content-type", "")
        if status == 101:
            self.finish(b"")
            return "deaf"
        if row.get("method") == "HEAD" or status in (204, 304):
            return "none"
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return "rest"
        return None

    def answer_end(self, body):
        self.finish(body)

    def finish(self, body):
        with self.lock:
            if not self.asked or "status" not in self.asked[0]:
                return
            row = self.asked.pop(0)
        row.pop("_json", None)
        if "json" in row["type"]:
            row["answer"] = body.decode(errors="replace")
        with self.out["lock"]:
            self.out["file"].write(json.dumps(row) + "\n")
            self.out["file"].flush()

    def close(self):
        """What was not complete when the connection ended, a stream that its client left, counts as it is."""
        self.finish(bytes(self.answers.body))


def is_gone(s):
    """Whether the other end of a socket is closed, not only its writing half."""
    poll = select.poll()
    poll.register(s, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def wait_until_read(s):
    """At most a second."""
    for _ in range(1000):
        if not int.from_bytes(fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
            break
        time.sleep(0.001)


def pump(source, sink, reader):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            before = reader.state
            try:
                reader.feed(data)
            except (ValueError, IndexError):
                reader.state = "deaf"
            if before == "head" and reader.state in ("deaf", "rest"):
                # Clients that read the head through a buffer and the stream from the socket lose what comes with the head.
                head, data = data[:data.find(b"\r\n\r\n") + 4], data[data.find(b"\r\n\r\n") + 4:]
                sink.sendall(head)
                wait_until_read(sink)
            sink.sendall(data)
        if is_gone(source):
            raise OSError("it has closed both directions")
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client, connect, out):
    upstream = socket.socket(socket.AF_UNIX)
    exchange = Exchange(out)
    try:
        upstream.connect(connect)
        back = threading.Thread(target=pump, args=(upstream, client, exchange.answers), daemon=True)
        back.start()
        pump(client, upstream, exchange.requests)
        back.join()
    except OSError:
        pass
    finally:
        exchange.close()
        upstream.close()
        client.close()


def main():
    listen, connect, path = sys.argv[1:4]
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(listen):
        os.unlink(listen)
    listener.bind(listen)
    listener.listen(128)
    threading.stack_size(256 << 10)
    with open(path, "a", encoding="utf-8") as f:
        out = {"file": f, "lock": threading.Lock()}
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, connect, out), daemon=True).start()


main()
