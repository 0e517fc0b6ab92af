# SPDX-License-Identifier: Apache-2.0
"""linux.seccomp. The calls that the payload tries are in payload/world/world.c."""
import json

from comparison import Each, world

_kErrno = 38


def _rule(name, action, *args, errno=None):
    rule = {"names": [name], "action": f"SCMP_ACT_{action}"}
    if errno is not None:
        rule["errnoRet"] = errno
    if args:
        rule["args"] = [{"index": index, "value": value, "valueTwo": two, "op": f"SCMP_CMP_{op}"} for index, op, value, two in args]
    return rule


def _refuse(name, *args):
    return _rule(name, "ERRNO", *args, errno=99)


_kRules = [
    _rule("getpid", "ERRNO"), _rule("getppid", "ERRNO", errno=77), _rule("getuid", "ERRNO", errno=0), _rule("geteuid", "KILL"),
    _rule("getgid", "KILL_PROCESS"), _rule("getegid", "KILL_THREAD"), _rule("getpgrp", "TRAP"), _rule("sync", "LOG"),
    _rule("sched_yield", "TRACE", errno=5), _rule("socketcall", "ERRNO", errno=66), _rule("mkdir", "ERRNO", errno=88),
    _refuse("getpriority", (0, "LT", 10, 0)), _refuse("getrlimit", (0, "LE", 20, 0)), _refuse("getrusage", (0, "EQ", 30, 0)),
    _refuse("getitimer", (0, "GE", 40, 0)), _refuse("getsid", (0, "GT", 0xffffffff, 0)), _refuse("getpgid", (0, "NE", 60, 0)),
    _refuse("alarm", (0, "MASKED_EQ", 0xf0, 0xf0)), _refuse("dup2", (0, "EQ", 100, 0), (1, "EQ", 101, 0)),
    _refuse("umask", (0, "EQ", 1, 0), (0, "EQ", 2, 0)), _refuse("no_such_system_call"),
]


def _filter(bundle, no_new_privileges, **changes):
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": _kRules,
                               "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], **changes}
    return {"call": Each("world filtered"), "status": Each("sed -n 's/:\\t*/=/;/^Seccomp\\|^NoNew/p' /proc/1/status")}


@world("seccomp", "Every action and every operator, with no_new_privs and flags")
def seccomp(_, bundle):
    return _filter(bundle, True, flags=["SECCOMP_FILTER_FLAG_LOG"])


@world("seccomp without no_new_privs", "The same for a user without it, architectures not listed")
def without(_, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    return _filter(bundle, False, architectures=["SCMP_ARCH_X86_64"])


@world("seccomp default errno", "A default action with an errno of its own, and only what a shell needs allowed")
def default_errno(_, bundle):
    with open("/usr/share/containers/seccomp.json", encoding="utf-8") as profile:
        names = [name for rule in json.load(profile)["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args")
                 for name in rule["names"]]
    refused = {"getpid", "getppid", "sync", "getsid"}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": _kErrno,
                               "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                               "syscalls": [{"names": sorted(set(names) - refused), "action": "SCMP_ACT_ALLOW"}]}
    return {"call": Each("world filtered")}
