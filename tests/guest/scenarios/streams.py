# SPDX-License-Identifier: Apache-2.0
"""Standard streams and the exit status of `run`."""
import array
import fcntl
import os
import subprocess
import termios
import time

from suite import expect, expect_equal, test


@test("streams: stdout and stderr arrive apart, the status is the payload's")
def apart(case):
    result = case.run(case.bundle().script("echo to-out; echo to-err >&2; exit 42"))
    expect_equal((result.status, result.out, result.err), (42, b"to-out\n", b"to-err\n"), "status, stdout, stderr")


@test("streams: a megabyte of arbitrary bytes comes back through cat, and its end ends cat")
def echo(case):
    data = os.urandom(1 << 20)
    result = case.run(case.bundle("/bin/cat"), stdin=data)
    expect_equal(result.status, 0, "status")
    expect(result.out == data, f"{len(result.out)} bytes came back, or others")
    expect_equal(result.err, b"", "stderr")


@test("streams: an empty stdin ends at once")
def empty(case):
    result = case.run(case.bundle().script("cat; echo end"))
    expect_equal((result.status, result.out), (0, b"end\n"), "status and stdout")


def _waiting(pipe):
    """Bytes in the pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@test("streams: nothing is read from stdin before the container is started")
def not_before_start(case):
    read_end, write_end = os.pipe()
    os.write(write_end, b"early\n" * 1000)
    os.close(write_end)
    container = case.container(case.bundle("/bin/cat")).created(stdin=read_end)
    time.sleep(1)
    expect_equal(_waiting(read_end), 6000, "bytes that are still in the pipe")
    container.must("start", container.name)
    expect_equal(container.wait(), 0, "status")
    expect_equal(container.out_path.read_bytes(), b"early\n" * 1000, "output")
    os.close(read_end)
    container.must("delete", container.name)


@test("streams: the payload's streams are its own to open again")
def reopened(case):
    bundle = case.bundle().script("echo one >/dev/stdout; echo two >/dev/stderr; cat /dev/stdin; echo >/proc/self/fd/1")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    result = case.run(bundle, stdin=b"three\n")
    expect_equal((result.status, result.out, result.err), (0, b"one\nthree\n\n", b"two\n"), "status, stdout, stderr")


@test("streams: a reader that goes away ends a payload that writes for ever")
def reader_gone(case):
    container = case.container(case.bundle().script("while echo line; do :; done 2>/dev/null; exit 3"))
    words = container.argv("run", "--bundle", container.bundle.write(), container.name)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=container.environment)
    expect_equal(process.stdout.read(10), b"line\nline\n", "first bytes")
    process.stdout.close()
    try:
        status = process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    # The shell dies by SIGPIPE unless it is PID 1, which no signal of its own ends: then echo fails.
    expect(status in (3, 141, -13), f"status {status}")


@test("streams: a background process does not keep a finished container alive")
def background(case):
    result = case.run(case.bundle().script("sleep 1000 & exit 5"), timeout=60)
    expect_equal(result.status, 5, "status")


@test("status: 255 of the payload is passed on without a word")
def status_255(case):
    container = case.container(case.bundle().script("exit 255"))
    result = container.run()
    expect_equal((result.status, result.err, container.log()), (255, b"", []), "status, stderr, log")


@test("status: 1")
def status_1(case):
    expect_equal(case.run(case.bundle("/bin/false")).status, 1, "status")


@test("status: death by SIGSEGV is 139")
def segfault(case):
    expect_equal(case.run(case.bundle("/bin/probe", "segfault")).status, 139, "status")
