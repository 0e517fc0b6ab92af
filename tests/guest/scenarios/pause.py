# SPDX-License-Identifier: Apache-2.0
"""pause and resume: what waits, what does not, and what time it is afterwards."""
import time

from executed import detached, execute, foreground, reap, running, test, until
from suite import expect, expect_equal, expect_in


@test("pause: the machine stands still, is not executed into, can be killed, and goes on where it was")
def stands_still(case):
    container = running(case, "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done")
    container.wait_for_output(b"2\n")
    container.must("pause", container.name)
    expect_equal(container.state()["status"], "paused", "state")
    before = container.out_path.read_bytes()
    time.sleep(1)
    expect_equal(container.out_path.read_bytes(), before, "output while paused")
    result = execute(container, container.name, "true")
    expect(result.status != 0, "exec into a paused container")
    expect_in("cannot exec in a paused container" if case.is_vm else "is paused", result.error, "stderr")
    container.must("resume", container.name)
    expect_equal(container.state()["status"], "running", "state")
    until(lambda: container.out_path.read_bytes() != before, "output after resume")
    container.must("pause", container.name)
    container.must("kill", container.name, "KILL")
    expect_equal(container.wait(), 137, "status")


@test("pause: TERM waits until the container goes on")
def term(case):
    container = case.container(case.bundle("/bin/probe", "signals")).started().wait_for_output(b"ready\n")
    container.must("pause", container.name)
    container.must("kill", container.name, "TERM")
    time.sleep(0.5)
    expect_equal(container.state()["status"], "paused", "state")
    expect_equal(container.out_path.read_bytes(), b"ready\n", "output while paused")
    container.must("resume", container.name)
    expect_equal(container.wait(), 7, "status")
    expect_equal(container.out_path.read_bytes(), b"ready\nsignal 15\n", "output")


@test("pause: exec --ignore-paused waits until the container goes on", vm_only=True)
def ignore_paused(case):
    container = running(case)
    container.must("pause", container.name)
    process = foreground(container, "--ignore-paused", container.name, "/bin/sh", "-c", "exit 6")
    time.sleep(1)
    expect_equal(process.poll(), None, "status while paused")
    container.must("resume", container.name)
    expect_equal(process.wait(30), 6, "status")


def _clock_offset(container):
    """Seconds by which the container's clock is before the host's: the best of some answers, each of which is late."""
    answers = []
    for _ in range(4):
        theirs = int(execute(container, container.name, "/bin/probe", "clock").out)
        answers.append(theirs - time.time_ns())
    return max(answers) / 1e9


@test("pause: three seconds of it do not set the container's clock back")
def clock(case):
    container = running(case)
    before = _clock_offset(container)
    container.must("pause", container.name)
    time.sleep(3)
    container.must("resume", container.name)
    after = _clock_offset(container)
    expect(abs(after - before) < 0.5, f"the clock was off by {before:.3f} s, then by {after:.3f} s")


@test("pause: killed, a container takes what stands for its executed processes with it, and can be deleted")
def killed_while_paused(case):
    container = running(case)
    proxy = detached(container, container.name, "/bin/sleep", "1000")
    container.must("pause", container.name)
    container.must("kill", container.name, "KILL")
    expect_equal(container.wait(), 137, "status")
    expect_equal(reap(proxy), (0, 9), "the process that stands for the executed one")
    container.must("delete", container.name)


@test("pause: delete --force ends all of a paused container")
def deleted_while_paused(case):
    container = running(case)
    detached(container, container.name, "/bin/sleep", "1000")
    container.must("pause", container.name)
    container.must("delete", "--force", container.name)


@test("pause: SIGSTOP is refused meanwhile, as it could not be taken back", vm_only=True)
def stop_while_paused(case):
    container = running(case)
    container.must("pause", container.name)
    result = container.command("kill", container.name, "STOP")
    expect(result.status != 0, "it was stopped")
    expect_in("cannot stop a paused container", result.error, "stderr")
    container.must("resume", container.name)
    container.must("delete", "--force", container.name)
