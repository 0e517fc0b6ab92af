# SPDX-License-Identifier: Apache-2.0
"""An OCI bundle: a small root file system of busybox, and a config.json as a dictionary to be changed."""
import json
import os
import pathlib
import shutil

_kBusybox = "/bin/busybox"
_kApplets = ("sh cat cmp cp cut dd dmesg echo env false find grep head hostname id ip kill ln ls mkdir mknod mount mv nproc nslookup "
             "ping poweroff printf ps pwd readlink reboot rm rmdir seq sed sha256sum sleep sort stat stty sync tail test touch "
             "tr true tty umount uname uniq wc").split()
kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_root(root, probe):
    """Fills `root`: busybox and its names, the probe program, the directories a distribution has."""
    root = pathlib.Path(root)
    for name in ("bin", "etc", "proc", "sys", "dev", "run", "tmp", "root", "usr/bin", "data"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(_kBusybox, root / "bin/busybox")
    for applet in _kApplets:
        (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(probe, root / "bin/probe")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nuser:x:1000:\nmore:x:2000:user\n")
    (root / "etc/plain").write_text("not a program\n")
    (root / "etc/plain").chmod(0o644)


def _mount(destination, kind, source, *options):
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def default_config(args):
    """What `runc spec` writes, without a terminal and with five namespaces."""
    capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": args,
            "env": [kPath],
            "cwd": "/",
            "capabilities": {kind: list(capabilities) for kind in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "mounts": [
            _mount("/proc", "proc", "proc"),
            _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
            _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
        },
    }


class Bundle:
    """`config` is written when a container is created, so a test may change it until then."""

    def __init__(self, directory, args, probe):
        self.path = pathlib.Path(directory)
        self.root = self.path / "rootfs"
        self.config = default_config(args)
        make_root(self.root, probe)

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def script(self, text):
        """The payload becomes a shell script."""
        self.process["args"] = ["/bin/sh", "-c", text]
        return self

    def privileged(self):
        """Everything a root user of the guest may have."""
        for kind in ("bounding", "effective", "permitted"):
            self.process["capabilities"][kind] = [
                "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE", "CAP_KILL",
                "CAP_CHOWN", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO"]
        self.linux["maskedPaths"] = []
        self.linux["readonlyPaths"] = []
        for mount in self.config["mounts"]:
            mount["options"] = [option for option in mount["options"] if option != "ro"]
        return self

    def bind(self, source, destination, *options):
        self.config["mounts"].append(_mount(destination, "bind", str(source), "rbind", *options))

    def tmpfs(self, destination, *options):
        self.config["mounts"].append(_mount(destination, "tmpfs", "tmpfs", *options))

    def write(self):
        text = json.dumps(self.config)
        if not os.path.lexists(self.path / "config.json"):
            (self.path / "config.json").write_text(text)
        return self.path
