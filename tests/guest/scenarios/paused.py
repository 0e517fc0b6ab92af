# SPDX-License-Identifier: Apache-2.0
"""The end of a container that is paused."""
from scenarios.exec import _detached, _reap, _running
from suite import expect, expect_equal, expect_in, test


@test("paused: killed, it takes what stands for its executed processes with it, and can be deleted")
def killed(case):
    container = _running(case)
    proxy = _detached(container, container.name, "/bin/sleep", "1000")
    container.must("pause", container.name)
    container.must("kill", container.name, "KILL")
    expect_equal(container.wait(), 137, "status")
    expect_equal(_reap(proxy), (0, 9), "the process that stands for the executed one")
    container.must("delete", container.name)


@test("paused: delete --force ends all of it")
def deleted(case):
    container = _running(case)
    _detached(container, container.name, "/bin/sleep", "1000")
    container.must("pause", container.name)
    container.must("delete", "--force", container.name)


@test("paused: SIGSTOP is refused, as it could not be taken back", vm_only=True)
def stopped(case):
    container = _running(case)
    container.must("pause", container.name)
    result = container.command("kill", container.name, "STOP")
    expect(result.status != 0, "it was stopped")
    expect_in("cannot stop a paused container", result.error, "stderr")
    container.must("resume", container.name)
    container.must("delete", "--force", container.name)
