# SPDX-License-Identifier: Apache-2.0
"""exec: what its flags and the file of --process say of the process."""
import json
import os
import subprocess

from executed import execute, foreground, kWait, running, shell, test, until
from suite import expect, expect_equal, expect_in
import wrong_process

_kMebi = 1 << 20


@test("exec flags: user, groups, working directory, environment, capabilities, no_new_privs by flags")
def flags(case):
    container = running(case, noNewPrivileges=False)
    groups = ["-g", "10", "-g", "2000"] if case.is_vm else []  # crun has no such flag
    result = shell(container, "id -u; id -g; id -G; pwd; echo $COLOUR $HOME; grep -E 'CapBnd|NoNewPrivs' "
                    "/proc/self/status", "--user", "1000:1001", *groups, "--cwd", "/tmp",
                    "--env", "COLOUR=blue", "-e", "OTHER=1", "--cap", "CAP_CHOWN", "--no-new-privs")
    lines = result.text.split()
    expect_equal((result.status, result.error), (0, ""), "status and stderr")
    expect_equal(lines[:2], ["1000", "1001"], "ids")
    expect(not groups or ("10" in lines and "2000" in lines), f"groups in {lines}")
    expect("/tmp" in lines and "blue" in lines, f"cwd and environment in {lines}")
    expect(int(lines[lines.index("CapBnd:") + 1], 16) & 1, f"CAP_CHOWN in {lines}")
    expect_equal(lines[-1], "1", "no_new_privs")


@test("exec flags: descriptors that are preserved arrive under their numbers")
def preserved(case):
    container = running(case)
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


# --user, and the ids that the process has; None: a line of error that names the value.
_kUsers = {
    "0": "0:0", "00": "0:0", "1000": "1000:0", "4294967294": "4294967294:0", "1000:1001": "1000:1001", "01:02": "1:2",
    "root": "0:0", "root:2000": "0:2000", "user": "1000:1000", "user:more": "1000:2000", "1:more": "1:2000",
    "": None, ":": None, "1:": None, ":1": None, "1:2:3": None, "-1": None, "4294967295": None, "4294967296": None,
    "1:4294967295": None, " 1": None, "1 ": None, "+1": None, "0x1": None, "nobody-here": None,
    "user:nogroup-here": None, "user:": None, "n" * 300: None, "user\nroot": None}
# crun takes the C library's word for what a number is, and knows no names.
_kUsersOfAll = ("0", "00", "1000", "1000:1001", "01:02")


def _users_words(user):
    """What the error has to name, as it is printed: escaped, and cut when it is long."""
    return user.replace("\n", "\\x0a")[:100].rpartition(":")[2] or "--user"


@test("exec flags: --user is exactly the ids it says, or one line of error")
def users(case):
    container = running(case)
    for user, ids in _kUsers.items():
        if not case.is_vm and user not in _kUsersOfAll:
            continue
        result = shell(container, "echo $(id -u):$(id -g)", "--user", user)
        if ids:
            expect_equal((result.status, result.text, result.error), (0, ids + "\n", ""), f"result for {user!r}")
            continue
        expect_equal((result.status, result.out), (255, b""), f"status and stdout for {user!r}")
        expect_equal(result.error.count("\n"), 1, f"lines of error for {user!r} ({result.error})")
        expect_in(_users_words(user), result.error, f"error for {user!r}")


@test("exec flags: a working directory that is missing, or leads out by a descriptor, is an error")
def cwd(case):
    container = running(case)
    result = execute(container, "--cwd", "/no/such", container.name, "/bin/true")
    expect_equal(result.status, 255, "status")
    expect_in("/no/such", result.error, "stderr")
    for number in range(3, 12):
        directory = f"/proc/self/fd/{number}"
        result = execute(container, "--cwd", directory, container.name, "/bin/sh", "-c", "pwd -P; ls -d /bin/probe")
        # Where nothing is open, or a file, or what lies outside, exec fails; else it is a directory of the root.
        if result.status == 0:
            expect(result.text.startswith("/"), f"working directory {result.text}")
        else:
            expect_in(directory, result.error, "stderr")


