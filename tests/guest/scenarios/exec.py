# SPDX-License-Identifier: Apache-2.0
"""exec: one more process in a container that is there already."""
import os
import signal
import subprocess
import time

from executed import detached, execute, foreground, kWait, reap, running, shell, test
from suite import expect, expect_equal, expect_in


@test("exec: exit codes from 0 to 255, and death by a signal")
def codes(case):
    container = running(case)
    for code in (0, 1, 42, 125, 126, 127, 128, 255):
        expect_equal(shell(container, f"exit {code}").status, code, f"status of exit {code}")
    for number in (1, 9, 15, 34):
        expect_equal(shell(container, f"kill -{number} $$").status, 128 + number, f"status after signal {number}")


@test("exec: programs that are missing, directories, or not executable, in the words that engines know")
def not_found(case):
    container = running(case)
    for program, status, words in (
            ("no-such", 127, 'exec: "no-such": executable file not found in $PATH'),
            ("/no/such", 127, "no such file or directory"),
            ("/etc/plain", 126, "permission denied"),
            ("/etc", 126, "is a directory")):
        result = execute(container, container.name, program)
        if case.is_vm:
            expect_equal(result.status, status, f"status of {program}")
            expect_in(words, result.error, "stderr")
        expect(result.status != 0, f"{program} succeeded")


@test("exec: streams are pipes of its own, owned by its user, in both directions and to their end")
def streams(case):
    container = running(case)
    result = shell(container, "cat; echo to-err >&2; echo again >/dev/stdout; stat -c %u -L /proc/self/fd/1",
                    "--user", "1000:1000", stdin=b"through\n")
    expect_equal((result.status, result.out, result.err), (0, b"through\nagain\n1000\n", b"to-err\n"), "result")


@test("exec: a background process keeps its standard output, and does not keep exec waiting")
def background(case):
    container = running(case)
    process = foreground(container, container.name, "/bin/sh", "-c", "(sleep 2; echo late) & echo soon; exit 6",
                         stdout=subprocess.PIPE)
    expect_equal(process.wait(60), 6, "status")
    expect_equal(process.stdout.read(), b"soon\nlate\n", "stdout, up to its end")


@test("exec: it sees the container's processes, root, hostname and cgroup, and they see it")
def same_world(case):
    container = running(case, "touch /tmp/mark; " + kWait)
    result = shell(container, "hostname; ls /tmp; cat /proc/1/cmdline | tr '\\0' ' '; for n in mnt pid "
                    "ipc uts; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo $n; done; "
                    "cmp /proc/1/cgroup /proc/self/cgroup && echo same")
    words = result.text.split()
    expect_equal((words[:2], words[-5:]), (["box", "mark"], ["mnt", "pid", "ipc", "uts", "same"]), f"of {words}")


@test("exec: into a created container, whose program then starts unharmed")
def created(case):
    container = case.container(case.bundle().script("echo payload; exit 4")).created()
    expect_equal(shell(container, "echo $PPID; exit 5").status, 5, "status in a created container")
    container.must("start", container.name)
    expect_equal(container.wait(), 4, "the payload's status")


@test("exec: refused on a stopped container and on none")
def refused(case):
    container = case.container(case.bundle("/bin/true")).started()
    container.wait()
    result = execute(container, container.name, "true")
    expect(result.status != 0, "exec into a stopped container")
    if case.is_vm:
        expect_in("container not running", result.error, "stderr")
    result = execute(container, "nobody", "true")
    expect(result.status != 0, "exec into no container")
    if case.is_vm:
        expect_in("does not exist", result.error, "stderr")


@test("exec: the container's end ends its executed processes")
def container_ends(case):
    container = running(case)
    pid = detached(container, container.name, "/bin/sleep", "1000")
    container.must("kill", container.name, "KILL")
    expect_equal(reap(pid), (0, signal.SIGKILL), "the executed process")


def _at_once(container, numbers, *flags):
    """{number: (the exec command, the file of its standard output)}; each ends with its number."""
    running_now = {}
    for number in numbers:
        output = container.out_path.with_suffix(f".{number}")
        with open(output, "wb") as out:
            words = [flag.format(number) for flag in flags] + [container.name, "/bin/sh", "-c",
                                                               f"sleep 1; echo {number}; exit {number}"]
            running_now[number] = foreground(container, *words, stdout=out, stderr=out), output
    return running_now


@test("exec: fifty at once, half of them detached", vm_only=True)
def many(case):
    container = running(case)
    pid_file = str(container.pid_path.with_suffix(".exec")) + "{}"
    attached = _at_once(container, range(25))
    left = _at_once(container, range(25, 50), "--detach", "--pid-file", pid_file)
    statuses = {number: command.wait(120) for number, (command, _) in (attached | left).items()}
    expect_equal(statuses, {number: number if number < 25 else 0 for number in range(50)}, "statuses")
    for number in left:
        with open(pid_file.format(number), encoding="ascii") as file:
            expect_equal(reap(int(file.read())), (number, 0), f"the process that stands for exec {number}")
    for number, (_, output) in (attached | left).items():
        expect_equal(output.read_bytes(), b"%d\n" % number, f"output of exec {number}")


@test("exec: a hundred one after the other leave no descriptor, no memory and no process behind", vm_only=True)
def nothing_grows(case):
    container = running(case, "exec sleep 1000")  # which is one process at any moment

    def measure():
        descriptors = len(os.listdir(f"/proc/{container.pid}/fd"))
        with open(f"/proc/{container.pid}/status") as status:
            kib = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        processes = len(shell(container, "ls -d /proc/[0-9]*").text.split())
        return descriptors, kib, processes

    for _ in range(10):
        shell(container, "echo warm")
    before = measure()
    for i in range(100):
        expect_equal(shell(container, f"echo {i}").text, f"{i}\n", "output")
    end = time.monotonic() + 10
    while measure()[0] > before[0] and time.monotonic() < end:
        time.sleep(0.2)  # the last connection may be just ending
    after = measure()
    # Less is a connection that was just ending when it was counted first.
    expect(after[0] <= before[0], f"descriptors went from {before[0]} to {after[0]}")
    expect_equal(after[2], before[2], "processes")
    # The guest's own memory, which the host sees it touch, is most of it.
    expect(after[1] - before[1] < 16 << 10, f"anonymous memory went from {before[1]} to {after[1]} KiB")
