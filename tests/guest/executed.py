# SPDX-License-Identifier: Apache-2.0
"""Processes executed in a container that runs: how the tests of exec start one, and what stands for it."""
import os
import subprocess
import time

import suite
from suite import expect_equal

kWait = "while :; do sleep 1; done"


def test(name, **options):
    """A test whose containers still run at its end: a forced delete has to take all of them away."""

    def register(function):
        def run(case):
            function(case)
            case.end()

        suite.test(name, **options)(run)
        return function

    return register


def running(case, script=kWait, **changes):
    """A started container; `changes` are to its process."""
    bundle = case.bundle().script(script)
    bundle.process.update(changes)
    return case.container(bundle).started()


def execute(container, *words, **options):
    return container.command("exec", *words, **options)


def shell(container, text, *flags, **options):
    return execute(container, *flags, container.name, "/bin/sh", "-c", text, **options)


def foreground(container, *words, **streams):
    """exec that is not waited for: a Popen."""
    streams = {"stdin": subprocess.DEVNULL, **streams}
    return subprocess.Popen(container.argv("exec", *words), env=container.environment, **streams)


def detached(container, *words, **streams):
    """The number of the process that stands for it; its streams are /dev/null where nothing else is said."""
    pid_file = container.pid_path.with_suffix(".exec")
    streams = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")} | streams
    argv = container.argv("exec", "--detach", "--pid-file", pid_file, *words)
    done = subprocess.run(argv, env=container.environment, timeout=60, check=False, **streams)
    expect_equal((done.returncode, container.log()), (0, []), "exec --detach")
    return int(pid_file.read_text())


def reap(pid, timeout=30):
    """(code, signal) of a process that was re-parented to us."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return (os.WEXITSTATUS(status), 0) if os.WIFEXITED(status) else (0, os.WTERMSIG(status))
        time.sleep(0.02)
    raise suite.Failed(f"the process {pid} is alive after {timeout} s")


def until(condition, what, timeout=30):
    """Waits for condition() to be true, and returns what it returned."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            raise suite.Failed(f"not in {timeout} s: {what}")
        time.sleep(0.05)
    return result


def is_in_guest(container, command):
    """Whether a process of the container, other than the one that looks, has `command` in its command line."""
    itself = f"[{command[0]}]{command[1:]}"
    return command in shell(container, f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '{itself}'").text
