# SPDX-License-Identifier: Apache-2.0
"""Exits to user space until the guest's init is ready to start the payload and while it waits, and memory."""
import subprocess
import time

import table
from bench import command, kRamMib
from exits import ExitCounter
from memory import private_kib, private_kib_beyond_ram


_kIdleSeconds = 10


def _idle_exits():
    """A second, of a guest that waits."""
    time.sleep(60)  # what it did to become ready is over, and the looks of vCPU threads at a halted guest are rare
    counter = ExitCounter()
    time.sleep(_kIdleSeconds)
    return counter.stop() / _kIdleSeconds


def _ours(bench):
    counter = ExitCounter()
    bench.call(*command("krun-oci", "create", "--bundle", "/bundle", "--pid-file", "/run/pid", "box"))
    exits = counter.stop()
    kib = private_kib_beyond_ram(int((bench.arena.root / "run/pid").read_text()), kRamMib)
    idle = _idle_exits()
    bench.call(*command("krun-oci", "delete", "--force", "box"))
    return exits, kib, idle


def _theirs(bench):
    counter = ExitCounter()
    peer = subprocess.Popen(["chroot", bench.root, "/usr/bin/qemu_machine", "--pause", "/share",
                             "/usr/lib/krun-oci/vmlinux", str(kRamMib)], env=bench.environment, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    qemu, server = map(int, peer.stdout.readline().split())
    if peer.stdout.readline() != "ready\n":
        raise SystemExit("measure: the QEMU machine did not become ready")
    exits = counter.stop()
    kib = private_kib_beyond_ram(qemu, kRamMib) + private_kib(server)
    idle = _idle_exits()
    peer.communicate()
    return exits, kib, idle


def measure(bench, _repeats):
    (our_exits, our_kib, our_idle), (their_exits, their_kib, their_idle) = _ours(bench), _theirs(bench)
    table.head("The machine, when its init is ready to start the payload", "", "krun-oci", "QEMU microvm + virtiofsd", "ratio")
    print(f"| returns of KVM_RUN to user space | {our_exits} | {their_exits} | {our_exits / their_exits:.2f} |")
    print(f"| ... in a second of waiting | {our_idle:.1f} | {their_idle:.1f} | |")
    print(f"| private memory beyond guest RAM, KiB | {our_kib} | {their_kib} | {our_kib / their_kib:.2f} |")
    table.judge("private memory beyond guest RAM, MiB", our_kib / 1024, 4)
