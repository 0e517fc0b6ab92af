# SPDX-License-Identifier: Apache-2.0
"""exec: the process on the host that stands for one in the container."""
import os
import select
import signal
import time

from executed import detached, foreground, is_in_guest, reap, running, test, until
from suite import expect, expect_equal, Failed


@test("exec proxy: the process that stands for a detached one ends as it does")
def end(case):
    container = running(case)
    expect_equal(reap(detached(container, container.name, "/bin/sh", "-c", "exit 7")), (7, 0), "exit 7")
    for number in (signal.SIGTERM, signal.SIGRTMIN + 3):
        pid = detached(container, container.name, "/bin/sleep", "1000")
        os.kill(pid, number)
        expect_equal(reap(pid), (0, number), f"after signal {number}")


@test("exec proxy: when it or the foreground command is killed, so is the process in the container")
def client_gone(case):
    container = running(case)
    pid = detached(container, container.name, "/bin/sleep", "4242")
    os.kill(pid, signal.SIGKILL)
    reap(pid)
    process = foreground(container, container.name, "/bin/sleep", "4242")
    time.sleep(1)
    process.kill()
    process.wait()
    if case.is_vm:  # elsewhere the kernel does it, when it is the process itself that is killed
        until(lambda: not is_in_guest(container, "sleep 4242"), "the end of sleep")


@test("exec proxy: every signal there is reaches the process when it is sent to what stands for it")
def every_signal(case):
    container = running(case)
    output = container.out_path.with_suffix(".signals")
    with open(output, "wb") as out:
        pid = detached(container, container.name, "/bin/probe", "signals", stdout=out)

    def heard(line):
        until(lambda: line in output.read_bytes(), f"{line} from the process")

    heard(b"ready\n")
    # The process's libc keeps 32 and 33 to itself; TERM ends it.
    unheard = {signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, 32, 33}
    for number in sorted(set(range(1, 65)) - unheard):
        os.kill(pid, number)
        heard(b"signal %02d\n" % number)
    os.kill(pid, signal.SIGTERM)
    expect_equal(reap(pid), (7, 0), "end")
    expect_equal(output.read_bytes().count(b"signal "), 64 - len(unheard) + 1, "signals seen")


def _read(fd, timeout=30):
    """What comes before end-of-file, which has to come."""
    end = time.monotonic() + timeout
    seen = b""
    while select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
        got = os.read(fd, 4096)
        if not got:
            os.close(fd)
            return seen
        seen += got
    raise Failed(f"no end-of-file in {timeout} s, after {seen}")


@test("exec proxy: the pipes of a detached process carry data and end-of-file, whatever stands for it")
def pipes(case):
    container = running(case)
    read_in, to_it = os.pipe()
    from_it, write_out = os.pipe()
    errors, write_err = os.pipe()
    script = "echo to-err >&2; exec 2>&-; cat; exec >&-; sleep 1; exit 3"
    pid = detached(container, container.name, "/bin/sh", "-c", script,
                   stdin=read_in, stdout=write_out, stderr=write_err)
    for fd in (read_in, write_out, write_err):
        os.close(fd)
    expect_equal(_read(errors), b"to-err\n", "stderr, whose end comes first")
    os.write(to_it, b"through\n")
    expect_equal(os.read(from_it, 100), b"through\n", "stdout")
    os.close(to_it)
    expect_equal(_read(from_it), b"", "the rest of stdout")
    expect_equal(reap(pid), (3, 0), "end")


@test("exec proxy: a detached process whose reader goes away dies by SIGPIPE")
def reader_gone(case):
    container = running(case)
    from_it, write_out = os.pipe()
    pid = detached(container, container.name, "/bin/sh", "-c", "while echo line; do :; done", stdout=write_out)
    os.close(write_out)
    expect_equal(os.read(from_it, 4), b"line", "first bytes")
    os.close(from_it)
    expect_equal(reap(pid), (0, signal.SIGPIPE), "end")


@test("exec proxy: it is in the container's cgroup, leads its own session, and is its monitor's child")
def placement(case):
    container = running(case)
    pid = detached(container, container.name, "/bin/sleep", "1000")
    cgroups = []
    for who in (pid, container.pid):
        with open(f"/proc/{who}/cgroup", encoding="ascii") as file:
            cgroups.append(file.read())
    expect(cgroups[0] == cgroups[1] and "box" in cgroups[0], f"cgroups {cgroups}")
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        parent, group, session = map(int, stat.read().rsplit(")", 1)[1].split()[1:4])
    expect_equal(parent, os.getpid(), "parent")
    if case.is_vm:  # crun's own session and group are elsewhere the ones of a process without a terminal
        expect_equal((group, session), (pid, pid), "process group and session")
    os.kill(pid, signal.SIGKILL)
    expect_equal(reap(pid), (0, signal.SIGKILL), "end")
