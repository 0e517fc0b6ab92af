# SPDX-License-Identifier: Apache-2.0
"""Every command, killed before each of its system calls, and with each system call failing as it may.

What is counted: the calls of the command's own process between the first line of main() and its end, each by its name
and how many of that name came before. The dynamic loader's calls are not ours; container processes are not traced, and the
process that stands for an executed one has a row of its own. By default an error is put into the first, middle and last call of a
name; with KRUN_FAULTS=all into every call.

After each fault comes the census: no process, file or directory that was not there before, and a neighbour in the
same state directory that runs as it did. Then the same command on the same container must work.

Usage: fault_test.py PATH-OF-KRUN_OCI_FAKE [FILTER]   FILTER: a part of "COMMAND, FAULT"
"""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import threading

from command_line import MARK, SKIPPED, CommandLine, Failure

# The errors that may come out of each system call, by its manual page. EINTR and, where it means "again", EAGAIN are
# no failures: the command must succeed.
_kErrors = {
    "access": "EACCES",
    "bind": "EACCES ENOMEM ENOSPC",
    "clone": "EAGAIN ENOMEM",
    "connect": "EINTR EACCES ECONNREFUSED",
    "dup2": "EBUSY",
    "fcntl": "EMFILE",
    "flock": "EINTR EAGAIN ENOLCK",
    "ftruncate": "EINTR EIO",
    "getcwd": "ENOENT ENOMEM",
    "getdents64": "EIO",
    "getrandom": "EAGAIN",
    "listen": "EADDRINUSE",
    "lseek": "EINVAL",
    "memfd_create": "EMFILE ENFILE ENOMEM",
    "mkdir": "EACCES EIO ENOMEM ENOSPC",
    "mkdirat": "EACCES EIO ENOMEM ENOSPC",
    "newfstatat": "EIO ENOMEM",
    "openat": "EINTR EACCES EIO EMFILE ENFILE ENOMEM ENOSPC",
    "pidfd_open": "EMFILE ENFILE ENOMEM",
    "pidfd_send_signal": "EPERM",
    "pipe2": "EMFILE ENFILE",
    "poll": "EINTR ENOMEM",
    "prctl": "EINVAL",
    "read": "EINTR EIO",
    "readlink": "EACCES EIO ENOMEM",
    "recvfrom": "EINTR ENOMEM",
    "recvmsg": "EINTR EMFILE ENOMEM",
    "renameat": "EACCES EIO ENOSPC",
    "rt_sigprocmask": "EINVAL",
    "sendmsg": "EINTR ENOMEM ENOBUFS",
    "sendto": "EINTR ENOMEM ENOBUFS",
    "setsid": "EPERM",
    "setsockopt": "ENOMEM",
    "signalfd4": "EMFILE ENFILE ENOMEM",
    "socket": "EMFILE ENFILE ENOMEM",
    "socketpair": "EMFILE ENFILE ENOMEM",
    "unlinkat": "EACCES EIO",
    "wait4": "EINTR",
    "write": "EINTR EIO ENOSPC",
}
# These have no error, or close(2), which closes whatever it returns; strace would leave the descriptor open.
_kCannotFail = {"brk", "close", "exit_group", "geteuid", "getpid", "kill", "munmap", "rt_sigaction", "set_robust_list"}
_kAgain = {("flock", "EAGAIN")}


def _succeeds(ended):
    if ended.status != 0:
        raise Failure(str(ended))


def _refuses(ended, *texts):
    if ended.status == 0 or not any(text in ended.err for text in texts):
        raise Failure(f"{ended}, not a failure with {texts}")


class Command:
    """One row of the table: what is there before, the command, and what may be there after it."""

    needs_running = True
    in_child = False  # the faults are those of the process that it forks

    def prepare(self, lab):
        _succeeds(lab.create("web"))
        if self.needs_running:
            _succeeds(lab.krun("start", "web"))

    def line(self, lab):
        raise NotImplementedError

    def check_done(self, lab):
        """After status 0."""

    def check_failed(self, lab):
        """After status 1: as before, or what `check_killed` allows."""
        self.check_killed(lab)

    def check_killed(self, lab):
        raise NotImplementedError

    def again(self, lab):
        """A retry, whatever the first has done."""
        raise NotImplementedError


