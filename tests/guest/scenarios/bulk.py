# SPDX-License-Identifier: Apache-2.0
"""Many bytes through standard streams, of payloads and executed processes, with readers and writers of all tempers."""
import os
import select
import subprocess
import time

from executed import foreground, running, test, until
from memory import private_kib_beyond_ram
from suite import expect, expect_equal

_kMebi = 1 << 20
_kRamMib = 192
# What a container process may have at any time (SPECIFICATION.md, Speed and size): bytes wait in the guest.
_kMaxPrivateKib = 4 << 10


def _arbitrary(mebibytes):
    """Bytes in which no two places look alike: one random mebibyte, rotated a little more each time."""
    block = os.urandom(_kMebi)
    return b"".join(block[7919 * n:] + block[:7919 * n] for n in range(mebibytes))


def _run(container, **streams):
    words = ["run", "--bundle", container.bundle.write(), "--pid-file", container.pid_path, container.name]
    streams = {"stdin": subprocess.DEVNULL, **streams}
    return subprocess.Popen(container.argv(*words), env=container.environment, **streams)


def _small(bundle):
    bundle.linux["resources"] = {"memory": {"limit": _kRamMib * _kMebi}}
    return bundle


def _expect_same(out, data):
    different = next((n for n in range(0, len(data), _kMebi) if out[n:n + _kMebi] != data[n:n + _kMebi]), None)
    expect(out == data, f"{len(out)} of {len(data)} bytes came back; different from mebibyte {different} on")


@test("bulk: 100 MiB of arbitrary bytes each way through the payload's streams are the same bytes")
def payload(case):
    data = _arbitrary(100)
    result = case.run(case.bundle("/bin/cat"), stdin=data, timeout=180)
    expect_equal((result.status, result.err), (0, b""), "status and stderr")
    _expect_same(result.out, data)


@test("bulk: 100 MiB of arbitrary bytes each way through the streams of exec are the same bytes")
def executed(case):
    data = _arbitrary(100)
    container = running(case)
    result = container.command("exec", container.name, "/bin/cat", stdin=data, timeout=180)
    expect_equal((result.status, result.err), (0, b""), "status and stderr")
    _expect_same(result.out, data)


_kCounting = ("/bin/sh", "-c", "seq 200000; exit 3")
_kCounted = b"".join(b"%d\n" % number for number in range(1, 200001))


def _expect_all_for_a_slow_reader(process):
    time.sleep(2)
    begin = b""
    for _ in range(50):
        begin += os.read(process.stdout.fileno(), 3)
        time.sleep(0.01)
    time.sleep(2)
    rest, _ = process.communicate(timeout=60)
    expect_equal(process.returncode, 3, "status")
    _expect_same(begin + rest, _kCounted)


@test("bulk: a reader that pauses and trickles gets every byte of the payload's")
def slow_payload(case):
    _expect_all_for_a_slow_reader(_run(case.container(case.bundle(*_kCounting)), stdout=subprocess.PIPE))


@test("bulk: a reader that pauses and trickles gets every byte of exec's")
def slow_executed(case):
    container = running(case)
    _expect_all_for_a_slow_reader(foreground(container, container.name, *_kCounting, stdout=subprocess.PIPE))


@test("bulk: an executed writer whose reader goes away dies by SIGPIPE")
def reader_gone(case):
    container = running(case)
    words = ("/bin/sh", "-c", "while echo line; do :; done")
    process = foreground(container, container.name, *words, stdout=subprocess.PIPE)
    expect_equal(process.stdout.read(10), b"line\nline\n", "first bytes")
    process.stdout.close()
    # The command is the process itself where there is no machine between.
    expect(process.wait(30) in (141, -13), f"status {process.returncode}")


def _private_kib(case, container):
    return private_kib_beyond_ram(container.pid, _kRamMib) if case.is_vm else 0


def _stuff(stream):
    """Writes until nobody has taken a byte for two seconds: how many were taken."""
    os.set_blocking(stream.fileno(), False)
    taken = 0
    while select.select([], [stream], [], 2)[1]:
        taken += os.write(stream.fileno(), bytes(65536))
    return taken


@test("bulk: whoever writes to a payload that never reads has to wait, and the container process does not grow")
def never_read(case):
    container = case.container(_small(case.bundle("/bin/sleep", "1000")))
    process = _run(container, stdin=subprocess.PIPE)
    # Nothing is read before that.
    until(lambda: container.pid_path.exists() and container.state()["status"] == "running", "it runs")
    taken = _stuff(process.stdin)
    held = _private_kib(case, container)
    container.must("kill", container.name, "KILL")
    expect_equal(process.wait(30), 137, "status")
    expect(65536 <= taken <= _kMebi, f"{taken} bytes were taken")
    expect(held < _kMaxPrivateKib, f"the container process holds {held} KiB beyond guest RAM")


_kFloodBytes = 480 * 65536
_kFlood = ("/bin/sh", "-c", "dd if=/dev/zero bs=64k count=480 2>/dev/null; echo end; exit 4")


def _expect_flood(case, container, process):
    # Nobody reads for a while: the flood has to wait in the guest.
    time.sleep(5)
    held = _private_kib(case, container)
    out, err = process.communicate(timeout=90)
    expect_equal((process.returncode, len(out), out[-4:], err), (4, _kFloodBytes + 4, b"end\n", b""), "result")
    expect(held < _kMaxPrivateKib, f"the container process holds {held} KiB beyond guest RAM")


@test("bulk: a payload that floods stdout gets all of it out, and the container process does not grow")
def flood(case):
    container = case.container(_small(case.bundle(*_kFlood)))
    _expect_flood(case, container, _run(container, stdout=subprocess.PIPE, stderr=subprocess.PIPE))


@test("bulk: an executed process that floods stdout gets all of it out, and the container process does not grow")
def executed_flood(case):
    container = case.container(_small(case.bundle("/bin/sleep", "1000"))).started()
    process = foreground(container, container.name, *_kFlood, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _expect_flood(case, container, process)
