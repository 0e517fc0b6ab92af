# SPDX-License-Identifier: Apache-2.0
"""A walk over a million files: what the file server holds for a guest that remembers all of them, and none of them any more."""
import contextlib
import os
import re
import resource
import subprocess

from executed import kWait, shell, test
from suite import expect, expect_equal

_kRamMib = 3072
_kDirectories, _kFilesInEach = 1000, 1000
_kFiles = _kDirectories * _kFilesInEach
_kTimeout = 1800
# docs/virtio-fs.md#limits
_kMaxDescriptors = 4096
_kMaxKib = 64 << 10
_kMaxLeftKib = 4 << 10


@contextlib.contextmanager
def _tree(case):
    """A directory with a million files in a thousand directories, in memory."""
    top = case.directory / "tree"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs", top], check=True)
    try:
        for number in range(_kDirectories):
            (top / str(number)).mkdir()
            directory = os.open(top / str(number), os.O_RDONLY)
            for file in range(_kFilesInEach):
                os.mknod(f"file-{file}", dir_fd=directory)
            os.close(directory)
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


def _container(case, tree):
    bundle = case.bundle().privileged().script(kWait)
    bundle.linux["resources"] = {"memory": {"limit": _kRamMib << 20}}
    bundle.bind(tree, "/mnt")
    return case.container(bundle).started()


def _private_kib(pid):
    """What a container process has for itself: without its guest's RAM, which is larger than all else together."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as text:
        mappings = [(int(size), int(dirty)) for size, dirty in
                    re.findall(r"^Size: +(\d+) kB$.*?^Private_Dirty: +(\d+) kB$", text.read(), re.M | re.S)]
    return sum(dirty for size, dirty in mappings if size < _kRamMib << 9)


class _Held:
    """What the server holds, and how many files the guest's kernel remembers."""

    def __init__(self, container):
        self.descriptors = len(os.listdir(f"/proc/{container.pid}/fd"))
        self.kib = _private_kib(container.pid)
        self.remembered = int(shell(container, "cat /proc/sys/fs/inode-nr").text.split()[0])

    def __repr__(self):
        return f"{self.remembered} files, {self.descriptors} descriptors, {self.kib} KiB"


def _walk(container):
    found = shell(container, "find /mnt -type f | wc -l", timeout=_kTimeout)
    expect_equal((found.text, found.err), (f"{_kFiles}\n", b""), "files found")
    held = _Held(container)
    expect_equal(shell(container, "echo 2 >/proc/sys/vm/drop_caches", timeout=_kTimeout).err, b"", "dropping them")
    dropped = _Held(container)
    print(f"# walk: {held}; then {dropped}", flush=True)
    return held, dropped


def _expect_bounded(case, tree, descriptors):
    container = _container(case, tree)
    before = _Held(container)
    first, dropped = _walk(container)
    expect(first.remembered > _kFiles * 9 // 10, f"the guest remembers {first.remembered} files only")
    expect(first.descriptors <= descriptors, f"{first.descriptors} descriptors are open")
    expect(first.kib - before.kib <= _kMaxKib, f"it takes {first.kib - before.kib} KiB")
    expect(dropped.remembered < _kFiles // 100, f"the guest still remembers {dropped.remembered} files")
    expect(dropped.descriptors <= before.descriptors and dropped.kib - before.kib <= _kMaxLeftKib,
           f"before {before}, when all was dropped {dropped}")
    return container


@contextlib.contextmanager
def _limit(descriptors):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@test("walk: a million files take 64 MiB and 4,096 descriptors at most, which the host has again once they are forgotten",
      vm_only=True, slow=True)
def million(case):
    with _tree(case) as tree:
        _expect_bounded(case, tree, _kMaxDescriptors).discard()


@test("walk: the same with 1,024 descriptors for the process", vm_only=True, slow=True)
def few_descriptors(case):
    with _tree(case) as tree, _limit(1024):
        _expect_bounded(case, tree, 1024).discard()
