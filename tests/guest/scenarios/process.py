# SPDX-License-Identifier: Apache-2.0
"""What config.json says of the process, as the payload sees it. One container answers all of it."""
import os

from report import ask
from suite import expect, expect_equal, expect_in, test

_kEnvironment = ["PATH=/bin", "EMPTY=", "SPACES=a  b ", "HOME=/data", "QUOTE='\"$HOME", "LONG=" + "x" * 5000]
_kCapabilities = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10}


def _seccomp():
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}


def _user_report(case):
    bundle = case.bundle()
    bundle.process.update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [10, 2000], "umask": 0o27},
        "env": _kEnvironment,
        "cwd": "/made/on/demand",
        "oomScoreAdj": 321,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 2000, "soft": 1000},
                    {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
                    {"type": "RLIMIT_STACK", "hard": 16 << 20, "soft": 4 << 20}],
        "capabilities": {"bounding": list(_kCapabilities), "permitted": ["CAP_CHOWN", "CAP_KILL"],
                         "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
    })
    bundle.linux["seccomp"] = _seccomp()
    return ask(case, bundle, {
        "status": "cat /proc/self/status",
        "environment": "tr '\\0' '\\n' </proc/1/environ",
        "cwd": "readlink /proc/1/cwd",
        "hostname": "hostname",
        "limits": "cat /proc/1/limits",
        "umask": "umask",
        "oom": "cat /proc/1/oom_score_adj",
        "pid": "echo $$",
        "descriptors": "ls /proc/1/fd",
        "mkdir": "mkdir /tmp/new",
        "session": "cut -d ' ' -f 5,6 /proc/1/stat",
        "processes": "ls /proc | grep -c '^[0-9]'",
    })


def _mask(*numbers):
    return f"{sum(1 << number for number in numbers):016x}"


@test("process: user, group and additional groups")
def user(case):
    report = case.once(_user_report)
    expect_equal(report.field("status", "Uid").split(), ["1000"] * 4, "uids")
    expect_equal(report.field("status", "Gid").split(), ["1001"] * 4, "gids")
    expect_equal(report.field("status", "Groups").split(), ["10", "2000"], "groups")


@test("process: the environment is exactly the spec's")
def environment(case):
    expect_equal(case.once(_user_report)["environment"].splitlines(), _kEnvironment, "environment")


@test("process: a missing working directory is there")
def working_directory(case):
    expect_equal(case.once(_user_report)["cwd"], "/made/on/demand", "cwd")


@test("process: hostname, umask and OOM score")
def hostname(case):
    report = case.once(_user_report)
    expect_equal((report["hostname"], report["umask"], report["oom"]), ("box", "0027", "321"), "values")


@test("process: resource limits, soft and hard")
def limits(case):
    lines = [" ".join(line.split()) for line in case.once(_user_report)["limits"].splitlines()]
    for wanted in ("Max open files 1000 2000 files", "Max core file size 0 0 bytes",
                   f"Max stack size {4 << 20} {16 << 20} bytes"):
        expect(wanted in lines, f"no {wanted!r} in {lines}")


@test("process: the five capability sets")
def capabilities(case):
    report = case.once(_user_report)
    # The report is a child's: an ambient capability is all that an exec leaves to another user than root.
    sets = {key: report.field("status", key) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    kill, bounding = _mask(5), _mask(*_kCapabilities.values())
    expect_equal(sets, {"CapInh": kill, "CapPrm": kill, "CapEff": kill, "CapBnd": bounding, "CapAmb": kill}, "sets")


@test("process: no_new_privs and seccomp are on, and a denied system call fails as the profile says")
def seccomp(case):
    report = case.once(_user_report)
    expect_equal((report.field("status", "NoNewPrivs"), report.field("status", "Seccomp")), ("1", "2"), "flags")
    expect_in("Operation not permitted", report["mkdir"], "mkdir")


@test("process: the payload is PID 1, and sees no process but its own")
def pid_one(case):
    report = case.once(_user_report)
    expect_equal(report["pid"], "1", "pid")
    expect(int(report["processes"]) <= 4, f"{report['processes']} processes")


@test("process: it leads its own session")
def session(case):
    group, leader = case.once(_user_report)["session"].split()
    expect_equal((group, leader), ("1", "1"), "process group and session")


@test("process: no descriptor but 0, 1 and 2")
def descriptors(case):
    found = case.once(_user_report)["descriptors"].split()
    # A shell keeps its script or terminal at 10 and above.
    expect_equal([name for name in found if int(name) < 10], ["0", "1", "2"], "descriptors")


@test("process: no signal is ignored or blocked; HOME comes from /etc/passwd when the spec has none")
def signals_and_home(case):
    # Not by a shell: busybox's ignores SIGQUIT.
    result = case.run(case.bundle("/bin/cat", "/proc/self/status", "/proc/self/environ"))
    for line in ("SigIgn:\t" + _mask(), "SigBlk:\t" + _mask()):
        expect_in(line, result.text.splitlines(), "status")
    expect_in("HOME=/root", result.text.split("\0"), "environment")


@test("process: without a hostname of its own it has that of the UTS namespace it was started in")
def inherited_hostname(case):
    bundle = case.bundle().script("hostname")
    del bundle.config["hostname"]
    expect_equal(case.run(bundle).text.strip(), os.uname().nodename, "hostname")


@test("process: a file it creates has its owner and mode on the host")
def ownership(case):
    bundle = case.bundle().script("echo text >/data/new; ln -s new /data/link; mkdir /data/dir; echo again >>/data/new")
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "umask": 0o22}
    (bundle.root / "data").chmod(0o777)
    result = case.run(bundle)
    expect_equal((result.status, result.err), (0, b""), "status and stderr")
    info = (bundle.root / "data/new").stat()
    expect_equal((info.st_uid, info.st_gid, info.st_mode & 0o7777), (1000, 1000, 0o644), "owner and mode")
    expect_equal((bundle.root / "data/new").read_text(), "text\nagain\n", "content")
    expect_equal(str((bundle.root / "data/link").readlink()), "new", "link")
    expect((bundle.root / "data/dir").is_dir(), "no directory")
