# SPDX-License-Identifier: Apache-2.0
"""What exists on the host that a runtime could leave behind: processes, mounts, cgroups, sockets, files."""
import os
import time

_kCgroups = "/sys/fs/cgroup"
_kDirectories = ("/run", "/run/krun-oci", "/run/crun", "/run/runc", "/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp")
# What podman, containerd and mount(8) keep once they ran, and the runtimes' own directories, which may stay when they are empty.
_kKeptCgroup = "/libpod_parent"
_kKept = {"file /dev/shm/libpod_lock", "file /run/containers", "file /run/libpod", "file /run/crun", "file /run/runc",
          "file /run/krun-oci", "file /run/mount", "file /run/netns",
          "cgroup /sys/fs/cgroup/podman_probe", "mount /var/lib/containers/storage/overlay"}


def take():
    """A set of one line per thing."""
    return (_processes() | _mounts() | _cgroups() | _sockets() | _files()) - _kKept


def residue(before, patience=15.0):
    """The sorted new things, once they stayed for `patience` seconds. Reaps children meanwhile."""
    end = time.monotonic() + patience
    while True:
        reap()
        new = take() - before
        if not new or time.monotonic() > end:
            return sorted(new)
        time.sleep(0.1)


def reap():
    """Children that have ended: an engine's monitor, as which we stand here, does it at once."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _processes():
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                name, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        flags = int(rest.split()[6])
        if not flags & 0x00200000:  # PF_KTHREAD
            found.add(f"process {pid} {name}")
    return found


def _mounts():
    with open("/proc/self/mountinfo") as mounts:
        return {"mount " + line.split()[4] for line in mounts}


def _cgroups():
    """systemd keeps the slices that it once made."""
    return {f"cgroup {path}" for path, _, _ in os.walk(_kCgroups)
            if f"{_kKeptCgroup}/" not in f"{path}/" and not path.endswith(".slice")}


def _sockets():
    with open("/proc/net/unix") as sockets:
        return {"socket " + fields[7] for fields in map(str.split, sockets) if len(fields) > 7}


def _files():
    found = set()
    for directory in _kDirectories:
        if os.path.isdir(directory):
            found |= {f"file {directory}/{name}" for name in os.listdir(directory)}
    return found
