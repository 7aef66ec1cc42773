# SPDX-License-Identifier: Apache-2.0
"""The Engine API over a unix socket, for tests: requests with a deadline, hijacked streams, frames."""
import http.client
import json
import socket


class Gone(Exception):
    """The daemon is not there, or ended in the middle of it."""


class Late(Exception):
    """No answer within the deadline."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("x", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    def __init__(self, path, timeout=60):
        self.path, self.timeout = path, timeout

    def open(self, method, path, body=None, timeout=None):
        """An answer whose body is not read yet, and its connection."""
        c = _Connection(self.path, timeout or self.timeout)
        try:
            data = None if body is None else json.dumps(body)
            c.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            return c.getresponse(), c
        except TimeoutError as e:
            c.close()
            raise Late(f"{method} {path}") from e
        except (OSError, http.client.HTTPException) as e:
            c.close()
            raise Gone(str(e)) from e

    def call(self, method, path, body=None, timeout=None):
        """Status and body: bytes, or what its JSON says."""
        r, c = self.open(method, path, body, timeout)
        try:
            data = r.read()
        except TimeoutError as e:
            raise Late(f"{method} {path}") from e
        except (OSError, http.client.HTTPException) as e:
            raise Gone(str(e)) from e
        finally:
            c.close()
        if r.getheader("Content-Type", "").startswith("application/json") and data.strip():
            return r.status, json.loads(data)
        return r.status, data

    def hijack(self, path, body=None):
        """Status and the stream, a socket; the error's words in its place where there is none."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.timeout)
        text = "" if body is None else json.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        try:
            s.connect(self.path)
            s.sendall(head.encode())
            got = b""
            while not got.endswith(b"\r\n\r\n"):
                byte = s.recv(1)
                if not byte:
                    raise Gone("the connection ended in the answer's header")
                got += byte
        except TimeoutError as e:
            raise Late(path) from e
        except OSError as e:
            raise Gone(str(e)) from e
        status = int(got.split()[1])
        if status == 101:
            return status, s
        words = s.recv(65536)
        s.close()
        return status, words


def read_all(sock):
    """Everything to the end of a stream."""
    data = bytearray()
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except TimeoutError as e:
        raise Late("the end of a stream") from e
    except OSError as e:
        raise Gone(str(e)) from e
    finally:
        sock.close()
    return bytes(data)


def demux(data):
    """What Docker's multiplexed stream carries, both streams in order; what is cut at its end is left out."""
    out, at = bytearray(), 0
    while at + 8 <= len(data):
        n = int.from_bytes(data[at + 4 : at + 8], "big")
        out += data[at + 8 : at + 8 + n]
        at += 8 + n
    return bytes(out)
