# SPDX-License-Identifier: Apache-2.0
"""podman: executed processes, terminals, attach, pause."""
import time

from clients.comparing import kDigest, scenario
from clients.podman import Podman, kImage, kNoNetwork
from suite import Failed
from terminal import Terminal

# Does what is typed. A shell that edits lines would lose what is typed while it changes the terminal.
_kLines = ("sh", "-c", "while read line; do $line; done")
_kEcho = "while read line; do echo \"got $line\"; [ \"$line\" = end ] && exit 9; done"


@scenario("podman", "exec")
def executed(stage):
    with Podman(stage) as podman:
        podman.start("box", kImage, "sleep", "1000")
        podman.see("exec", "box", "sh", "-c", "echo out; echo err >&2; exit 7")
        podman.see("exec", "-i", "box", "sh", "-c", kDigest, stdin=b"through\n" * 5000)
        podman.see("exec", "--user", "1000:1000", "--workdir", "/data", "--env", "NAME=value", "box", "sh", "-c",
                   "id -u; id -g; pwd; echo $NAME; grep CapEff /proc/self/status")
        podman.see("exec", "--privileged", "box", "grep", "Cap", "/proc/self/status")
        podman.see("exec", "box", "no-such-program")
        podman.see("exec", "box", "/etc/plain")
        podman.see("exec", "--workdir", "/nowhere", "box", "pwd")
        podman.see("exec", "-t", "box", "sh", "-c", "tty >/dev/null && echo terminal")
        podman.see("exec", "box", "sh", "-c", "kill -9 $$")
        # podman's id of a detached executed process is printed.
        podman.see("exec", "-d", "box", "sh", "-c", "echo detached >/tmp/detached")
        podman.see("exec", "box", "sh", "-c", "while [ ! -s /tmp/detached ]; do sleep 0.1; done; cat /tmp/detached")
        podman.see("pause", "box")
        podman.see("inspect", "--format", "{{.State.Status}}", "box")
        podman.see("exec", "box", "true", step="exec in a paused container")
        podman.see("unpause", "box")
        podman.see("exec", "box", "echo", "again")
        podman.see("pause", "box", step="pause once more")
        podman.see("rm", "--force", "--time", "0", "box", step="rm --force of a paused container")


@scenario("podman", "attach", slow=True)
def attached(stage):
    with Podman(stage) as podman:
        podman.must("create", "-i", kNoNetwork, "--name", "box", kImage, "sh", "-c", _kEcho)
        podman.see("start", "--attach", "--interactive", "box", stdin=b"one\nend\n")
        podman.must("start", "box")
        podman.see("attach", "box", stdin=b"two\nend\n")
        podman.see("wait", "box")
        podman.remove("box")


def _size(terminal, wanted, attempts=20):
    """A change of the size arrives some time after it was made."""
    for _ in range(attempts):
        terminal.type(b"stty size\n")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            terminal.read(0.1)
            if wanted in terminal.seen:
                terminal.seen = b""
                return "yes"
    raise Failed(f"the terminal's size is not {wanted}: {terminal.seen[-200:]}")


@scenario("podman", "run -it and exec -it", slow=True)
def interactive(stage):
    with Podman(stage) as podman:
        argv = podman.argv(["run", "-it", "--rm", kNoNetwork, "--name", "box", kImage, *_kLines])
        with Terminal(argv, rows=40, columns=100) as program:
            stage.note("run -it: the terminal has the caller's size", _size(program, b"40 100"))
            program.resize(50, 120)
            stage.note("run -it: and follows it", _size(program, b"50 120"))
            program.type(b"tty\n")
            program.wait_for(b"/dev/pts/0")
            stage.note("run -it: it is /dev/pts/0", "yes")
            _executed_on_terminal(stage, podman)
            program.type(b"\x03")
            stage.note("run -it: Ctrl-C", str(program.status()))


def _executed_on_terminal(stage, podman):
    argv = podman.argv(["exec", "-it", "box", *_kLines])
    with Terminal(argv, rows=30, columns=90) as program:
        stage.note("exec -it: the terminal has the caller's size", _size(program, b"30 90"))
        program.type(b"exit 12\n")
        stage.note("exec -it: exit 12", str(program.status()))
