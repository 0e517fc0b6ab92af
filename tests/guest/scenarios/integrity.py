# SPDX-License-Identifier: Apache-2.0
"""Bytes are what was written: file_exerciser in a container, on a bind mount whose files the host reads meanwhile; and the
programs that testers of file systems use."""
import os
import pathlib
import shutil
import subprocess
import zlib

from programs import put_file, put_program
from suite import Skip, expect, expect_equal, test

_kProgram = pathlib.Path(__file__).resolve().parents[3] / "build/tests/posix/file_exerciser"
_kChecks = 10
# Stressors of stress-ng's file system class that are about the kernel's own files.
_kNotForFiles = "procfs,binderfs,dup,eventfd,ioprio"


def _answer(line, shared):
    """To "check NAME SIZE CHECKSUM": whether the host's file is that."""
    _, name, size, value = line.split()
    data = (shared / name).read_bytes()
    seen = (len(data), f"{zlib.crc32(data):08x}")
    return "ok" if seen == (int(size), value) else f"no: {seen}"


def _exercise(case, seed, operations):
    if not _kProgram.exists():
        raise Skip("file_exerciser is not built")
    shared = case.directory / f"shared-{seed}"
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


def _container_with(case, program, script, *files):
    """Runs the script with one of this computer's programs, in a directory of the root and in one of a bind mount."""
    path = shutil.which(program)
    if not path:
        raise Skip(f"no {program} here")
    bundle = case.bundle()
    put_program(bundle.root, path)
    for file in files:
        put_file(bundle.root, file)
    shared = case.directory / "shared"
    shared.mkdir()
    bundle.bind(shared, "/mnt")
    bundle.script(f"for place in /data /mnt; do cd $place; {script}; done 2>&1")
    result = case.run(bundle, timeout=900)
    left = os.listdir(shared) + os.listdir(bundle.root / "data")
    return result.status, result.text, left


_kFio = "--rw=randrw --size=16m --verify=crc32c --verify_fatal=1 --fsync=64 --randseed=1 --thread --minimal"


@test("integrity: fio finds each block as it wrote it, by system calls, past the caches and through a map", slow=True)
def fio(case):
    # A map's blocks are pages.
    runs = "; ".join(f"fio --name={engine}{direct} --ioengine={engine} --direct={direct} --bsrange={least}-128k {_kFio} >log || cat log"
                     for engine, direct, least in (("psync", 0, 512), ("psync", 1, 512), ("libaio", 1, 512), ("mmap", 0, 4096)))
    expect_equal(_container_with(case, "fio", f"{runs}; rm -f *"), (0, "", []), "status, what fio says, what is left")


@test("integrity: dbench's clients, four at once, find the files that they made", slow=True)
def dbench(case):
    loads = "/usr/share/dbench/client.txt"
    # It calls every number of a semaphore but 0 a failure.
    script = f"dbench -c {loads} -t 20 -D . 4 | grep -v -e '^ *[0-9]' -e semaphore; rm -rf clients"
    status, text, left = _container_with(case, "dbench", script, loads)
    expect_equal((status, left), (0, []), f"status, what is left ({text[-300:]})")
    expect_equal(text.count("Throughput"), 2, f"ends ({text[-600:]})")
    expect("failed" not in text.lower() and "error" not in text.lower(), text[-600:])


@test("integrity: the file system class of stress-ng finds nothing wrong", slow=True)
def stress(case):
    flags = "--class filesystem --sequential 1 --timeout 2 --verify --oomable --temp-path . --log-brief"
    status, text, left = _container_with(case, "stress-ng", f"stress-ng {flags} -x {_kNotForFiles}")
    wrong = [line for line in text.splitlines() if "fail" in line or "error" in line]
    expect_equal((status, wrong, left), (0, [], []), f"status, what is wrong, what is left ({text[-300:]})")
