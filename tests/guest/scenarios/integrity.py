# SPDX-License-Identifier: Apache-2.0
"""Bytes are what was written: file_exerciser in a container, on a bind mount whose files the host reads meanwhile."""
import os
import pathlib
import shutil
import subprocess
import zlib

from suite import Skip, expect, expect_equal, test

_kProgram = pathlib.Path(__file__).resolve().parents[3] / "build/tests/posix/file_exerciser"
_kChecks = 10


def _answer(line, shared):
    """To "check NAME SIZE CHECKSUM": whether the host's file is that."""
    _, name, size, value = line.split()
    data = (shared / name).read_bytes()
    seen = (len(data), f"{zlib.crc32(data):08x}")
    return "ok" if seen == (int(size), value) else f"no: {seen}"


def _exercise(case, seed, operations):
    if not _kProgram.exists():
        raise Skip("file_exerciser is not built")
    shared = case.directory / "shared"
    shared.mkdir()
    bundle = case.bundle().script(f"cd /data && exec file_exerciser {seed} {operations} {_kChecks}")
    shutil.copy(_kProgram, bundle.root / "bin/file_exerciser")
    bundle.bind(shared, "/data")
    container = case.container(bundle)
    process = subprocess.Popen(container.argv("run", "--bundle", bundle.write(), container.name), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    checks, last = 0, ""
    for line in process.stdout:
        last = line
        if line.startswith("check "):
            process.stdin.write(_answer(line, shared) + "\n")
            process.stdin.flush()
            checks += 1
    status = process.wait()
    process.stdin.close()
    expect_equal((status, last[:5]), (0, "done "), f"seed {seed}: {last}")
    expect(checks >= _kChecks, f"the host was asked {checks} times")
    expect_equal(os.listdir(shared), [], "what is left")


@test("integrity: 20,000 operations on two files are as the same in memory, and the host reads what was synced")
def short(case):
    _exercise(case, seed=1, operations=20_000)


@test("soak: a million operations on two files are as the same in memory", slow=True)
def million(case):
    for seed in range(2, 12):
        _exercise(case, seed, operations=100_000)
