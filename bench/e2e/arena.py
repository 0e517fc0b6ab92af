# SPDX-License-Identifier: Apache-2.0
"""Where end-to-end times are taken: a tmpfs with copies of every program and library that is measured.

Under an instruction clock, waiting for a device lets the clock jump; so nothing measured may touch one. The copies
also put all programs on the same footing: the page cache is warm for each.
"""
import pathlib
import subprocess

from programs import put_file, put_program

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
        return put_file(self.root, source, target)

    def program(self, source, target=None):
        return put_program(self.root, source, target)
