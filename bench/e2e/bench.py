# SPDX-License-Identifier: Apache-2.0
"""The programs, bundles and commands that are measured, in their arena."""
import json
import pathlib
import subprocess
import time

from arena import Arena
from bundle import default_config
from peer_share import instruct, make_share

kRamMib = 1024  # krun-oci's default
kRuntimes = ("krun-oci", "crun", "runc")
kTimeout = 300
# What a machine has left to the kernel to clear away, memory above all, waits for grace periods, and would be paid for by
# whoever runs next.
_kRestS = 0.2


class Bench:
    def __init__(self, tools, krun_oci, config_gen, init, kernel):
        self.tools = pathlib.Path(tools)
        self.arena = Arena("/run/bench")
        self.root = str(self.arena.root)
        for source, name in ((krun_oci, "/usr/bin/krun-oci"), ("/usr/bin/crun", None), ("/usr/sbin/runc", None),
                             ("/usr/bin/qemu-system-x86_64", None), ("/usr/lib/qemu/virtiofsd", None),
                             (self.tools / "qemu_machine", "/usr/bin/qemu_machine")):
            self.arena.program(source, name)
        for name in ("qboot.rom", "bios-microvm.bin", "pvh.bin"):
            self.arena.file(f"/usr/share/qemu/{name}")
        self.arena.file(kernel, "/usr/lib/krun-oci/vmlinux")
        self._config_gen = config_gen
        self._init = init
        self._make_bundle()
        self.make_share("/share", self.arena.root / "bundle")
        self.environment = {"PATH": "/usr/bin:/usr/sbin", "KRUN_OCI_KERNEL": "/usr/lib/krun-oci/vmlinux"}

    def _make_bundle(self):
        bundle = self.arena.root / "bundle"
        for name in ("bin", "proc", "sys", "dev", "run", "tmp"):
            (bundle / "rootfs" / name).mkdir(parents=True)
        self.arena.file(self.tools / "static_true", "/bundle/rootfs/bin/true")
        (bundle / "config.json").write_text(json.dumps(default_config(["/bin/true"])))

    def make_share(self, place, bundle):
        make_share(self.arena.root / place.lstrip("/"), bundle, self._config_gen, self._init)

    def instruct(self, place, bundle):
        instruct(self.arena.root / place.lstrip("/"), bundle, self._config_gen)

    def make_idle_bundle(self, place, argv, **changes):
        """A bundle with busybox as argv[0], and the static `true`. changes: to config.json."""
        root = self.arena.root / place.lstrip("/") / "rootfs"
        for name in ("bin", "proc", "sys", "dev", "run", "tmp"):
            (root / name).mkdir(parents=True)
        self.arena.file("/bin/busybox", f"{place}/rootfs{argv[0]}")
        self.arena.file(self.tools / "static_true", f"{place}/rootfs/bin/true")
        (root.parent / "config.json").write_text(json.dumps(default_config(argv) | changes))

    def time(self, argv, wanted=0, until_input_ends=False):
        """Nanoseconds of one run: start to reaped end, or from the end of its input to that."""
        flags = ["-i"] if until_input_ends else []
        time.sleep(_kRestS)
        done = subprocess.run([self.tools / "stopwatch", *flags, self.root, *argv], env=self.environment, timeout=kTimeout,
                              stdout=subprocess.PIPE, check=True)
        ns, status = map(int, done.stdout.split())
        if status != wanted:
            raise SystemExit(f"measure: {' '.join(argv)} ended with {status}: {self.explain(argv)}")
        return ns

    def explain(self, argv):
        done = subprocess.run(["chroot", self.root, *argv], env=self.environment, timeout=kTimeout, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return done.stderr.decode(errors="replace")[-500:]

    def call(self, *argv):
        """In the arena, not timed. Its output goes nowhere: it may belong to a container that lives on."""
        subprocess.run(["chroot", self.root, *argv], env=self.environment, timeout=kTimeout, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def interleaved(self, rows, repeats, **how):
        """{name: [ns]}: every row once, in turn, `repeats` times; the first turn only warms up."""
        times = {name: [] for name in rows}
        for turn in range(repeats + 1):
            for name, argv in rows.items():
                ns = self.time(argv, **how)
                if turn:
                    times[name].append(ns)
        return times


def program(runtime):
    return "/usr/sbin/runc" if runtime == "runc" else f"/usr/bin/{runtime}"


def command(runtime, *words):
    return [program(runtime), "--root", f"/run/{runtime}", *words]
