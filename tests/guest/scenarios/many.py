# SPDX-License-Identifier: Apache-2.0
"""Many containers: at once, and one after the other."""
import os
import time

from executed import shell
from suite import expect, expect_equal, test

_kAtOnce = 100
_kRunsInARow = int(os.environ.get("KRUN_SOAK_RUNS", "500"))


def _small(case):
    """A bundle with the least memory that a machine may have."""
    bundle = case.bundle().script("echo ready; exec sleep 100000")
    bundle.linux["resources"] = {"memory": {"limit": 128 << 20}}
    return bundle


@test("soak: a hundred containers at once are created, started, executed into, listed, killed and deleted", slow=True)
def at_once(case):
    bundle = _small(case)
    containers = [case.container(bundle, name=f"box{number}") for number in range(_kAtOnce)]
    for container in containers:
        container.started()
    listed = containers[0].must("list", "--quiet").text.split()
    expect_equal(sorted(listed), sorted(container.name for container in containers), "list")
    for container in containers:
        container.wait_for_output(b"ready\n")
        expect_equal(shell(container, f"echo {container.name}").text, container.name + "\n", "output of exec")
    for container in containers:
        container.must("kill", container.name, "KILL")
    for container in containers:
        expect_equal(container.wait(), 137, "status")
        container.must("delete", container.name)


def _counters():
    """Of the host: what a container must not leave more of, and memory that cannot be had."""
    with open("/proc/sys/fs/file-nr") as files:
        opened = int(files.read().split()[0])
    with open("/proc/meminfo") as meminfo:
        lines = dict(line.split(":") for line in meminfo)
    kib = {name: int(lines[name].split()[0]) for name in ("SUnreclaim", "KernelStack", "Committed_AS")}
    return {"cgroups": len(list(os.walk("/sys/fs/cgroup"))), "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
            "open files": opened, **kib}


# What the kernel itself may keep more of, KiB or descriptors: it frees in batches.
_kSlack = {"cgroups": 0, "processes": 2, "open files": 256, "SUnreclaim": 8192, "KernelStack": 256, "Committed_AS": 16384}


@test("soak: five hundred runs in a row leave no counter of the host higher", slow=True)
def in_a_row(case):
    bundle = _small(case).script("exit 3")
    container = case.container(bundle)

    def run(count):
        for _ in range(count):
            expect_equal(container.run().status, 3, "status")
        time.sleep(5)  # for what the kernel frees later
        return _counters()

    first = run(max(10, _kRunsInARow // 10))
    last = run(_kRunsInARow)
    print(f"# {_kRunsInARow} runs: {first} -> {last}", flush=True)
    for name, slack in _kSlack.items():
        expect(last[name] - first[name] <= slack, f"{name} went from {first[name]} to {last[name]}")
