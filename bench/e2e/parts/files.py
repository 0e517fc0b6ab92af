# SPDX-License-Identifier: Apache-2.0
"""What programs do with many files: a container in which one of them runs, less a container in which nothing does. All that the
guest's kernel has in its caches is what the program itself has asked for."""
import json
import os
import subprocess

import table
from bench import command, kRamMib
from bundle import default_config
from programs import put_program

_kPeer = "QEMU microvm + virtiofsd"
# It serves what ours serves, so that its guest asks for as much.
_kEqual = "the same with attributes"
# Each has a tree of its own to change.
_kMachines = {_kPeer: ("/files-share",), _kEqual: ("/files-equal", "--xattr")}
# Emulated, a thousand take minutes: more of them only when asked for.
_kDirectories, _kFilesInEach, _kFileBytes = 10, int(os.environ.get("KRUN_BENCH_FILES", "500")) // 10, 1500
_kFiles = f"{_kDirectories * _kFilesInEach:,} files"
_kBigMib = 16
_kPrograms = ("/usr/bin/find", "/usr/bin/git", "/usr/bin/tar", "/usr/bin/rm", "/usr/bin/dd")
# Each finds what the one before it has left. With its path, for the shell has programs of its own with these names.
_kWork = {
    f"find, {_kFiles}": "/usr/bin/find /tree -name nothing",
    f"git status, {_kFiles}": "/usr/bin/git -C /tree status",
    f"tar x of {_kFiles}": "/usr/bin/tar -x -f /tree.tar -C /out",
    "rm -rf of these": "/usr/bin/rm -rf /out/tree",
    f"read of {_kBigMib} MiB": "/usr/bin/dd if=/big of=/dev/null bs=1M",
    f"write of {_kBigMib} MiB": f"/usr/bin/dd if=/dev/zero of=/out/big bs=1M count={_kBigMib}",
}
_kClean = "/usr/bin/rm /out/big"


def _make_tree(tree):
    for directory in range(_kDirectories):
        (tree / str(directory)).mkdir(parents=True)
        for file in range(_kFilesInEach):
            path = tree / f"{directory}/{file}"
            path.write_bytes(b"x" * _kFileBytes)
            os.utime(path, (1e9, 1e9))  # older than git's index: else git reads the files, too


def _git(tree, *words):
    subprocess.run(["git", "-C", tree, "-c", "user.name=x", "-c", "user.email=x", *words], check=True, stdout=subprocess.DEVNULL)


def _fill(bench, root):
    for program in _kPrograms:
        put_program(root, program)
    _make_tree(root / "tree")
    subprocess.run(["tar", "-c", "-f", root / "tree.tar", "-C", root, "tree"], check=True)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        _git(root / "tree", *words)
    (root / "big").write_bytes(b"x" * (_kBigMib << 20))
    (root / "out").mkdir()
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")  # else tar asks for each file who root is
    (root / "etc/group").write_text("root:x:0:\n")


def _peers():
    peers = {"krun-oci": command("krun-oci", "run", "--bundle", "/files", "box")}
    for name, (share, *flags) in _kMachines.items():
        peers[name] = ["/usr/bin/qemu_machine", *flags, share, "/usr/lib/krun-oci/vmlinux", str(kRamMib)]
    return peers


def _time(bench, script):
    """{peer: nanoseconds}"""
    config = default_config(["/bin/sh", "-c", script])
    (bench.arena.root / "files/config.json").write_text(json.dumps(config))
    for share, *_ in _kMachines.values():
        bench.instruct(share, bench.arena.root / "files")
    return {peer: bench.time(argv) for peer, argv in _peers().items()}


def _turn(bench):
    """{work: {peer: nanoseconds}}, "true" for nothing."""
    times = {name: _time(bench, script) for name, script in {"true": "true", **_kWork}.items()}
    _time(bench, _kClean)
    return times


def measure(bench, repeats):
    bench.make_idle_bundle("/files", ["/bin/sh"])
    _fill(bench, bench.arena.root / "files/rootfs")
    for share, *_ in _kMachines.values():
        bench.make_share(share, bench.arena.root / "files")
        _git(bench.arena.root / share.lstrip("/") / "rootfs/tree", "update-index", "--refresh")  # it is a copy
    _time(bench, "true")  # warms up
    turns = [_turn(bench) for _ in range(max(1, repeats // 5))]
    table.head(f"Programs and files in a guest, less a container that does nothing, median of {len(turns)}",
               "", "virtual ms", "spread", *(f"of {machine}" for machine in _kMachines))
    for name in _kWork:
        samples = {peer: [turn[name][peer] - turn["true"][peer] for turn in turns] for peer in _peers()}
        for peer in samples:
            table.row(f"{name}, {peer}", samples[peer], *(samples[machine] for machine in _kMachines))
        for machine in _kMachines:
            table.judge(f"{name}, of {machine}", table.ratio(samples["krun-oci"], samples[machine]), 0.5)
