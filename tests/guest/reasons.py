# SPDX-License-Identifier: Apache-2.0
"""Why the payload's world differs from crun's, where it does."""
from reason_table import ReasonTable

_kHostPath = "crun's root is a directory of the host, ours the machine's own file system; the name and numbers of the host stay hidden"
_kKernelMemory = "the kernel's default for the machine's memory; crun passes on what the host's kernel has for its own"
_kNoFile = "the guest kernel has no such file, so there is nothing to mask"
_kMask = "ours are nosuid, nodev and noexec as well, and have room for nothing"
_kReadOnly = "crun loses nosuid, nodev and noexec when it makes a path read-only"
_kOldCrun = "crun 1.8.1 ignores it without a word"

# (world, property, reason), as ReasonTable has them.
_kReasons = [
    (".*", "status: Speculation_Store_Bypass", "what the virtual processor says of itself"),
    (".*", "limit: (processes|pending signals)", _kKernelMemory),
    (".*", "attempt: read the kernel's log", "kernel.dmesg_restrict is the host's here; the guest's log is the machine's own"),
    (".*", "attempt: load a module", "the guest kernel has no modules"),
    (".*", "attempt: change the quota", "the guest kernel has no disk quota"),
    ("all powers", "attempt: create a device", "a node on the shared root would be a device of the host; /dev takes nodes"),
    ("user", "scheduling: (scheduler|I/O priority)", _kOldCrun),
    ("all powers", "scheduling: (scheduler|I/O priority)", _kOldCrun),
    ("all powers", "flag: timer slack", "0 for a real-time scheduler, which crun 1.8.1 ignores"),
    ("user", "environment: no equals sign", "crun leaves out what has no \"=\"; the environment is exactly the spec's"),
    (".*", "mount: /", _kHostPath),
    ("places", "mount: /usr", _kHostPath),
    (".*", "(mount|masked): /proc/(acpi|kcore)", _kNoFile),
    (".*", "mount: (/proc/keys|/proc/timer_list|/etc/plain|/sys/firmware|/sys/dev/block|/data)", _kMask),
    ("hooks", ".*: standard (input|output|error)", "a file, so that a hook that does not read waits for nobody, and an error quotes what one says"),
    ("hooks", ".*: state: ociVersion", "config.json's word, as with runc"),
    ("hooks", ".*: state: other members", "what `state` prints, as runc's does"),
    ("hooks", "createContainer.*: Groups", "crun has set the payload's groups by then"),
    ("hooks", "createContainer.*: namespace (mnt|pid)", "the payload's are the guest's, where no program of the host's can be"),
    ("hooks", "createContainer.*: state: pid", "crun 1.8.1 says 0 for the process that there is"),
    ("hooks", "startContainer.*: SigBlk", "crun leaves SIGCHLD blocked"),
    ("hooks", "startContainer.*: state: status", "a word of crun's own; the specification and runc have \"created\""),
    ("hooks", "startContainer.*: state: bundle", "crun 1.8.1 says its working directory"),
    ("hooks", "startContainer.*: state: pid", "the payload's number where the hook runs; crun 1.8.1 says 0"),
    ("terminal.*", "mount: /dev/console", "with the options of the devpts that it is in, as with runc"),
    ("terminal, executed process", "device: /null", "crun gives the payload's stdin, which it is, to the user"),
    ("executed process.*", "(status: NS(pgid|sid)|session, group, terminal)", "crun leaves it in its caller's session; ours leads one, as with runc"),
    ("executed process", "OOM score adjustment", _kOldCrun),
    ("podman's default", "mount: /proc/(bus|fs|irq|sys|sysrq-trigger)", _kReadOnly),
    ("podman's default", "system call: answered with ENOSYS", "237 to 239 set NUMA policies; the guest kernel has no NUMA"),
    ("places", "mount: /dev/shm", _kReadOnly),
    (".*", "mount: /sys/fs/cgroup", "the source is config.json's word, as with runc"),
    (".*", "write to: /sys/kernel/mm/ksm/run", "the guest kernel has no KSM"),
    ("no mounts", "mount: /dev", "a tmpfs is put there, so that devices need no writing into the image"),
    ("limits|writable cgroup", "file: cpuset.cpus", "numbers of the host's processors; the machine has just as many, and all are its"),
    (".*", "file: cgroup.(controllers|subtree_control)", "the guest kernel has no RDMA controller, and has misc"),
    ("mount types", "mount: /b/(rw|ro|bind|rro|file|tmpfs-on-bind|private)", _kHostPath),
    ("mount types", "mount: /(b/shared|b/slave|b/unbindable|t/shared)", "as config.json asks; crun 1.8.1 makes all mounts private in the end"),
    ("mount types", "(mount|content): /etc/(covered|copied)", "a tmpfs without a mode has that of what it covers, as with runc"),
    ("mount types", "mount: /b/null", "the machine's devtmpfs, which is nosuid and noexec"),
    ("mount types", "mount: /merged", "the host stacks the host's directories; the guest mounts the result"),
    ("mount types", "mount: /t/percent", "of the machine's memory"),
    ("time namespace", ".*", "crun 1.8.1 fails for every time namespace"),
    ("user namespace", "mount: /dev/(null|zero|full|tty|random|urandom)", "crun may not create nodes there and binds the host's"),
    ("user namespace", "attempt: (open a raw socket|configure the network)",
     "the network is the machine's own, which capabilities of the namespace do not reach; low ports are opened to all instead"),
    ("user namespace", "device: /(null|zero|full|tty|random|urandom)", "the same: crun's belong to nobody, ours to root"),
]

_table = ReasonTable(_kReasons)
reason_for = _table.reason_for
unused = _table.unused
