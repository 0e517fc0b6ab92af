# SPDX-License-Identifier: Apache-2.0
"""What takes long: a container that is executed into as health checks do it, for as long as one likes."""
import os
import time

from executed import kWait, running, shell, test, until
from memory import private_kib_beyond_ram
from suite import expect, expect_equal

_kRamMib = 192
# What the allocators of the container process and of the guest's kernel may keep more of.
_kMaxPrivateGrowthKib = 256
_kMaxGuestGrowthKib = 4096


def _container(case):
    bundle = case.bundle().script(kWait)
    bundle.linux["resources"] = {"memory": {"limit": _kRamMib << 20}}
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                    "options": ["nosuid", "nodev", "noexec", "ro"]})
    return case.container(bundle).started()


def _cgroup(container):
    with open(f"/proc/{container.pid}/cgroup", encoding="ascii") as file:
        return "/sys/fs/cgroup" + file.read().strip().partition("::")[2]


def _counts(case, container):
    """What has to be the same after as many executed processes as one likes."""
    processes, cgroups = map(int, shell(
        container, "ls -d /proc/[0-9]* | wc -l; find /sys/fs/cgroup -type d | wc -l").text.split())
    with open(f"{_cgroup(container)}/cgroup.procs", encoding="ascii") as procs:
        on_host = len(procs.read().split())
    return {"descriptors": len(os.listdir(f"/proc/{container.pid}/fd")),
            "threads": len(os.listdir(f"/proc/{container.pid}/task")),
            "processes": on_host, "processes in the guest": processes,
            "cgroups": len(list(os.walk("/sys/fs/cgroup"))), "cgroups in the guest": cgroups,
            "state files": sorted(str(path) for path in case.state.rglob("*"))}


def _guest_kib(container):
    """Memory that the guest could not give to another process."""
    lines = dict(line.split(":") for line in shell(container, "cat /proc/meminfo").text.splitlines())
    total, available = (int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return total - available


class _Footprint:
    def __init__(self, case, container):
        self.counts = _counts(case, container)
        self.private_kib = private_kib_beyond_ram(container.pid, _kRamMib)
        self.guest_kib = _guest_kib(container)


def _execute_each_second(container, end):
    """Until `end` on the monotonic clock, without catching up with what came late; returns how many."""
    count = 0
    while (now := time.monotonic()) < end:
        expect_equal(shell(container, f"echo {count}").text, f"{count}\n", "output")
        count += 1
        time.sleep(max(0.0, now + 1 - time.monotonic()))
    return count


@test("soak: a container that is executed into each second does not grow", vm_only=True, slow=True)
def soak(case):
    seconds = float(os.environ.get("KRUN_SOAK_SECONDS", "600"))
    container = _container(case)
    begin = time.monotonic()
    _execute_each_second(container, begin + seconds / 10)
    first = _Footprint(case, container)
    count = _execute_each_second(container, begin + seconds)
    # The last connection may be just ending.
    until(lambda: _counts(case, container) == first.counts, f"what there was after a tenth: {first.counts}")
    last = _Footprint(case, container)
    print(f"# soak: {count} processes; private memory beyond guest RAM {first.private_kib} -> {last.private_kib} KiB, "
          f"guest {first.guest_kib} -> {last.guest_kib} KiB, {last.counts['descriptors']} descriptors", flush=True)
    expect(last.private_kib - first.private_kib <= _kMaxPrivateGrowthKib,
           f"private memory beyond guest RAM went from {first.private_kib} to {last.private_kib} KiB")
    expect(last.guest_kib - first.guest_kib <= _kMaxGuestGrowthKib,
           f"the guest's memory went from {first.guest_kib} to {last.guest_kib} KiB")


@test("soak: each of the 256 exit codes of exec", slow=True)
def codes(case):
    container = running(case)
    for code in range(256):
        expect_equal(shell(container, f"exit {code}").status, code, f"status of exit {code}")
