# SPDX-License-Identifier: Apache-2.0
"""What time it is in the container: as on the host, from the start and whatever happens to machine and clock."""
import contextlib
import os
import signal
import subprocess
import time

from suite import expect, expect_equal, test

_kSecond = 1_000_000_000
_kSoon = 0.1  # seconds that a clock may be off, at most a second after what set it back


class _Clocks:
    """A container whose program answers each byte with its clocks."""

    def __init__(self, case):
        bundle = case.bundle("/bin/probe", "tell-time")
        self.container = case.container(bundle)
        words = self.container.argv("run", "--pid-file", self.container.pid_path, "--bundle", bundle.write(), "box")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _once(self):
        before = time.time_ns()
        self.process.stdin.write(b"?")
        self.process.stdin.flush()
        real, mono = (int(word) for word in self.process.stdout.readline().split())
        after = time.time_ns()
        return after - before, real - (before + after) // 2, mono

    def offset(self):
        """Seconds by which the container's clock is ahead of the host's: by the quickest of some answers."""
        return min(self._once() for _ in range(8))[1] / _kSecond

    def monotonic(self):
        return self._once()[2] / _kSecond


@contextlib.contextmanager
def _clocks(case):
    clocks = _Clocks(case)
    try:
        clocks.offset()  # it runs
        yield clocks
    finally:
        clocks.process.stdin.close()
        clocks.process.wait(30)
        clocks.process.stdout.close()


@test("clock: a program's first look shows the host's time")
def at_start(case):
    with _clocks(case) as clocks:
        offset = clocks.offset()
        expect(abs(offset) < 0.02, f"off by {offset:.4f} s")


def _stopped_for(case, seconds, stop, go_on):
    """(what the clock was off afterwards, how far CLOCK_MONOTONIC went meanwhile)."""
    with _clocks(case) as clocks:
        before = clocks.monotonic()
        stop(clocks.container)
        time.sleep(seconds)
        go_on(clocks.container)
        time.sleep(0.5)
        return clocks.offset(), clocks.monotonic() - before


@test("clock: pause and resume leave it right, and the monotonic clock goes on meanwhile")
def pause(case):
    offset, passed = _stopped_for(case, 3, lambda one: one.must("pause", one.name),
                                  lambda one: one.must("resume", one.name))
    expect(abs(offset) < _kSoon, f"off by {offset:.4f} s")
    expect(3 <= passed < 30, f"CLOCK_MONOTONIC went on by {passed:.3f} s")


@test("clock: SIGSTOP and SIGCONT of the container process leave it right", vm_only=True)
def stop(case):
    offset, passed = _stopped_for(case, 3, lambda one: os.kill(one.pid, signal.SIGSTOP),
                                  lambda one: os.kill(one.pid, signal.SIGCONT))
    expect(abs(offset) < _kSoon, f"off by {offset:.4f} s")
    expect(3 <= passed < 30, f"CLOCK_MONOTONIC went on by {passed:.3f} s")


@test("clock: it follows the host's when that is set, as after a suspend")
def host_set(case):
    with _clocks(case) as clocks:
        for step in (7, -7):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
            time.sleep(1)
            offset = clocks.offset()
            expect(abs(offset) < _kSoon, f"off by {offset:.4f} s after {step} s")
