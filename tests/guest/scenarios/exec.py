# SPDX-License-Identifier: Apache-2.0
"""exec: one more process in a container that is there already."""
import hashlib
import json
import os
import signal
import subprocess
import time

from suite import expect, expect_equal, expect_in, test



def _test(name, **options):
    """A test whose containers still run at its end: a forced delete has to take all of them away."""

    def register(function):
        def run(case):
            function(case)
            case.end()

        test(name, **options)(run)
        return function

    return register


_kWait = "while :; do sleep 1; done"


def _running(case, script=_kWait, **changes):
    bundle = case.bundle().script(script)
    bundle.process.update(changes)
    return case.container(bundle).started()


def _exec(container, *words, **options):
    return container.command("exec", *words, **options)


def _shell(container, text, *flags, **options):
    return _exec(container, *flags, container.name, "/bin/sh", "-c", text, **options)


def _detached(container, *words):
    """The proxy's pid; its streams are /dev/null."""
    pid_file = container.pid_path.with_suffix(".exec")
    argv = container.argv("exec", "--detach", "--pid-file", pid_file, *words)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=container.environment, timeout=60, check=False)
    expect_equal((done.returncode, container.log()), (0, []), "exec --detach")
    return int(pid_file.read_text())


def _reap(pid, timeout=30):
    """(code, signal) of a proxy that was re-parented to us."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return (os.WEXITSTATUS(status), 0) if os.WIFEXITED(status) else (0, os.WTERMSIG(status))
        time.sleep(0.02)
    raise AssertionError(f"the process {pid} is alive after {timeout} s")


@_test("exec: exit codes from 0 to 255, and death by a signal")
def codes(case):
    container = _running(case)
    for code in (0, 1, 42, 125, 126, 127, 128, 255):
        expect_equal(_shell(container, f"exit {code}").status, code, f"status of exit {code}")
    for number in (1, 9, 15, 34):
        expect_equal(_shell(container, f"kill -{number} $$").status, 128 + number, f"status after signal {number}")


@_test("exec: programs that are missing, directories, or not executable, in the words that engines know")
def not_found(case):
    container = _running(case)
    for program, status, words in (
            ("no-such", 127, 'exec: "no-such": executable file not found in $PATH'),
            ("/no/such", 127, "no such file or directory"),
            ("/etc/plain", 126, "permission denied"),
            ("/etc", 126, "is a directory")):
        result = _exec(container, container.name, program)
        if case.is_vm:
            expect_equal(result.status, status, f"status of {program}")
            expect_in(words, result.error, "stderr")
        expect(result.status != 0, f"{program} succeeded")


@_test("exec: streams are pipes of its own, owned by its user, in both directions and to their end")
def streams(case):
    container = _running(case)
    result = _shell(container, "cat; echo to-err >&2; echo again >/dev/stdout; stat -c %u -L /proc/self/fd/1",
                    "--user", "1000:1000", stdin=b"through\n")
    expect_equal((result.status, result.out, result.err), (0, b"through\nagain\n1000\n", b"to-err\n"), "result")


@_test("exec: 20 MiB of arbitrary bytes each way are the same bytes")
def bulk(case):
    container = _running(case)
    data = os.urandom(20 << 20)
    result = _exec(container, container.name, "/bin/cat", stdin=data)
    expect_equal((result.status, hashlib.sha256(result.out).digest()), (0, hashlib.sha256(data).digest()), "bytes")


@_test("exec: a background process keeps its standard output, and does not keep exec waiting")
def background(case):
    container = _running(case)
    argv = container.argv("exec", container.name, "/bin/sh", "-c", "(sleep 2; echo late) & echo soon; exit 6")
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=container.environment)
    expect_equal(process.wait(60), 6, "status")
    expect_equal(process.stdout.read(), b"soon\nlate\n", "stdout, up to its end")


@_test("exec: user, groups, working directory, environment, capabilities, no_new_privs by flags")
def flags(case):
    container = _running(case, noNewPrivileges=False)
    groups = ["-g", "10", "-g", "2000"] if case.is_vm else []  # crun has no such flag
    result = _shell(container, "id -u; id -g; id -G; pwd; echo $COLOUR $HOME; grep -E 'CapBnd|NoNewPrivs' "
                    "/proc/self/status", "--user", "1000:1001", *groups, "--cwd", "/tmp",
                    "--env", "COLOUR=blue", "-e", "OTHER=1", "--cap", "CAP_CHOWN", "--no-new-privs")
    lines = result.text.split()
    expect_equal((result.status, result.error), (0, ""), "status and stderr")
    expect_equal(lines[:2], ["1000", "1001"], "ids")
    expect(not groups or ("10" in lines and "2000" in lines), f"groups in {lines}")
    expect("/tmp" in lines and "blue" in lines, f"cwd and environment in {lines}")
    expect(int(lines[lines.index("CapBnd:") + 1], 16) & 1, f"CAP_CHOWN in {lines}")
    expect_equal(lines[-1], "1", "no_new_privs")


@_test("exec: user and group by name, as the container's own files have them", vm_only=True)
def names(case):
    container = _running(case)
    expect_equal(_shell(container, "id -u; id -g", "--user", "user").text, "1000\n1000\n", "user")
    expect_equal(_shell(container, "id -u; id -g", "--user", "user:more").text, "1000\n2000\n", "user:more")
    result = _shell(container, "true", "--user", "nobody-here")
    expect_equal(result.status, 255, "status")
    expect_in("nobody-here", result.error, "stderr")


@_test("exec: --process FILE says all of it")
def process_file(case):
    container = _running(case)
    path = container.pid_path.with_suffix(".json")
    path.write_text(json.dumps({"cwd": "/data", "args": ["/bin/sh", "-c", "pwd; id -u; echo $ONLY; exit 3"],
                                "env": ["ONLY=this", "PATH=/bin"], "user": {"uid": 7, "gid": 8}}))
    result = _exec(container, "--process", path, container.name)
    expect_equal((result.status, result.out), (3, b"/data\n7\nthis\n"), "status and stdout")
    path.write_text("{}")
    status = _exec(container, "--process", path, container.name).status
    expect(status == 255 if case.is_vm else status != 0, f"status {status} without args")


@_test("exec: a missing working directory is an error")
def cwd(case):
    container = _running(case)
    result = _exec(container, "--cwd", "/no/such", container.name, "/bin/true")
    expect_equal(result.status, 255, "status")
    expect_in("/no/such", result.error, "stderr")


@_test("exec: it sees the container's processes, root, hostname and cgroup, and they see it")
def same_world(case):
    container = _running(case, "touch /tmp/mark; " + _kWait)
    result = _shell(container, "hostname; ls /tmp; cat /proc/1/cmdline | tr '\\0' ' '; for n in mnt pid "
                    "ipc uts; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo $n; done; "
                    "cmp /proc/1/cgroup /proc/self/cgroup && echo same")
    words = result.text.split()
    expect_equal((words[:2], words[-5:]), (["box", "mark"], ["mnt", "pid", "ipc", "uts", "same"]), f"of {words}")


@_test("exec: into a created container, whose program then starts unharmed")
def created(case):
    container = case.container(case.bundle().script("echo payload; exit 4")).created()
    expect_equal(_shell(container, "echo $PPID; exit 5").status, 5, "status in a created container")
    container.must("start", container.name)
    expect_equal(container.wait(), 4, "the payload's status")


@_test("exec: refused on a stopped container and on none")
def refused(case):
    container = case.container(case.bundle("/bin/true")).started()
    container.wait()
    result = _exec(container, container.name, "true")
    expect(result.status != 0, "exec into a stopped container")
    if case.is_vm:
        expect_in("container not running", result.error, "stderr")
    result = _exec(container, "nobody", "true")
    expect(result.status != 0, "exec into no container")
    if case.is_vm:
        expect_in("does not exist", result.error, "stderr")


@_test("exec: the process that stands for a detached one ends as it does")
def proxy(case):
    container = _running(case)
    expect_equal(_reap(_detached(container, container.name, "/bin/sh", "-c", "exit 7")), (7, 0), "exit 7")
    pid = _detached(container, container.name, "/bin/sleep", "1000")
    os.kill(pid, signal.SIGTERM)
    expect_equal(_reap(pid), (0, signal.SIGTERM), "after SIGTERM")
    pid = _detached(container, container.name, "/bin/sleep", "1000")
    os.kill(pid, signal.SIGRTMIN + 3)
    expect_equal(_reap(pid), (0, signal.SIGRTMIN + 3), "after a real-time signal")


@_test("exec: killing the process that stands for it, or its foreground command, kills the one in the container")
def client_gone(case):
    container = _running(case)
    pid = _detached(container, container.name, "/bin/sleep", "4242")
    os.kill(pid, signal.SIGKILL)
    _reap(pid)
    process = subprocess.Popen(container.argv("exec", container.name, "/bin/sleep", "4242"),
                               stdin=subprocess.DEVNULL, env=container.environment)
    time.sleep(1)
    process.kill()
    process.wait()
    if not case.is_vm:
        return  # the kernel does it there, when it is the process itself that is killed
    end = time.monotonic() + 20
    while "4242" in _shell(container, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[s]leep 4242'").text:
        expect(time.monotonic() < end, "sleep is still there")
        time.sleep(0.2)


@_test("exec: the container's end ends its executed processes")
def container_ends(case):
    container = _running(case)
    pid = _detached(container, container.name, "/bin/sleep", "1000")
    container.must("kill", container.name, "KILL")
    expect_equal(_reap(pid), (0, signal.SIGKILL), "the executed process")


@_test("exec: thirty at once", vm_only=True)
def many(case):
    container = _running(case)
    running = [subprocess.Popen(container.argv("exec", container.name, "/bin/sh", "-c", f"sleep 1; echo {i}; exit {i}"),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=container.environment) for i in range(30)]
    for i, process in enumerate(running):
        out, err = process.communicate(timeout=120)
        expect_equal((process.returncode, out, err), (i, b"%d\n" % i, b""), f"exec {i}")


@_test("exec: a hundred one after the other leave no descriptor, no memory and no process behind", vm_only=True)
def nothing_grows(case):
    container = _running(case)

    def measure():
        descriptors = len(os.listdir(f"/proc/{container.pid}/fd"))
        with open(f"/proc/{container.pid}/status") as status:
            kib = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        processes = len(_shell(container, "ls -d /proc/[0-9]*").text.split())
        return descriptors, kib, processes

    for _ in range(10):
        _shell(container, "echo warm")
    before = measure()
    for i in range(100):
        expect_equal(_shell(container, f"echo {i}").text, f"{i}\n", "output")
    end = time.monotonic() + 10
    while measure()[0] > before[0] and time.monotonic() < end:
        time.sleep(0.2)  # the last connection may be just ending
    after = measure()
    expect_equal((after[0], after[2]), (before[0], before[2]), "descriptors and processes")
    # The guest's own memory, which the host sees it touch, is most of it.
    expect(after[1] - before[1] < 16 << 10, f"anonymous memory went from {before[1]} to {after[1]} KiB")


@_test("exec: descriptors that are preserved arrive under their numbers")
def preserved(case):
    container = _running(case)
    to_read, write = os.pipe()
    read, to_write = os.pipe()
    os.write(write, b"from outside\n")
    os.close(write)
    argv = container.argv("exec", "--preserve-fds", "2", container.name, "/bin/sh", "-c",
                          "cat <&3; echo from inside >&4; ls /proc/self/fd | tr '\\n' ' '")
    script = f"exec {to_read}<&{to_read}; exec 3<&{to_read} 4>&{to_write}; exec \"$@\""
    done = subprocess.run(["/bin/bash", "-c", script, "bash", *argv], pass_fds=(to_read, to_write),
                          stdin=subprocess.DEVNULL, capture_output=True, env=container.environment, timeout=60,
                          check=False)
    os.close(to_write)
    inside = os.read(read, 100)
    os.close(to_read)
    os.close(read)
    expect_equal((done.returncode, inside), (0, b"from inside\n"), f"result ({done})")
    expect_in(b"from outside\n", done.stdout, "stdout")


@_test("pause: the machine stands still, is not executed into, can be killed, and goes on where it was")
def pause(case):
    container = _running(case, "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done")
    container.wait_for_output(b"2\n")
    container.must("pause", container.name)
    expect_equal(container.state()["status"], "paused", "state")
    before = container.out_path.read_bytes()
    time.sleep(1)
    expect_equal(container.out_path.read_bytes(), before, "output while paused")
    result = _exec(container, container.name, "true")
    expect(result.status != 0, "exec into a paused container")
    expect_in("cannot exec in a paused container" if case.is_vm else "is paused", result.error, "stderr")
    container.must("resume", container.name)
    expect_equal(container.state()["status"], "running", "state")
    end = time.monotonic() + 20
    while container.out_path.read_bytes() == before:
        expect(time.monotonic() < end, "no output after resume")
        time.sleep(0.05)
    container.must("pause", container.name)
    container.must("kill", container.name, "KILL")
    expect_equal(container.wait(), 137, "status")
