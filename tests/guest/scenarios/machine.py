# SPDX-License-Identifier: Apache-2.0
"""The machine around the payload: its kernel, its CPUs and its memory."""
import os
import re

from report import ask
from suite import Skip, expect, expect_equal, expect_in, test

_kQuestions = {
    "release": "uname -r",
    "cpuinfo": "cat /proc/cpuinfo",
    "cpus": "nproc",
    "memory": "cat /proc/meminfo",
    "command line": "cat /proc/cmdline",
    "clock": "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
    "seconds": "date +%s 2>/dev/null || stat -c %Y /tmp",
    "random": "head -c 16 /dev/urandom | wc -c; cat /sys/class/misc/hw_random/rng_current",
}


def _guest_kernel_release():
    path = os.environ.get("KRUN_OCI_KERNEL")
    if not path:
        raise Skip("KRUN_OCI_KERNEL names no kernel to compare with")
    with open(path, "rb") as kernel:
        return re.search(rb"Linux version (\S+) ", kernel.read()).group(1).decode()


def _mebibytes(report):
    return int(report.field("memory", "MemTotal").split()[0]) // 1024


def _annotated(case):
    bundle = case.bundle()
    bundle.config["annotations"] = {"krun.cpus": "2", "krun.ram_mib": "384"}
    bundle.linux["resources"] = {"memory": {"limit": 512 << 20}, "cpu": {"quota": 100000, "period": 100000}}
    return ask(case, bundle, _kQuestions)


def _limited(case):
    bundle = case.bundle()
    bundle.linux["resources"] = {"memory": {"limit": 320 << 20}, "cpu": {"quota": 150000, "period": 100000}}
    return ask(case, bundle, _kQuestions)


@test("machine: uname shows the guest kernel's release, not the host's", vm_only=True)
def release(case):
    found = case.once(_annotated)["release"]
    expect_equal(found, _guest_kernel_release(), "release")
    expect(found != os.uname().release, "the host runs the same release: the test says nothing")


@test("machine: /proc/cpuinfo has the hypervisor flag", vm_only=True)
def hypervisor(case):
    expect_in("hypervisor", case.once(_annotated).field("cpuinfo", "flags").split(), "flags")


@test("machine: krun.cpus decides the number of CPUs, whatever the quota", vm_only=True)
def cpus_annotation(case):
    expect_equal(case.once(_annotated)["cpus"], "2", "CPUs")


@test("machine: krun.ram_mib decides the memory, whatever the limit", vm_only=True)
def ram_annotation(case):
    size = _mebibytes(case.once(_annotated))
    expect(300 <= size <= 384, f"{size} MiB")


@test("machine: a CPU quota of 1.5 gives 2 CPUs, if the host has as many", vm_only=True)
def cpus_quota(case):
    expect_equal(case.once(_limited)["cpus"], str(min(2, len(os.sched_getaffinity(0)))), "CPUs")


@test("machine: a memory limit becomes the size of the memory", vm_only=True)
def ram_limit(case):
    size = _mebibytes(case.once(_limited))
    expect(240 <= size <= 320, f"{size} MiB")


@test("machine: it has a random source", vm_only=True)
def random(case):
    expect_equal(case.once(_limited)["random"].split(), ["16", "virtio_rng.0"], "bytes and source")


@test("machine: a cpuset of one gives 1 CPU, and without limits the memory is the documented default", vm_only=True)
def cpuset(case):
    bundle = case.bundle()
    bundle.linux["resources"] = {"cpu": {"cpus": "0"}}
    report = ask(case, bundle, {"cpus": "nproc", "memory": "cat /proc/meminfo"})
    expect_equal(report["cpus"], "1", "CPUs")
    expect(900 <= _mebibytes(report) <= 1024, f"{_mebibytes(report)} MiB")


@test("machine: a bad annotation is an error that names it", vm_only=True)
def bad_annotation(case):
    for key, value in (("krun.cpus", "many"), ("krun.cpus", "-1"), ("krun.ram_mib", "12x"), ("krun.ram_mib", "-5")):
        bundle = case.bundle()
        bundle.config["annotations"] = {key: value}
        result = case.container(bundle, "bad").run()
        expect(result.status != 0, f"{key}={value} was accepted")
        expect_in(key, result.error, "stderr")
