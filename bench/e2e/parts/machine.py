# SPDX-License-Identifier: Apache-2.0
"""Exits to user space until the guest's init is ready to start the payload, and memory at that moment."""
import subprocess

import table
from bench import command, kRamMib
from exits import ExitCounter
from memory import private_kib, private_kib_beyond_ram


def _ours(bench):
    counter = ExitCounter()
    bench.call(*command("krun-oci", "create", "--bundle", "/bundle", "--pid-file", "/run/pid", "box"))
    exits = counter.stop()
    kib = private_kib_beyond_ram(int((bench.arena.root / "run/pid").read_text()), kRamMib)
    bench.call(*command("krun-oci", "delete", "--force", "box"))
    return exits, kib


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
    peer.communicate()
    return exits, kib


def measure(bench, _repeats):
    (our_exits, our_kib), (their_exits, their_kib) = _ours(bench), _theirs(bench)
    table.head("The machine, when its init is ready to start the payload", "", "krun-oci", "QEMU microvm + virtiofsd", "ratio")
    print(f"| returns of KVM_RUN to user space | {our_exits} | {their_exits} | {our_exits / their_exits:.2f} |")
    print(f"| private memory beyond guest RAM, KiB | {our_kib} | {their_kib} | {our_kib / their_kib:.2f} |")
    table.judge("private memory beyond guest RAM, MiB", our_kib / 1024, 4)