@test("exec flags: --pid-file of a command in the foreground is complete while its process runs")
def pid_file(case):
    container = running(case)
    path = container.pid_path.with_suffix(".exec")
    process = foreground(container, "--pid-file", path, container.name, "/bin/cat", stdin=subprocess.PIPE)
    until(path.exists, "a pid file")
    expect(path.read_text().isdigit(), f"pid file {path.read_text()!r}")
    if case.is_vm:  # elsewhere it is a child of the command
        expect_equal(int(path.read_text()), process.pid, "number")
    process.stdin.close()
    expect_equal(process.wait(30), 0, "status")


@test("exec flags: --cgroup puts the process into a cgroup that the payload made", vm_only=True)
def cgroup(case):
    bundle = case.bundle().script("mkdir /sys/fs/cgroup/made && echo ready; " + kWait)
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                    "options": ["nosuid", "nodev", "noexec"]})
    container = case.container(bundle).started().wait_for_output(b"ready\n")
    for flag, path in (("made", "/made"), ("/made", "/made"), ("memory:made", "/made"), ("/", "/")):
        result = shell(container, "cat /proc/self/cgroup", "--cgroup", flag)
        expect_equal(result.text, f"0::{path}\n", f"cgroup {flag}")
    result = shell(container, "true", "--cgroup", "none")
    expect_equal((result.status, result.error.count("\n")), (255, 1), f"status and lines of error ({result})")
    expect_in("none", result.error, "stderr")


class _ProcessFile:
    """The file of --process, and exec with it."""

    def __init__(self, container):
        self._container = container
        self._path = container.pid_path.with_suffix(".json")

    def execute(self, process, *flags):
        text = process if isinstance(process, bytes) else json.dumps(process).encode()
        self._path.write_bytes(text)
        return execute(self._container, *flags, "--process", self._path, self._container.name)


def _process(*args, **members):
    return {"cwd": "/", "args": list(args), "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}} | members


@test("exec flags: --process FILE says all of it")
def process_file(case):
    file = _ProcessFile(running(case))
    result = file.execute({"cwd": "/data", "args": ["/bin/sh", "-c", "pwd; id -u; echo $ONLY; exit 3"],
                           "env": ["ONLY=this", "PATH=/bin"], "user": {"uid": 7, "gid": 8}})
    expect_equal((result.status, result.out), (3, b"/data\n7\nthis\n"), "status and stdout")


@test("exec flags: what is wrong in the file of --process is named by its place", vm_only=True)
def wrong_process_file(case):
    file = _ProcessFile(running(case))
    wrong = [(what, change, words) for what, change, words in wrong_process.kChanges]
    wrong.append(("no args", lambda process: process.pop("args"), "args"))
    texts = [(b"", "box.json"), (b"[]", "must be an object"), (b"{", "box.json"), (b'{"cwd": "\xff"}', "UTF-8")]
    for what, change, words in wrong:
        process = _process("/bin/true")
        change(process)
        texts.append((json.dumps(process).encode(), words))
    for text, words in texts:
        result = file.execute(text)
        expect_equal((result.status, result.out), (255, b""), f"status and stdout for {text}")
        expect_in(words, result.error, f"stderr for {text}")
        expect_equal(result.error.count("\n"), 1, f"lines of error for {text} ({result.error})")


def _counted(file, variables):
    """The status, how many variables the process has, stderr."""
    result = file.execute(_process("/bin/probe", "environment", env=["PATH=/bin", "HOME=/", *variables]))
    return result.status, result.text.split(" ")[0], result.error


@test("exec flags: an environment of 2 MiB is E2BIG's failure, one of 1 MiB arrives whole")
def environment(case):
    file = _ProcessFile(running(case))
    # One variable may have 128 KiB (execve(2), MAX_ARG_STRLEN).
    variables = [f"V{number}=" + "x" * 100000 for number in range((2 * _kMebi + 200000) // 100000)]
    expect_equal(_counted(file, variables[:10]), (0, "12", ""), "of 1 MiB")
    # The stack's limit of 8 MiB allows a quarter of it.
    status, _, error = _counted(file, variables)
    expect(status != 0, "one of 2 MiB was accepted")
    expect_in("argument list too long", error.lower(), "stderr")


# crun puts each variable behind a search through all before it.
@test("exec flags: an environment of 100000 entries arrives whole", vm_only=True)
def entries(case):
    file = _ProcessFile(running(case))
    expect_equal(_counted(file, [f"V{number}=" for number in range(100000)]), (0, "100002", ""), "result")
