# SPDX-License-Identifier: Apache-2.0
"""`process` of config.json."""
from comparison import Each, world
from worlds import questions

kAllCapabilities = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
    "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
    "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"]
_kSets = ("bounding", "permitted", "effective", "inheritable", "ambient")
_kLimits = ("AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO",
            "RTTIME", "SIGPENDING", "STACK")


@world("defaults", "What `runc spec` writes: root, three capabilities, no_new_privs")
def defaults(_, bundle):
    return {**questions.kProcess, "attempt": Each("world attempts")}


@world("user", "An ordinary user with groups, umask, ambient capabilities, limits and a working directory that is missing")
def user(_, bundle):
    bundle.process.update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [10, 2000, 2000, 4294967294], "umask": 0o27},
        "env": ["PATH=/bin", "EMPTY=", "TWICE=1", "TWICE=2", "SPACES=a  b ", "no equals sign"],
        "cwd": "/made/on/demand",
        "scheduler": {"policy": "SCHED_BATCH", "nice": 7},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
        "oomScoreAdj": 321,
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                         "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
        "rlimits": [{"type": f"RLIMIT_{name}", "soft": 1000000000 + place, "hard": 2000000000 + place}
                    for place, name in enumerate(_kLimits) if name not in ("NOFILE", "NICE", "RTPRIO")] +
                   [{"type": "RLIMIT_NOFILE", "soft": 900, "hard": 1048576},
                    {"type": "RLIMIT_NICE", "soft": 10, "hard": 20}, {"type": "RLIMIT_RTPRIO", "soft": 3, "hard": 5}],
    })
    return {**questions.kProcess, "attempt": Each("world attempts"),
            "mode of the working directory": "stat -c '%a %u:%g' /made /made/on /made/on/demand",
            "mode of a new file": "umask 2>&1; mkdir -p /tmp/u && cd /tmp/u && : >new && stat -c '%a %u:%g' new"}


@world("all powers", "All capabilities, no no_new_privs, a limit raised, scheduling and I/O priority as the spec asks")
def all_powers(_, bundle):
    bundle.process.update({
        "noNewPrivileges": False,
        "capabilities": {kind: kAllCapabilities for kind in _kSets},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1048576, "hard": 1048576},
                    {"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 18446744073709551615}],
        "oomScoreAdj": -500,
        "scheduler": {"policy": "SCHED_RR", "priority": 12, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
        "ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 2},
        "user": {"uid": 0, "gid": 0, "umask": 0o77},
    })
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    return {**questions.kProcess, "attempt": Each("world attempts")}


@world("no capabilities", "No capabilities object at all, and no user")
def no_capabilities(_, bundle):
    del bundle.process["capabilities"], bundle.process["user"], bundle.process["noNewPrivileges"]
    return {"status": questions.kStatus, "attempt": Each("world attempts")}


@world("LINUX32", "A user who is not root, capabilities without ambient ones, HOME from /etc/passwd, personality LINUX32")
def other_user(_, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"]["inheritable"] = ["CAP_KILL"]
    (bundle.root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    bundle.linux["personality"] = {"domain": "LINUX32"}
    return {"status": questions.kStatus, "environment": questions.kEnvironment, "flag": Each("world flags"),
            "name": Each("world names")}


@world("executed process", "What `exec` runs beside the payload has the payload's user, limits, capabilities and filter", executed=True)
def executed(_, bundle):
    bundle.process.update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [10, 2000], "umask": 0o27},
        "env": ["PATH=/bin", "EMPTY=", "HOME=/data"],
        "cwd": "/data",
        "oomScoreAdj": 321,
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                         "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 900, "hard": 1000}, {"type": "RLIMIT_CORE", "soft": 5, "hard": 7}],
    })
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                               "syscalls": [{"names": ["sync"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    return {**questions.kProcess, "attempt": Each("world attempts"), "cgroup": "cat /proc/self/cgroup",
            "namespace": Each("for n in mnt pid ipc uts cgroup; do [ $(readlink /proc/[1]/ns/$n) = $(readlink /proc/self/ns/$n) ] && "
                              "echo $n=shared; done")}


@world("executed process, root", "The same for root of a container with the defaults of `runc spec`", executed=True)
def executed_root(_, bundle):
    return {**questions.kProcess, "attempt": Each("world attempts"), "mount": questions.kMounts}
