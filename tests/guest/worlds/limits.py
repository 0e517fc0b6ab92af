# SPDX-License-Identifier: Apache-2.0
"""Control groups, namespaces, clocks."""
import os

from comparison import Each, world
from worlds import questions

_kFiles = ("memory.max memory.swap.max memory.high memory.low memory.oom.group pids.max cpu.max cpu.weight cpuset.cpus "
           "cpuset.cpus.effective cpuset.mems cgroup.type cgroup.subtree_control cgroup.controllers")
_kCgroup = {
    "cgroup of PID 1": "cat /proc/1/cgroup",
    "file": Each(f"cd /sys/fs/cgroup; for f in {_kFiles}; do [ -e $f ] && echo \"$f=$(cat $f | tr '\\n' ' ')\"; done"),
    "PID 1 is in it": "grep -cx 1 /sys/fs/cgroup/cgroup.procs",
    "processors": "nproc",
    "owner": "stat -c '%a %u:%g' /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.subtree_control",
}


def _limited(bundle, option):
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                    "options": ["nosuid", "noexec", "nodev", "relatime", option]})
    bundle.linux["resources"] = {
        "memory": {"limit": 320 << 20, "swap": 640 << 20, "reservation": 64 << 20}, "pids": {"limit": 77},
        "cpu": {"quota": 150000, "period": 100000, "shares": 2048, "cpus": "0"},
        "unified": {"memory.high": "301989888", "pids.max": "77"}}


@world("limits", "linux.resources as the payload's own cgroup shows them")
def limits(_, bundle):
    _limited(bundle, "ro")
    return _kCgroup


@world("writable cgroup", "A cgroup mounted rw: the payload divides it")
def writable(_, bundle):
    _limited(bundle, "rw")
    return {**_kCgroup, "divide": (
        "cd /sys/fs/cgroup && mkdir below && echo $$ >below/cgroup.procs && echo '+memory +pids +cpu' >cgroup.subtree_control && "
        "echo 50 >below/pids.max && echo 100M >below/memory.max && cat below/pids.max below/memory.max && cat /proc/self/cgroup")}


@world("few namespaces", "Only pid and mount namespaces listed, and a cgroup mounted")
def few_namespaces(_, bundle):
    _limited(bundle, "ro")
    bundle.linux["namespaces"] = [{"type": "pid"}, {"type": "mount"}]
    del bundle.config["hostname"]
    # By the shell itself: a pipeline's other half may or may not have been there already.
    return {"file": _kCgroup["file"], "processes": "set -- /proc/[0-9]*; echo $#", "status": questions.kStatus}


@world("time namespace", "A time namespace with offsets")
def time(_, bundle):
    bundle.linux["namespaces"].append({"type": "time"})
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 172800, "nanosecs": 5}, "boottime": {"secs": 604800, "nanosecs": 0}}
    return {"clock": Each("world clocks")}


@world("user namespace", "A user namespace that maps the first 65536 ids")
def user(_, bundle):
    bundle.linux["namespaces"] += [{"type": "user"}, {"type": "cgroup"}]
    for names in bundle.process["capabilities"].values():
        names += ["CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_CHOWN"]
    bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
    for path in [bundle.root, *bundle.root.rglob("*")]:
        os.chown(path, 100000, 200000, follow_symlinks=False)
    return {**questions.kProcess, "mount": questions.kMounts, "device": questions.kDevices,
            "map": "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups",
            "owner": "stat -c '%n %u:%g' / /etc/passwd /proc /sys /tmp",
            "new file": "echo x >/tmp/new; stat -c '%u:%g' /tmp/new",
            "attempt": Each("world attempts")}
