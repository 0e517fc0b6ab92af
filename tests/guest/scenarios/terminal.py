# SPDX-License-Identifier: Apache-2.0
"""process.terminal, with a person at the other end. crun leaves the size to a caller that it does not ask."""
import os
import signal
import time

from podman_client import image, kImage
from suite import expect, expect_equal, expect_in, test
from terminal import Terminal

_kPrompt = b"box# "


def _container(case, *args):
    bundle = case.bundle(*args)
    bundle.process["terminal"] = True
    bundle.process["env"].append("PS1=" + _kPrompt.decode())
    return case.container(bundle)


def _run(container, **options):
    words = ["run", "--bundle", container.bundle.write(), "--pid-file", container.pid_path, container.name]
    return Terminal(container.argv(*words), environment=container.environment, **options)


def _shell(case, **options):
    """An interactive shell that has shown its first prompt."""
    terminal = _run(_container(case, "/bin/sh"), **options)
    terminal.wait_for(_kPrompt)
    return terminal


def _ask(terminal, command):
    """What a command prints in the shell."""
    terminal.type(command.encode() + b"\r")
    terminal.wait_for(b"\r\n")  # the echo of what was typed
    return terminal.wait_for(_kPrompt).decode().replace("\r\n", "\n")


@test("terminal: it is one; the exit status is the payload's, the caller's terminal restored")
def basics(case):
    with _shell(case) as terminal:
        expect(not terminal.is_restored(), "the caller's terminal is not raw")
        expect_equal(_ask(terminal, "tty"), "/dev/pts/0\n", "tty")
        expect_equal(_ask(terminal, "tty </dev/console >/dev/tty"), "/dev/console\n", "the console")
        terminal.type(b"exit 7\r")
        expect_equal(terminal.status(), 7, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


@test("terminal: a change of the caller's size reaches the payload as SIGWINCH", vm_only=True)
def resize(case):
    script = "trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.2; done"
    with _run(_container(case, "/bin/sh", "-c", script)) as terminal:
        terminal.wait_for(b"ready\r\n")
        terminal.resize(40, 132)
        terminal.wait_for(b"40 132\r\n")
        expect_equal(terminal.status(), 4, "status")


@test("terminal: ^C interrupts the foreground program, ^Z stops it, fg goes on with it, ^\\ ends it")
def job_control(case):
    with _shell(case) as terminal:
        terminal.type(b"sleep 1000\r")
        terminal.wait_for(b"sleep 1000\r\n")
        time.sleep(0.5)
        terminal.type(b"\x03")
        terminal.wait_for(_kPrompt)
        expect_equal(_ask(terminal, "echo $?"), "130\n", "status of what ^C ended")
        terminal.type(b"cat\r")
        terminal.wait_for(b"cat\r\n")
        time.sleep(0.5)
        terminal.type(b"\x1a")
        terminal.wait_for(_kPrompt)
        expect_in("Stopped", _ask(terminal, "jobs"), "jobs")
        terminal.type(b"fg\r")
        terminal.wait_for(b"fg\r\ncat\r\n")
        time.sleep(1)
        terminal.type(b"again\r")
        terminal.wait_for(b"again\r\nagain\r\n")
        terminal.type(b"\x1c")
        terminal.wait_for(_kPrompt)
        expect_equal(_ask(terminal, "echo $?"), "131\n", "status of what ^\\ ended")
        terminal.type(b"exit\r")
        expect_equal(terminal.status(), 0, "status")


@test("terminal: consoleSize is the size before the payload's first instruction")
def console_size(case):
    container = _container(case, "/bin/stty", "size")
    container.bundle.process["consoleSize"] = {"height": 17, "width": 71}
    # A caller without a size of its own has nothing to say about it.
    with _run(container, rows=0, columns=0) as terminal:
        terminal.wait_for(b"17 71\r\n")
        expect_equal(terminal.status(), 0, "status")


@test("terminal: the caller's size holds before the payload's first instruction", vm_only=True)
def first_size(case):
    with _run(_container(case, "/bin/stty", "size"), rows=21, columns=67) as terminal:
        terminal.wait_for(b"21 67\r\n")
        expect_equal(terminal.status(), 0, "status")


@test("terminal: half a megabyte of output arrives whole, and before the end")
def much_output(case):
    with _run(_container(case, "/bin/sh", "-c", "seq 80000; echo the end; exit 3")) as terminal:
        text = terminal.wait_for(b"the end\r\n", timeout=90)
        expect_equal(text, b"".join(b"%d\r\n" % n for n in range(1, 80001)), "output")
        expect_equal(terminal.status(), 3, "status")


@test("terminal: a caller that hangs up ends the shell")
def hang_up(case):
    with _shell(case) as terminal:
        pid = int(next(iter(case.directory.glob("*.pid"))).read_text())
        terminal.hang_up()
        terminal.status(30)  # of a shell at the end of its input
        expect(not os.path.exists(f"/proc/{pid}"), "the container process is there still")


@test("terminal: after SIGTERM to `run` the terminal is restored")
def terminated(case):
    with _run(_container(case, "/bin/probe", "signals")) as terminal:
        terminal.wait_for(b"ready\r\n")
        os.kill(terminal.pid, signal.SIGTERM)
        terminal.wait_for(b"signal 15\r\n")
        expect_equal(terminal.status(), 7, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


@test("terminal: after SIGKILL of the container process the terminal is restored")
def killed(case):
    container = _container(case, "/bin/sh")
    with _run(container) as terminal:
        terminal.wait_for(_kPrompt)
        os.kill(container.pid, signal.SIGKILL)
        expect_equal(terminal.status(), 137, "status")
        expect(terminal.is_restored(), "the caller's terminal is still raw")


@test("terminal: podman run -t gives one, podman run -it talks through it")
def podman(case):
    case.once(image)
    words = ["podman", "--cgroup-manager=cgroupfs", "--runtime", case.lab.runtime, "run", "--rm", "--network=none"]
    with Terminal([*words, "-t", kImage, "sh", "-c", "tty; exit 5"]) as terminal:
        terminal.wait_for(b"/dev/pts/0\r\n")
        expect_equal(terminal.status(), 5, "status of run -t")
    with Terminal([*words, "-it", "--env", "PS1=" + _kPrompt.decode(), kImage, "sh"], rows=31,
                  columns=97) as terminal:
        terminal.wait_for(_kPrompt)
        expect_equal(_ask(terminal, "stty size"), "31 97\n", "size")
        terminal.resize(50, 120)
        time.sleep(2)
        expect_equal(_ask(terminal, "stty size"), "50 120\n", "size after a change")
        terminal.type(b"exit 6\r")
        expect_equal(terminal.status(), 6, "status of run -it")
        expect(terminal.is_restored(), "the caller's terminal is still raw")
