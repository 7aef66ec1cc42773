#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""on-terminal.py SECONDS ROWSxCOLUMNS SCRIPT CMD...: runs CMD on a terminal and prints what it wrote.

SCRIPT is lines: `expect TEXT` waits until TEXT was written since the last line that matched, `send TEXT` types (\\n, \\x1b and
their like are read), `run COMMAND` runs a shell command beside it, `size ROWSxCOLUMNS` changes the terminal, `signal NAME` sends one.
The exit code is CMD's; 99 when something was not written in time.
"""
import fcntl, os, pty, select, signal, struct, subprocess, sys, termios, time


def set_size(fd, text):
    rows, columns = text.split("x")
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def main():
    limit, size, script, argv = float(sys.argv[1]), sys.argv[2], sys.argv[3].splitlines(), sys.argv[4:]
    end, out, seen = time.time() + limit, b"", 0
    go_r, go_w = os.pipe()
    pid, fd = pty.fork()
    if pid == 0:
        os.close(go_w)
        os.read(go_r, 1)  # until the terminal has its size
        os.execvp(argv[0], argv)
    set_size(fd, size)
    os.close(go_r)
    os.close(go_w)
    code, open_ = 0, True

    def take(wait):
        nonlocal out, open_
        if open_ and select.select([fd], [], [], wait)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            open_ = bool(data)
            out += data

    for line in script:
        verb, _, text = line.strip().partition(" ")
        text = text.encode().decode("unicode_escape")
        if verb == "expect":
            want = text.encode()
            while want not in out[seen:] and open_ and time.time() < end:
                take(0.2)
            at = out.find(want, seen)
            if at < 0:
                sys.stderr.write("not written: %r\n" % text)
                code = 99
                break
            seen = at + len(want)
        elif verb == "send":
            os.write(fd, text.encode())
        elif verb == "run":
            subprocess.run(text, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif verb == "size":
            set_size(fd, text)
        elif verb == "signal":
            os.kill(pid, getattr(signal, "SIG" + text))
    while open_ and time.time() < end and code == 0:
        take(0.2)
    if open_:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    sys.stdout.buffer.write(out.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    sys.exit(code or (os.waitstatus_to_exitcode(status) & 255))


main()
