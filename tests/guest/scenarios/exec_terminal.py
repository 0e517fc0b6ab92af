# SPDX-License-Identifier: Apache-2.0
"""exec --tty, with a person at the other end, and with an engine that takes the terminal by --console-socket."""
import fcntl
import json
import os
import select
import signal
import socket
import struct
import termios

from executed import detached, execute, is_in_guest, reap, running, test, until
from suite import expect, expect_equal, expect_in
from terminal import Terminal

_kSayResize = "trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.2; done"


def _exec(container, *words, **options):
    argv = container.argv("exec", "--tty", container.name, *words)
    return Terminal(argv, environment=container.environment, **options)


@test("exec terminal: it is one, of the caller's size from the first instruction; the caller's is restored at the end")
def basics(case):
    with _exec(running(case), "/bin/sh", "-c", "stty size; tty; read line; exit 7", rows=21, columns=67) as terminal:
        if case.is_vm:  # crun leaves the size to its caller
            terminal.wait_for(b"21 67\r\n")
        terminal.wait_for(b"/dev/pts/0\r\n")
        expect(not terminal.is_restored(), "the caller's terminal is not raw")
        terminal.type(b"\r")
        expect_equal(terminal.status(), 7, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


@test("exec terminal: --process with --tty has one, whatever the file says", vm_only=True)
def process_file(case):
    container = running(case)
    path = container.pid_path.with_suffix(".json")
    path.write_text(json.dumps({"cwd": "/", "args": ["/bin/tty"], "terminal": False}))
    words = container.argv("exec", "--tty", "--process", path, container.name)
    with Terminal(words, environment=container.environment) as terminal:
        terminal.wait_for(b"/dev/pts/0\r\n")
        expect_equal(terminal.status(), 0, "status")


@test("exec terminal: a change of the caller's size arrives as SIGWINCH", vm_only=True)
def resize(case):
    with _exec(running(case), "/bin/sh", "-c", _kSayResize) as terminal:
        terminal.wait_for(b"ready\r\n")
        terminal.resize(40, 132)
        terminal.wait_for(b"40 132\r\n")
        expect_equal(terminal.status(), 4, "status")


@test("exec terminal: ^C is the process's, not the command's")
def interrupt(case):
    container = running(case)
    for script, status in (("trap 'exit 9' INT; echo ready; while :; do sleep 0.2; done", 9),
                           ("echo ready; exec sleep 1000", 130)):
        with _exec(container, "/bin/sh", "-c", script) as terminal:
            terminal.wait_for(b"ready\r\n")
            terminal.type(b"\x03")
            expect_equal(terminal.status(), status, f"status of {script}")


@test("exec terminal: a caller that hangs up ends the process", vm_only=True)
def hang_up(case):
    container = running(case)
    for words in (("/bin/sleep", "4242"), ("/bin/sh", "-c", "trap '' HUP; read line; echo 4242")):
        with _exec(container, *words) as terminal:
            until(lambda: is_in_guest(container, "4242"), "the process")
            terminal.hang_up()
            terminal.status(30)
        until(lambda: not is_in_guest(container, "4242"), f"the end of {words}")


@test("exec terminal: after SIGTERM to the command the caller's is restored")
def terminated(case):
    with _exec(running(case), "/bin/probe", "signals") as terminal:
        terminal.wait_for(b"ready\r\n")
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.wait_for(b"signal 15\r\n")
        expect_equal(terminal.status(), 7, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


@test("exec terminal: after the container's end the caller's is restored")
def container_ends(case):
    container = running(case)
    with _exec(container, "/bin/sh", "-c", "echo ready; sleep 1000") as terminal:
        terminal.wait_for(b"ready\r\n")
        container.must("kill", container.name, "KILL")
        expect_equal(terminal.status(), 137, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


class _ConsoleSocket:
    """What an engine listens on for a terminal."""

    def __init__(self, path):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._listener.settimeout(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def receive(self):
        """The one descriptor that was sent over the one connection."""
        connection, _ = self._listener.accept()
        with connection:
            text, fds, _, _ = socket.recv_fds(connection, 4096, 8)
            rest = connection.recv(4096)
        expect_equal((bool(text), len(fds), rest), (True, 1, b""), "bytes, descriptors, bytes after them")
        expect(not select.select([self._listener], [], [], 0)[0], "there is a second connection")
        return fds[0]


def _read_until(fd, text):
    seen = b""
    while text not in seen:
        expect(select.select([fd], [], [], 30)[0], f"no {text} on the terminal: {seen}")
        seen += os.read(fd, 4096)
    return seen


@test("exec terminal: --console-socket gets one descriptor, which is the terminal of the detached process")
def console_socket(case):
    container = running(case)
    with _ConsoleSocket(case.directory / "console") as listener:
        pid = detached(container, "--tty", "--console-socket", listener.path, container.name, "/bin/sh", "-c",
                       "tty; read line; echo got $line; " + _kSayResize)
        terminal = listener.receive()
    _read_until(terminal, b"/dev/pts/0\r\n")
    os.write(terminal, b"typed\r")
    _read_until(terminal, b"got typed\r\nready\r\n")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    _read_until(terminal, b"33 99\r\n")
    expect_equal(reap(pid), (4, 0), "end")
    os.close(terminal)


@test("exec terminal: when the engine closes the detached process's terminal it hangs up")
def console_closed(case):
    container = running(case)
    with _ConsoleSocket(case.directory / "console") as listener:
        pid = detached(container, "--tty", "--console-socket", listener.path, container.name, "/bin/sleep", "1000")
        os.close(listener.receive())
    expect_equal(reap(pid), (0, signal.SIGHUP), "end")


@test("exec terminal: detached without a socket, a socket without a terminal, a socket nobody listens on are refused",
      vm_only=True)
def refused(case):
    container = running(case)
    for flags, words in ((["--detach", "--tty"], "--console-socket"),
                         (["--detach", "--console-socket", "/run/console"], "--console-socket"),
                         (["--detach", "--tty", "--console-socket", "/nowhere/console"], "/nowhere/console")):
        result = execute(container, *flags, container.name, "/bin/true")
        expect_equal((result.status, result.error.count("\n")), (255, 1), f"status, lines of {flags} ({result})")
        expect_in(words, result.error, f"stderr of {flags}")
