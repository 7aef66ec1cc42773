#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Imports images, each with a layer of its own (one small file).

images.py SOCKET COUNT
"""
import io
import socket
import sys
import tarfile
import threading

path, count = sys.argv[1], int(sys.argv[2])
left = iter(range(count))
lock = threading.Lock()
wrong = []


def layer(n):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        data = str(n).encode()
        member = tarfile.TarInfo(f"file-{n}")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def post(n):
    data = layer(n)
    head = f"POST /images/create?fromSrc=-&repo=image-{n}&tag=latest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Content-Type: application/x-tar\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(head.encode() + data)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    if b" 200 " not in answer.split(b"\r\n")[0] or b'"error"' in answer:
        wrong.append(f"image {n}: {answer[:300]!r}")


def work():
    while True:
        with lock:
            n = next(left, None)
        if n is None or len(wrong) > 5:
            return
        post(n)


threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("\n".join(wrong))
sys.exit(bool(wrong))
