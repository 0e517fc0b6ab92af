# SPDX-License-Identifier: Apache-2.0
"""What programs do with files in a guest: a whole container that does it, less one that does nothing."""
import json
import subprocess

import table
from bench import command, kRamMib
from bundle import default_config

_kDirectories, _kFilesInEach, _kFileBytes, _kBigMib = 50, 40, 1500, 32
_kFiles = _kDirectories * _kFilesInEach
# In this order: what one makes the next removes.
_kWork = (("find", "find /tree >/dev/null"),
          ("lstat of each file, as git status does", "find /tree -type f -size +1000k"),
          (f"tar x of {_kFiles} files", "tar -x -f /tree.tar -C /out"),
          ("rm -rf of them", "rm -rf /out/tree"),
          (f"read of {_kBigMib} MiB", "cat /big >/dev/null"),
          (f"write of {_kBigMib} MiB", f"dd if=/dev/zero of=/out/big bs=1M count={_kBigMib} 2>/dev/null"),
          ("rm of that", "rm /out/big"))
_kNothing = "true"


def _make_tree(root):
    for directory in range(_kDirectories):
        (root / f"tree/{directory}").mkdir(parents=True)
        for file in range(_kFilesInEach):
            (root / f"tree/{directory}/{file}").write_bytes(b"x" * _kFileBytes)
    subprocess.run(["tar", "-c", "-f", root / "tree.tar", "-C", root, "tree"], check=True)
    (root / "big").write_bytes(b"x" * (_kBigMib << 20))
    (root / "out").mkdir()


def _peers():
    return {"krun-oci": command("krun-oci", "run", "--bundle", "/files", "box"),
            "QEMU microvm + virtiofsd": ["/usr/bin/qemu_machine", "/files-share", "/usr/lib/krun-oci/vmlinux", str(kRamMib)]}


def _time(bench, script):
    """{peer: ns}"""
    config = default_config(["/bin/sh", "-c", script])
    (bench.arena.root / "files/config.json").write_text(json.dumps(config))
    bench.instruct("files", "files-share")
    return {peer: bench.time(argv) for peer, argv in _peers().items()}


def measure(bench, repeats):
    bench.make_idle_bundle("/files", ["/bin/sh"])
    _make_tree(bench.arena.root / "files/rootfs")
    bench.make_share("files", "files-share")
    ours, theirs = _peers()
    turns = max(1, repeats // 5)
    _time(bench, _kNothing)  # warms up
    empty = [_time(bench, _kNothing) for _ in range(turns)]
    table.head(f"Work on files, less an empty container; median of {turns}", "", "virtual ms", "spread", f"of {theirs}")
    base = {peer: min(run[peer] for run in empty) for peer in _peers()}
    for name, script in _kWork:
        samples = {peer: [] for peer in _peers()}
        for _ in range(turns if name.startswith(("find", "lstat", "read")) else 1):  # the others change the tree
            for peer, ns in _time(bench, script).items():
                samples[peer].append(max(ns - base[peer], 1))
        table.row(f"{name}, krun-oci", samples[ours], samples[theirs])
        table.row(f"{name}, {theirs}", samples[theirs], samples[theirs])
        table.judge(f"{name}, of {theirs}", table.ratio(samples[ours], samples[theirs]), 0.5)
