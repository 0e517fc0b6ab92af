# SPDX-License-Identifier: Apache-2.0
"""System calls that fail, and processes that die, in what create and exec --detach leave behind: the container process,
with its threads and its machine, and the process that stands for an executed one.

strace follows the forks and counts for each process by itself: fault number N meets call number N of the command and of
its children alike. What has to be true is the same: the command works, or it says in one line why not and nothing is left
of it; and then the same command works. Where a call of the command fails as well, while it removes what a child's failure
has left, the rest is there until it is deleted.
"""
import collections
import ctypes
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time

from executed import kWait, test, until
from podman_client import image, podman
from suite import expect, expect_equal, Failed, Skip

_kPatience = 60
_kBootLimit = 150  # seconds; the runtime's own is 120: a machine without an interrupt that it waits for ends by that
_kMaxCoreBytes = 8 << 20
# Those that the two processes call on their way, with the errors that may come out of each (their manual pages). The
# machine's own threads wait in the same calls for what the guest does, so those are not made to fail for ever.
_kErrors = {
    "bind": "EACCES", "capset": "EPERM", "clone3": "EAGAIN", "dup2": "EBUSY", "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM",
    "eventfd2": "EMFILE", "fcntl": "EMFILE", "fsconfig": "EINVAL", "fsmount": "EPERM", "fsopen": "EMFILE", "fstatfs": "EIO",
    "ioctl": "EINTR", "listen": "EADDRINUSE", "memfd_create": "EMFILE", "mmap": "ENOMEM", "mount": "EPERM",
    "mount_setattr": "EINVAL", "move_mount": "EINVAL", "mprotect": "ENOMEM", "newfstatat": "EIO", "open_tree": "EPERM",
    "openat": "EMFILE", "openat2": "EACCES", "pivot_root": "EINVAL", "prctl": "EINVAL", "read": "EIO", "recvmsg": "ENOMEM",
    "sendmsg": "ENOBUFS", "setns": "EPERM", "signalfd4": "EMFILE", "socketpair": "EMFILE", "timerfd_create": "EMFILE",
    "umount2": "EBUSY", "unshare": "EPERM", "write": "ENOSPC",
}


def _strace(case, container, words, *flags):
    """(status, stderr) of the command, while strace follows what it leaves behind."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    line = ["strace", "-D", "-f", "-qq", "-o", str(case.directory / "trace"), *flags, *container.argv(*words)]
    said = case.directory / "said"
    with open(said, "wb") as err:
        command = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                                   env=container.environment)
        try:
            status = command.wait(_kBootLimit)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            raise Failed(f"does not end in {_kBootLimit} s") from None
    return status if status >= 0 else 128 - status, said.read_text()


def _end(container):
    """Of all that is left of it, and of the strace that follows that."""
    container.command("delete", "--force", container.name)
    until(lambda: "strace" not in _names().values(), "the end of strace", _kPatience)


def _names():
    """{number: name} of all processes that have not ended."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, rest = pathlib.Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(") ", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest[0] != "Z":
            found[int(pid)] = name
    return found


def _calls(path):
    """{name: the most that one process called it}, of the names that have an error here."""
    seen = collections.Counter()
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"(\d+) +(\w+)\(", line):
            seen[match.groups()] += 1
    most = collections.Counter()
    for (_, name), count in seen.items():
        if name in _kErrors:
            most[name] = max(most[name], count)
    return most