def _one_of(state, allowed):
    if state not in allowed:
        raise Failure(f"the container is {state}, not one of {allowed}")


class Create(Command):
    def prepare(self, lab):
        pass

    def line(self, lab):
        return lab.create_line("web", "--pid-file", str(lab.scratch / "pid"))

    def check_done(self, lab):
        _one_of(lab.state("web"), ["created"])
        (lab.scratch / "pid").unlink()

    def check_failed(self, lab):
        lab.expect_left(["other"], lab.before)

    def check_killed(self, lab):
        state = lab.state("web")
        _one_of(state, [None, "stopped", "created"])
        if (lab.scratch / "pid").exists():
            _one_of(state, ["created"])
        _succeeds(lab.krun("delete", "--force", "web"))

    def again(self, lab):
        lab.krun("delete", "--force", "web")
        _succeeds(lab.run(self.line(lab)))
        self.check_done(lab)


class Start(Command):
    needs_running = False

    def line(self, lab):
        return lab.line("start", "web")

    def check_done(self, lab):
        _one_of(lab.state("web"), ["running"])

    def check_failed(self, lab):
        # The payload does not go on after a start that failed.
        _one_of(lab.state("web"), ["created", "stopped"])

    def check_killed(self, lab):
        _one_of(lab.state("web"), ["created", "running"])

    def again(self, lab):
        """It works, or it says that the payload runs, and then everybody sees that."""
        ended = lab.run(self.line(lab))
        if ended.status == 0:
            return _one_of(lab.state("web"), ["running"])
        # A payload whose start could not be recorded is just being killed: it may end between the two looks.
        _one_of(lab.state("web"), ["running", "stopped"])
        _refuses(ended, "cannot start a container that is running", "cannot start a container that is stopped",
                 "container not running")


class Kill(Command):
    def line(self, lab):
        return lab.line("kill", "web", "TERM")

    def check_done(self, lab):
        lab.wait_for_end("web")

    def check_killed(self, lab):
        _one_of(lab.state("web"), ["running", "stopped"])

    def again(self, lab):
        ended = lab.run(self.line(lab))
        if ended.status != 0:
            _refuses(ended, "container not running")
        lab.wait_for_end("web")


class KillByKill(Kill):
    """Sent to the container process, not through it."""

    def line(self, lab):
        return lab.line("kill", "web", "KILL")


class Delete(Command):
    needs_running = False

    def line(self, lab):
        return lab.line("delete", "web")

    def check_done(self, lab):
        lab.expect_left(["other"], lab.before)

    def check_killed(self, lab):
        _one_of(lab.state("web"), [None, "created", "stopped"])

    def again(self, lab):
        ended = lab.run(self.line(lab))
        if ended.status != 0:  # it was just the directory that was left
            _refuses(ended, 'container "web" does not exist')
            _succeeds(lab.krun("delete", "--force", "web"))
        self.check_done(lab)


class ForcedDelete(Delete):
    needs_running = True

    def line(self, lab):
        return lab.line("delete", "--force", "web")

    def check_killed(self, lab):
        _one_of(lab.state("web"), [None, "running", "stopped"])


class Exec(Command):
    def line(self, lab):
        return lab.line("exec", "web", "say", "hello")

    def check_killed(self, lab):
        _one_of(lab.state("web"), ["running"])

    def again(self, lab):
        ended = lab.run(self.line(lab))
        if (ended.status, ended.out) != (0, "hello"):
            raise Failure(f"exec again: {ended}, stdout {ended.out!r}")


