# SPDX-License-Identifier: Apache-2.0
"""Mounts, masks, devices, the root."""
from comparison import Each, world
from worlds import questions

_kMasked = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", "/etc/plain",
            "/data", "/data/below/a/masked/directory", "/nowhere", "/link-to-data"]
_kReadOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/dev/shm", "/usr", "/nowhere"]
_kWrites = Each("for f in /new /etc/new /usr/new /dev/new /dev/shm/new /run/new /tmp/new /sys/new /data/new "
                "/proc/sys/kernel/hostname /proc/sys/kernel/printk /proc/sysrq-trigger /sys/fs/cgroup/new /sys/kernel/mm/ksm/run "
                "/proc/self/oom_score_adj /dev/mqueue/new; do echo \"$f=$( { echo 1 >$f; } 2>&1 | sed 's/.*: //')\"; done")


def _cgroup(*options):
    return {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", *options]}


@world("places", "The mounts of `runc spec` with a cgroup, its masked and read-only paths and some of ours")
def places(_, bundle):
    bundle.linux["maskedPaths"] = _kMasked
    bundle.linux["readonlyPaths"] = _kReadOnly
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"].append(_cgroup("ro"))
    (bundle.root / "data/secret").write_text("secret\n")
    (bundle.root / "link-to-data").symlink_to("/data")
    return {"mount": questions.kMounts, "device": questions.kDevices, "write to": _kWrites, "object": Each("world queues"),
            "masked": Each("for f in " + " ".join(_kMasked) + "; do [ -e $f ] && echo \"$f=$(stat -c '%F %a %u:%g' $f) "
                           "$(ls -A $f 2>&1 | wc -l) $(cat $f 2>&1 | wc -c)\"; done"),
            "/dev": "stat -c '%a %u:%g' /dev /dev/pts /dev/shm /dev/mqueue",
            "sizes of file systems": "stat -f -c '%b %S' /dev/shm /dev | head -n 2"}


@world("read-only root", "root.readonly, a writable cgroup, sysctls, extra devices, host and domain names")
def read_only_root(_, bundle):
    bundle.config["root"]["readonly"] = True
    bundle.config["domainname"] = "example.org"
    bundle.config["hostname"] = "a-name-of-63-bytes-".ljust(63, "x")
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"].append(_cgroup("rw"))
    bundle.linux["readonlyPaths"] = []
    bundle.linux["sysctl"] = {
        "kernel.shmmax": "123456789", "kernel.msgmax": "7000", "kernel.sem": "100 200 30 40", "kernel.shm_rmid_forced": "1",
        "fs.mqueue.msg_max": "77", "fs.mqueue.queues_max": "33", "net.ipv4.ip_forward": "1", "net/ipv4/ip_default_ttl": "33",
        "net.ipv4.ping_group_range": "0 1000", "net.ipv4.ip_unprivileged_port_start": "80", "net.core.somaxconn": "77"}
    bundle.linux["devices"] = [
        {"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8},
        {"path": "/dev/deep/pipe", "type": "p", "fileMode": 0o600, "uid": 0, "gid": 0},
        {"path": "/dev/block", "type": "b", "major": 7, "minor": 200, "fileMode": 0o660, "uid": 0, "gid": 6},
        {"path": "/dev/unbuffered", "type": "u", "major": 1, "minor": 3},
        {"path": "/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600, "uid": 1, "gid": 2}]
    keys = ("kernel/shmmax kernel/msgmax kernel/sem kernel/shm_rmid_forced fs/mqueue/msg_max fs/mqueue/queues_max "
            "net/ipv4/ip_forward net/ipv4/ip_default_ttl net/ipv4/ping_group_range net/ipv4/ip_unprivileged_port_start "
            "net/core/somaxconn")
    return {"mount": questions.kMounts, "device": questions.kDevices, "write to": _kWrites, "name": Each("world names"),
            "sysctl": Each(f"cd /proc/sys; for f in {keys}; do echo \"$f=$(cat $f | tr '\\t' ' ')\"; done"),
            "use of /dev": "echo x >/dev/null; head -c 3 /dev/zero | wc -c; echo x 2>&1 >/dev/full; head -c 5 /dev/urandom | wc -c"}


@world("mount types", "Every type and option of mounts that a guest can make, in listed order")
def mount_types(case, bundle):
    host = case.directory / "host"
    for name in ("tree/sub", "rw"):
        (host / name).mkdir(parents=True, exist_ok=True)
    (host / "tree/file").write_text("file\n")
    (bundle.root / "etc/dir").mkdir()
    (bundle.root / "etc/dir/deep").write_text("deep\n")
    (bundle.root / "etc/dir/link").symlink_to("deep")
    (bundle.root / "etc/dir/deep").chmod(0o640)
    for name in ("lower", "upper", "work"):
        (bundle.root / "usr" / name).mkdir()
    (bundle.root / "usr/lower/low").write_text("low\n")
    (bundle.root / "link-out").symlink_to("../../usr/upper/..")

    def mount(destination, kind, source, *options):
        bundle.config["mounts"].append(
            {"destination": destination, "type": kind, "source": str(source), "options": list(options)})

    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["destination"] not in ("/dev/pts", "/dev/shm", "/dev/mqueue")]
    mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0640", "mode=0600", "gid=5", "max=9")
    mount("/dev/shm", "tmpfs", "shm", "nosuid", "size=1m")
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid")
    mount("/t/plain", "tmpfs", "tmpfs")
    mount("/t/all", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "size=64k", "mode=1750", "uid=7", "gid=8",
          "nr_inodes=20")
    mount("/t/blocks", "tmpfs", "name", "nr_blocks=3", "ro", "relatime", "sync", "dirsync")
    mount("/t/percent", "tmpfs", "tmpfs", "size=10%", "strictatime", "huge=never")
    mount("/etc/dir", "tmpfs", "tmpfs", "tmpcopyup", "mode=700", "size=1m")
    (bundle.root / "etc/covered").mkdir(mode=0o711)
    (bundle.root / "etc/copied").mkdir(mode=0o750)
    (bundle.root / "etc/copied/file").write_text("copied\n")
    mount("/etc/covered", "tmpfs", "tmpfs", "size=1m")
    mount("/etc/copied", "tmpfs", "tmpfs", "tmpcopyup")
    mount("/t/ro", "tmpfs", "tmpfs", "ro", "tmpcopyup")
    mount("/link-out/x", "tmpfs", "tmpfs", "mode=711")
    mount("/b/rw", "bind", host / "rw", "rbind", "rw")
    mount("/b/ro", "bind", host / "tree", "rbind", "ro", "nosuid", "nodev", "noexec")
    mount("/b/bind", "none", host / "tree", "bind", "noatime")
    mount("/b/rro", "bind", host / "tree", "rbind", "rro")
    mount("/b/file", "bind", host / "tree/file", "bind", "ro")
    mount("/b/null", "bind", "/dev/null", "bind", "ro")
    mount("/b/tmpfs-on-bind", "bind", host / "tree", "rbind")
    mount("/b/tmpfs-on-bind/sub", "tmpfs", "tmpfs", "mode=755")
    mount("/b/shared", "bind", host / "rw", "rbind", "rshared")
    mount("/b/slave", "bind", host / "rw", "rbind", "rslave")
    mount("/b/unbindable", "bind", host / "rw", "rbind", "unbindable")
    mount("/b/private", "bind", host / "rw", "rbind", "rprivate")
    mount("/t/shared", "tmpfs", "tmpfs", "shared")
    mount("/merged", "overlay", "overlay", f"lowerdir={bundle.root}/usr/lower",
          f"upperdir={bundle.root}/usr/upper", f"workdir={bundle.root}/usr/work")
    mount("/second-proc", "proc", "proc", "nosuid", "hidepid=2", "subset=pid")
    mount("/t/all/below", "tmpfs", "tmpfs", "size=8k")
    return {"mount": questions.kMounts,
            "content": Each("for f in /etc/dir /etc/dir/deep /etc/dir/link /b/file /b/ro/file /t/all /t/plain /usr/x "
                            "/b/tmpfs-on-bind /dev/shm /t/ro /etc/covered /etc/copied /etc/copied/file /merged /merged/low; do echo \"$f=$(stat -c '%F %a %u:%g' $f 2>&1) "
                            "$(cat $f 2>/dev/null || ls -A $f | tr '\\n' ' ')\"; done"),
            "write to": Each("for f in /b/rw/new /b/ro/new /b/rro/new /b/rro/sub/new /b/file /t/ro/new /t/blocks/new "
                             "/merged/low /merged/new; do "
                             "echo \"$f=$( { echo 1 >$f; } 2>&1 | sed 's/.*: //')\"; done"),
            "object": Each("world queues")}


@world("no mounts", "A bundle with no mounts but /proc, and linux.rootfsPropagation shared")
def no_mounts(_, bundle):
    bundle.linux["rootfsPropagation"] = "shared"
    bundle.config["mounts"] = bundle.config["mounts"][:1]
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    return {"mount": questions.kMounts, "device": questions.kDevices}