def _faults(most):
    """(name, number, fault): the first and the last call of each name fail, and are the last of their process."""
    for name, count in sorted(most.items()):
        for number in sorted({1, count // 2 + 1, count}):
            yield name, number, f"error={_kErrors[name]}"
        yield name, count, "signal=KILL"


def _share(faults):
    """KRUN_FAULTS is all, how many, evenly taken, or a part of one's name; by default as many as end in some minutes."""
    every = list(faults)
    wanted = os.environ.get("KRUN_FAULTS", "60")
    if wanted.isdigit():
        return every[::-(-len(every) // int(wanted))]
    return every if wanted == "all" else [fault for fault in every if wanted in _say(*fault)]


def _say(name, number, fault):
    return f"{name} {number} {fault}"


def _expect_one_line(said, status, what):
    expect(status != 0 and (said.count("\n") == 1 or status >= 128), f"{what}: status {status}, stderr {said!r}")


def _cleaning_failed(path):
    """Whether a call of the command, which the first line is about, was made to fail beside one of a child's."""
    lines = path.read_text(errors="replace").splitlines()
    failed = {line.split()[0] for line in lines if "(INJECTED)" in line}
    return len(failed) > 1 and lines[0].split()[0] in failed


def _processes():
    """Programs of ours that run, by their number."""
    return {pid for pid, name in _names().items() if name.startswith("krun-oci")}


def _bundle(case):
    bundle = case.bundle().script(kWait)
    bundle.linux["resources"] = {"memory": {"limit": 128 << 20}}
    return bundle


class _Round:
    """One fault after another on the same bundle, with what was there before each."""

    def __init__(self, case, words):
        self.case = case
        self.words = words
        self.bad = []

    def each(self, faults, before, after):
        count = 0
        for name, number, fault in faults:
            count += 1
            container = before()
            running = _processes()
            try:
                status, said = _strace(self.case, container, self.words, "--seccomp-bpf", f"--trace={name}",
                                       f"--inject={name}:{fault}:when={number}")
                after(container, status, said, running, _say(name, number, fault))
            except Failed as failure:
                self.bad.append(f"{_say(name, number, fault)}: {failure}")
            _end(container)
        print(f"# faults: {count} in {' '.join(map(str, self.words[:1]))}, {len(self.bad)} with a bad end", flush=True)
        expect(not self.bad, "; ".join(self.bad))


@test("faults: create works or leaves nothing, whichever call of it or of the container process fails", vm_only=True, slow=True)
def in_create(case):
    container = case.container(_bundle(case))
    container.bundle.write()
    words = ("create", "--bundle", container.bundle.path, container.name)
    expect_equal(_strace(case, container, words), (0, ""), "create under strace")
    _end(container)
    most = _calls(case.directory / "trace")
    round_ = _Round(case, words)

    def after(container, status, said, running, what):
        if status == 0:
            expect(container.state()["status"] in ("created", "stopped"), f"state {container.state()['status']}")
            return
        _expect_one_line(said, status, what)
        if "KILL" not in what:
            if not _cleaning_failed(case.directory / "trace"):
                expect_equal(case.left_behind(), [], "containers")
            until(lambda: not _processes() - running, "the end of every process", 15)
        container.command("delete", "--force", container.name)
        container.created().must("delete", "--force", container.name)

    round_.each(_share(_faults(most)), lambda: container, after)


@test("faults: a detached exec works or leaves no process, whichever call of it or of its proxy fails", vm_only=True, slow=True)
def in_exec(case):
    container = case.container(_bundle(case)).started()
    words = ("exec", "--detach", container.name, "/bin/sleep", "1000")
    expect_equal(_strace(case, container, words), (0, ""), "exec under strace")
    _end(container)
    most = _calls(case.directory / "trace")
    round_ = _Round(case, words)

    def before():
        if not case.left_behind():
            container.started()
        return container

    def after(container, status, said, running, what):
        expect_equal(container.state()["status"], "running", "state of the container")
        if status == 0:
            return
        _expect_one_line(said, status, what)
        if "KILL" not in what:
            until(lambda: not _processes() - running, "the end of every process", 15)
        expect_equal(container.command("exec", container.name, "true").status, 0, "exec again")

    round_.each(_share(_faults(most)), before, after)


@test("faults: a container process that is killed at any moment is stopped, has status 137, and can be deleted", vm_only=True,
      slow=True)
def killed(case):
    for delay in (0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2, 2.5, 3):
        container = case.container(_bundle(case), name=f"box{delay}").created()
        starter = subprocess.Popen(container.argv("start", container.name), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        pidfd = os.pidfd_open(container.pid)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
        expect_equal(container.wait(), 137, f"status, killed after {delay} s")
        expect_equal(container.state()["status"], "stopped", "state")
        starter.wait(_kPatience)
        container.must("delete", container.name)


def _jump_to_zero(pid):
    """Makes a process touch memory that it does not have, as a fault of its own would: no signal that it could block."""
    attach, poke_user, detach = 16, 6, 17  # ptrace(2)
    instruction_pointer, call = 16 * 8, 15 * 8  # struct user: rip, orig_rax
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    expect_equal(ptrace(attach, pid, None, None), 0, f"PTRACE_ATTACH ({os.strerror(ctypes.get_errno())})")
    os.waitpid(pid, 0)
    ptrace(poke_user, pid, call, ctypes.c_void_p(-1))  # else the interrupted system call would begin again
    ptrace(poke_user, pid, instruction_pointer, None)
    ptrace(detach, pid, None, None)


@test("faults: a container process that crashes ends the container with that status, and no core has the guest's memory",
      vm_only=True)
def crashed(case):
    bundle = _bundle(case)
    container = case.container(bundle).started()
    resource.prlimit(container.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    _jump_to_zero(container.pid)
    expect_equal(container.wait(), 128 + signal.SIGSEGV, "status")
    expect_equal(container.state()["status"], "stopped", "state")
    cores = [path.stat().st_blocks * 512 for path in bundle.root.glob("core*")]
    expect_equal(len(cores), 1, "cores, which were asked for")
    expect(cores[0] < _kMaxCoreBytes, f"a core of {cores[0]} bytes, with the guest's memory")
    container.must("delete", container.name)


def _cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _ticks_in(seconds, pid):
    time.sleep(1)
    before = _cpu_ticks(pid)
    time.sleep(seconds)
    return _cpu_ticks(pid) - before


@test("faults: a container outlives its monitor, does not spin, and can be killed and deleted", vm_only=True, needs=image)
def without_monitor(case):
    flags = ("--cgroup-manager=cgroupfs",)
    script = "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.2; done"
    name = podman(case, case.lab.runtime, "run", "-d", "--network=none", "IMAGE", "sh", "-c", script,
                  flags=flags).stdout.decode().strip()
    monitor, pid = map(int, podman(case, case.lab.runtime, "inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}", name,
                                   flags=flags).stdout.split())
    busy = _ticks_in(3, pid)
    os.kill(monitor, signal.SIGKILL)
    alone = _ticks_in(3, pid)
    expect(alone < 2 * busy + 50, f"{alone} ticks in 3 seconds, {busy} while it had a monitor")
    for words in (("kill", name, "KILL"), ("delete", name)):
        done = subprocess.run([case.lab.runtime, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        expect_equal((done.returncode, done.stderr), (0, b""), words[0])
        if words[0] == "kill":
            os.waitpid(pid, 0)  # its monitor's place is ours now
    pathlib.Path(f"/run/libpod/exits/{name}").write_text("137")  # for podman, as its monitor would have
    podman(case, case.lab.runtime, "rm", "--force", name, flags=flags)
