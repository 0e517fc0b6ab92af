# SPDX-License-Identifier: Apache-2.0
"""The memory of a machine: what its payload does not use any more is the host's again, and how it runs out."""
import pathlib
import re

import suite
from executed import kWait, shell, test, until
from suite import expect, expect_equal, expect_in

_kMib = 1 << 20
_kCgroup = "/krun-guest-memory"


def _pss(container):
    """Of the container process, in bytes: the guest's memory and the process's own."""
    with open(f"/proc/{container.pid}/smaps_rollup", encoding="ascii") as text:
        return int(re.search(r"^Pss: +(\d+) kB", text.read(), re.M).group(1)) * 1024


@test("memory: what a payload has freed is the host's again", vm_only=True)
def given_back(case):
    bundle = case.bundle().privileged().script(kWait)
    bundle.tmpfs("/mnt", "mode=755")
    container = case.container(bundle).started()
    before = _pss(container)
    expect_equal(shell(container, "dd if=/dev/zero of=/mnt/much bs=1M count=200 2>/dev/null").status, 0, "dd")
    peak = _pss(container)
    expect(peak - before > 190 * _kMib, f"200 MiB written, and the process grew by {peak - before} bytes")
    expect_equal(shell(container, "rm /mnt/much").status, 0, "rm")
    until(lambda: _pss(container) < before + 40 * _kMib, "200 MiB that were freed are the host's again", timeout=60)


@test("memory: a lower limit gives the host back what files in the payload's cache took", vm_only=True)
def lower_limit(case):
    bundle = case.bundle().script(kWait)
    bundle.linux["resources"] = {"memory": {"limit": 512 * _kMib}}
    with open(bundle.root / "much", "wb") as file:
        for _ in range(200):
            file.write(bytes(range(256)) * 4096)
    container = case.container(bundle).started()
    before = _pss(container)
    expect_equal(shell(container, "cat /much >/dev/null").status, 0, "cat")
    peak = _pss(container)
    expect(peak - before > 190 * _kMib, f"200 MiB read, and the process grew by {peak - before} bytes")
    container.must("update", "--memory", "64m", container.name)
    until(lambda: _pss(container) < before + 80 * _kMib, "what the cache lost is the host's again", timeout=60)


@test("memory: the balloon comes when the payload has run for a while", vm_only=True)
def balloon_comes(case):
    drivers = "/sys/bus/virtio/drivers/virtio_balloon"
    bundle = case.bundle().script(f"ls {drivers} | grep -c ^virtio; {kWait}")
    bundle.config["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]})
    container = case.container(bundle).started()
    container.wait_for_output(b"0\n")
    until(lambda: shell(container, f"ls {drivers} | grep -c ^virtio").text == "1\n", "the driver has its device")


def _host_kills():
    events = pathlib.Path(f"/sys/fs/cgroup{_kCgroup}/memory.events").read_text(encoding="ascii")
    return int(re.search(r"^oom_kill (\d+)$", events, re.M).group(1))


def _hungry(case, limit, text="x=x; while :; do x=$x$x; done"):
    bundle = case.bundle().script(text)
    bundle.linux["cgroupsPath"] = _kCgroup
    bundle.linux["resources"] = {"memory": {"limit": limit * _kMib}}
    return case.container(bundle).started()


@suite.test("memory: a payload at its limit is killed, and the host's kernel says so to engines")
def at_its_limit(case):
    for limit in (64, 256):
        container = _hungry(case, limit)
        expect_equal(container.wait(), 137, f"status at a limit of {limit} MiB")
        expect(_host_kills() > 0, f"oom_kill in memory.events at a limit of {limit} MiB")
        if case.is_vm:
            expect_in("its program ended with status 137; the guest ran out of memory: ",
                      container.must("evidence", container.name).text, "evidence")
        container.must("delete", container.name)