class DetachedExec(Command):
    """The process it leaves runs until its container ends; one whose number nobody was told does not run."""

    def line(self, lab):
        return lab.line("exec", "--detach", "--pid-file", str(lab.scratch / "pid"), "web", "wait")

    def prepare(self, lab):
        super().prepare(lab)
        self.before = lab.processes()

    def check_done(self, lab):
        _one_of(lab.state("web"), ["running"])
        number = int((lab.scratch / "pid").read_text())
        if number not in lab.processes():
            raise Failure(f"process {number} of the pid file does not run")
        (lab.scratch / "pid").unlink()

    def check_killed(self, lab):
        if (lab.scratch / "pid").exists():
            return (lab.scratch / "pid").unlink()
        (lab.scratch / ".pid.new").unlink(missing_ok=True)
        self._expect_none(lab)

    def check_failed(self, lab):
        (lab.scratch / "pid").unlink(missing_ok=True)
        self._expect_none(lab)

    def _expect_none(self, lab):
        _one_of(lab.state("web"), ["running"])
        lab.expect_left(["other", "web"], self.before)

    def again(self, lab):
        _succeeds(lab.run(self.line(lab)))
        self.check_done(lab)


class ExecProxy(DetachedExec):
    """What stands for the executed process. Of fault number N the command itself may meet its own call number N, too."""

    in_child = True

    def check_done(self, lab):
        """It may have ended since: then so has its process."""
        _one_of(lab.state("web"), ["running"])
        (lab.scratch / "pid").unlink()


_kCommands = {"create": Create, "start": Start, "kill": Kill, "kill KILL": KillByKill, "delete": Delete,
              "delete --force": ForcedDelete, "exec": Exec, "exec --detach": DetachedExec, "what stands for it": ExecProxy}


class Lab(CommandLine):
    """One worker's command line, with a neighbour that nothing may happen to."""

    def __enter__(self):
        super().__enter__()
        _succeeds(self.create("other"))
        _succeeds(self.krun("start", "other"))
        self.before = self.processes()
        return self

    def under_strace(self, command, *flags):
        """Follows a child in the background, without the mark of what must not be left."""
        trace = self.directory / "trace"
        if command.in_child:
            flags = ["-D", "-f", "-E", f"{MARK}={self.directory}", *flags]
        strace = ["env", "-u", MARK, "strace"] if command.in_child else ["strace"]
        return self.run([*strace, "-qq", "-o", str(trace), *flags, *command.line(self)]), trace

    def wait_for_end(self, name):
        pid = self.krun("state", name)
        for _ in range(5000):
            if self.state(name) == "stopped":
                return
        raise Failure(f"{name} does not end: {pid}")

    def calls(self, command):
        """The names of the system calls of a command, from main() on, each with its number among its like."""
        command.prepare(self)
        ended, trace = self.under_strace(command)
        _succeeds(ended)
        command.check_done(self)
        self.clean_up()
        return (_childs_calls if command.in_child else _own_calls)(trace.read_text().splitlines())

    def clean_up(self):
        _succeeds(self.krun("delete", "--force", "web"))
        self.expect_left(["other"], self.before)

    def check(self, command, call, fault):
        """One fault and all that is to be true afterwards."""
        name, number = call
        command.prepare(self)
        ended, trace = self.under_strace(command, f"--trace={name}", f"--inject={name}:{fault}:when={number}")
        if fault == "signal=KILL" and (ended.status != 0 or command.in_child):
            if ended.status != -9 and not command.in_child:
                raise Failure(f"was not killed: {ended}")
            command.check_killed(self)
        elif fault == "signal=KILL" and _count(name, trace.read_text().splitlines()) >= number:
            raise Failure(f"was not killed: {ended}")
        elif ended.status == 0:  # or it made fewer of these calls than before: how often a pipe is read, the writer decides
            command.check_done(self)
        else:
            self._check_failure(command, ended, name, fault.removeprefix("error="))
        command.again(self)
        self.clean_up()
        _one_of(self.state("other"), ["running"])

    def _check_failure(self, command, ended, name, error):
        # exec speaks of its own failures with the status 255: 1 may be the program's.
        wanted = 255 if isinstance(command, (Exec, DetachedExec)) else 1
        if error == "EINTR" or (name, error) in _kAgain:
            raise Failure(f"does not try again: {ended}")
        # The command may have met the fault itself, on its way to say what its child told.
        is_mute = command.in_child and name == "write" and not ended.err
        if ended.status != wanted or not (is_mute or re.fullmatch(r"[^\n]+\n", ended.err)):
            raise Failure(f"{ended}, not status {wanted} and one line")
        command.check_failed(self)


