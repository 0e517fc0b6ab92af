# SPDX-License-Identifier: Apache-2.0
"""Many containers: at once, and one after the other. They are part of `hack/test soak`."""
import concurrent.futures
import os
import re
import time

import census
from executed import shell, test
from suite import expect, expect_equal

_kAtOnce = int(os.environ.get("KRUN_SOAK_CONTAINERS", "100"))
_kInARow = int(os.environ.get("KRUN_SOAK_RUNS", "500"))
_kTogether = 2  # commands at a time
_kRamMib = 64
_kWarmUp = 20  # runs, until the caches of the host's kernel have what a run needs


def _small(case):
    bundle = case.bundle("/bin/sleep", "100000")
    bundle.linux["resources"] = {"memory": {"limit": _kRamMib << 20}}
    return bundle


def _lines(path):
    with open(path, encoding="ascii") as file:
        return len(file.read().splitlines())


def _kib(path, name):
    with open(path, encoding="ascii") as file:
        return int(re.search(rf"^{name}: +(\d+) kB", file.read(), re.M)[1])


def _counters(case):
    """What is to be the same afterwards."""
    census.reap()
    return {"processes": len(list(filter(str.isdigit, os.listdir("/proc")))) - _kernel_threads(),
            "descriptors": len(os.listdir("/proc/self/fd")), "mounts": _lines("/proc/self/mountinfo"),
            "cgroups": len(list(os.walk("/sys/fs/cgroup"))), "sockets": _lines("/proc/net/unix"),
            "state": sorted(map(str, case.state.rglob("*"))) if case.state.exists() else []}


def _kernel_threads():
    """The kernel's workers come and go."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                count += int(stat.read().rsplit(")", 1)[1].split()[6]) >> 21 & 1  # PF_KTHREAD
        except (FileNotFoundError, ProcessLookupError):
            pass
    return count


def _timed(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def _median(values):
    return sorted(values)[len(values) // 2]


def _each(containers, action):
    """Seconds that each took."""
    with concurrent.futures.ThreadPoolExecutor(_kTogether) as pool:
        return list(pool.map(lambda one: _timed(lambda: action(one)), containers))


def _report_creation(seconds):
    tenth = max(1, len(seconds) // 10)
    print(f"# soak: {len(seconds)} containers, {_kTogether} commands at a time; create took {_median(seconds[:tenth]):.1f} s for the "
          f"first tenth, {_median(seconds[-tenth:]):.1f} s for the last, {max(seconds):.1f} s at most", flush=True)


@test("soak: a hundred containers at once are created, run, are executed into and go, and leave the counters as they were",
      slow=True)
def at_once(case):
    before = _counters(case)
    bundle = _small(case)  # one root file system for all, as an image's would be
    bundle.write()
    containers = [case.container(bundle, name=f"box{number}") for number in range(_kAtOnce)]
    _report_creation(_each(containers, lambda one: one.created()))
    _each(containers, lambda one: one.must("start", one.name))
    pss = [_kib(f"/proc/{one.pid}/smaps_rollup", "Pss") for one in containers]
    print(f"# soak: {_median(pss) / 1024:.1f} MiB of memory for each of {len(pss)} (Pss, median; {max(pss) / 1024:.1f} at most), with a "
          f"machine of {_kRamMib} MiB", flush=True)
    states = {one.state()["status"] for one in containers}
    expect_equal(states, {"running"}, "states")
    for number in (0, len(containers) // 2, len(containers) - 1):
        expect_equal(shell(containers[number], "echo $((6 * 7))").text, "42\n", "output of an executed process")
    _each(containers, lambda one: one.must("kill", one.name, "KILL"))
    for one in containers:
        expect_equal(one.wait(), 137, f"status of {one.name}")
    _each(containers, lambda one: one.must("delete", one.name))
    after = _counters(case)
    expect_equal(after, before | {"state": after["state"]}, "counters")
    expect_equal(case.left_behind(), [], "containers")


@test("soak: five hundred runs in a row all end well, and leave the counters as they were", slow=True)
def in_a_row(case):
    bundle = case.bundle("/bin/true")
    bundle.linux["resources"] = {"memory": {"limit": _kRamMib << 20}}
    bundle.write()
    seconds, first = [], None
    for number in range(_kInARow):
        container = case.container(bundle, name="box")
        seconds.append(_timed(lambda one=container: expect_equal(one.run().status, 0, f"status of run {number}")))
        if number + 1 == min(_kWarmUp, _kInARow // 2):
            first, slab = _counters(case), _kib("/proc/meminfo", "SUnreclaim")
    grown = _kib("/proc/meminfo", "SUnreclaim") - slab
    print(f"# soak: {len(seconds)} runs of {_median(seconds):.1f} s, the last tenth {_median(seconds[-max(1, len(seconds) // 10):]):.1f} s; "
          f"the kernel's own memory grew by {grown} KiB", flush=True)
    expect_equal(_counters(case), first, "counters")
    expect(grown < 64 * len(seconds), f"the kernel's own memory grew by {grown} KiB")
