# SPDX-License-Identifier: Apache-2.0
"""Where end-to-end times are taken: a tmpfs with copies of every program and library that is measured.

Under an instruction clock, waiting for a device lets the clock jump; so nothing measured may touch one. The copies
also put all programs on the same footing: the page cache is warm for each.
"""
import os
import pathlib
import re
import shutil
import subprocess

_kLinks = ("bin", "sbin", "lib", "lib64")


class Arena:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir()
        self._do("mount", "-t", "tmpfs", "-o", "size=75%,mode=755", "tmpfs", self.root)
        # A mount that nothing propagates from, as a container's own root is.
        self._do("mount", "--make-private", self.root)
        for name in _kLinks:
            (self.root / "usr" / name).mkdir(parents=True)
            (self.root / name).symlink_to(f"usr/{name}")
        for name in ("tmp", "run", "dev", "proc", "sys", "etc"):
            (self.root / name).mkdir()
        for name in ("dev", "proc", "sys"):
            self._do("mount", "--rbind", f"/{name}", self.root / name)

    @staticmethod
    def _do(*words):
        subprocess.run([str(word) for word in words], check=True)

    def file(self, source, target=None):
        """A copy of a file, at the same path unless told otherwise."""
        place = self.root / str(target or source).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(os.path.realpath(source), place)
        return str(target or source)

    def program(self, source, target=None):
        """A copy of a program and of the libraries it is linked with."""
        listing = subprocess.run(["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listing):
            self.file(library)
        return self.file(source, target)