def _numbered(lines):
    """(name, number among its like, whether main() has begun) of each call."""
    seen, own = collections.Counter(), False
    for line in lines:
        if match := re.match(r"(\w+)\(", line):
            seen[match[1]] += 1
            own |= line.startswith("fcntl(0, F_GETFD")
            yield match[1], seen[match[1]], own


def _count(name, lines):
    """Of a trace that has signals, too."""
    return sum(line.startswith(f"{name}(") for line in lines)


def _own_calls(lines):
    return [(name, number) for name, number, own in _numbered(lines) if own]


def _childs_calls(lines):
    """Without those that would meet the dynamic loader of the command."""
    parent = lines[0].split()[0]
    of_parent, of_child = [], []
    for line in lines:
        pid, call = line.split(None, 1)
        (of_parent if pid == parent else of_child).append(call)
    loaders = {(name, number) for name, number, own in _numbered(of_parent) if not own}
    return [(name, number) for name, number, _ in _numbered(of_child) if (name, number) not in loaders]


def _faults(calls, every):
    """Pairs of call and fault."""
    for call in calls:
        yield call, "signal=KILL"
    numbers = collections.defaultdict(list)
    for name, number in calls:
        numbers[name].append(number)
    for name, of_name in numbers.items():
        if name in _kCannotFail:
            continue
        chosen = of_name if every else sorted({of_name[0], of_name[len(of_name) // 2], of_name[-1]})
        for error in _kErrors[name].split():
            for number in chosen:
                yield (name, number), f"error={error}"


def _all_faults(program, wanted):
    """(command's name, call, fault) of all commands."""
    with Lab(program) as lab:
        for name, command in _kCommands.items():
            calls = lab.calls(command())
            if unknown := {call for call, _ in calls} - set(_kErrors) - _kCannotFail:
                raise SystemExit(f"{name} uses system calls whose errors are not in the table: {unknown}")
            for call, fault in _faults(calls, os.environ.get("KRUN_FAULTS") == "all"):
                if wanted in f"{name}, {call[0]} {call[1]} {fault}":
                    yield name, call, fault


def _check_in(labs, local, program, name, call, fault):
    """What is wrong, or None. A lab where something went wrong is not used again."""
    if not hasattr(local, "lab"):
        local.lab = Lab(program).__enter__()
        labs.append(local.lab)
    try:
        local.lab.check(_kCommands[name](), call, fault)
        return None
    except Failure as failure:
        del local.lab
        return f"FAIL {name}, {call[0]} {call[1]} {fault}: {failure}"


def _mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return sorted(line.split()[4] for line in file)


def _skip_without_strace():
    if not shutil.which("strace"):
        print("skipped: strace is not installed")
        sys.exit(SKIPPED)
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"skipped: strace cannot trace: {tried.stderr.strip()}")
        sys.exit(SKIPPED)


def main():
    _skip_without_strace()
    program, wanted = sys.argv[1], "".join(sys.argv[2:3])
    mounts = _mounts()
    faults = list(_all_faults(program, wanted))
    labs, local = [], threading.local()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = pool.map(lambda fault: _check_in(labs, local, program, *fault), faults)
        failures = [failure for failure in ended if failure]
    for lab in labs:
        lab.__exit__()
    if _mounts() != mounts:
        failures.append("FAIL mounts are left")
    print("\n".join(failures))
    print(f"{len(faults)} faults, {len(failures)} of them with a bad end")
    sys.exit(1 if failures or not faults else 0)


if __name__ == "__main__":
    main()
