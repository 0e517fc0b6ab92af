# SPDX-License-Identifier: Apache-2.0
"""A person's terminal: a command that runs as a shell would run it, in a session of its own."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from suite import Failed


class Terminal:
    def __init__(self, argv, rows=24, columns=80, environment=None):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.seen = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(slave, fd)
            os.closerange(3, 256)
            os.execvpe(argv[0], [str(word) for word in argv], environment or dict(os.environ))
        self.slave = slave  # kept, so that its settings can be read when all others have closed it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hang_up()

    def type(self, text):
        os.write(self.master, text)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, patience):
        """What comes within `patience` seconds; b"" if nothing does."""
        if self.master < 0:
            time.sleep(patience)
            return b""
        if not select.select([self.master], [], [], patience)[0]:
            return b""
        got = os.read(self.master, 65536)
        self.seen += got
        return got

    def wait_for(self, text, timeout=60):
        """Everything up to `text`, which is then seen no more."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            if time.monotonic() > end:
                raise Failed(f"no {text} on the terminal: {self.seen[-400:]}")
            self.read(0.1)
        before, _, self.seen = self.seen.partition(text)
        return before

    def status(self, timeout=60):
        """How the command ended, as a shell sees it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                self.read(0)
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            self.read(0.05)
        raise Failed(f"the command has not ended after {timeout} s; the terminal shows {self.seen[-400:]}")

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def hang_up(self):
        for name in ("master", "slave"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)
