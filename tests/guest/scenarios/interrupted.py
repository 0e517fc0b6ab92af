# SPDX-License-Identifier: Apache-2.0
"""Commands that are killed half way: what they began goes, or `delete --force` clears it."""
import os
import signal
import subprocess
import time

from suite import expect, expect_equal, test


def _killed_after(case, seconds):
    container = case.container(case.bundle("/bin/sleep", "1000"))
    words = container.argv("create", "--bundle", container.bundle.write(), "--pid-file", container.pid_path, "box")
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    result = container.command("delete", "--force", "box")
    expect_equal(result.status, 0, f"status of delete --force ({result.error!r})")
    expect_equal(case.left_behind(), [], "containers")


@test("interrupted: create killed early, then delete --force")
def early(case):
    _killed_after(case, 0.05)


@test("interrupted: create killed while the guest boots, then delete --force")
def late(case):
    _killed_after(case, 1.0)


@test("interrupted: SIGTERM during `run` reaches the payload, whose status run returns")
def run_terminated(case):
    container = case.container(case.bundle("/bin/probe", "signals"))
    words = container.argv("run", "--bundle", container.bundle.write(), "box")
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    expect_equal(process.stdout.read(6), b"ready\n", "first line")
    process.send_signal(signal.SIGTERM)
    expect_equal(process.stdout.read(), b"signal 15\n", "second line")
    expect(process.wait(30) == 7, f"status {process.returncode}")
