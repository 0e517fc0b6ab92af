# SPDX-License-Identifier: Apache-2.0
"""check and evidence where they mean something: beside a real guest."""
import json
import os
import pathlib
import signal
import subprocess

from executed import running, test
from suite import expect, expect_equal, expect_in


@test("check: a host that runs containers has nothing missing", vm_only=True)
def check(case):
    result = case.container(case.bundle()).command("check", "--json")
    expect_equal((result.status, result.err), (0, b""), f"how it ended ({result.text})")
    found = {one["subject"]: one for one in json.loads(result.out)}
    for subject in ("kvm", "speed", "kernel", "state"):
        expect(found[subject]["verdict"] in ("ok", "warning"), f"{found[subject]}")
    expect_equal(found["kvm"]["verdict"], "ok", "kvm")
    expect_equal(found["cgroup"]["verdict"], "ok", f"cgroup: {found['cgroup']}")


@test("check: a kernel that cannot redirect frames is told, with what to load", vm_only=True)
def check_redirection(case):
    def tap():
        found = json.loads(case.container(case.bundle()).command("check", "--json").out)
        return next(one for one in found if one["subject"] == "tap")
    loader = pathlib.Path("/proc/sys/kernel/modprobe")
    before = loader.read_text()
    subprocess.run(["modprobe", "-r", "cls_u32", "cls_matchall", "act_skbedit", "act_mirred"], check=False)
    loader.write_text("/bin/false")
    try:
        got = tap()
    finally:
        loader.write_text(before)
    expect_equal((got["verdict"], "modprobe" in got["remedy"]), ("warning", True), f"what it says ({got})")
    got = tap()
    expect_equal((got["verdict"], got["text"]), ("ok", "an interface can be handed to a guest"), "what it says when they can be loaded")


@test("evidence: of a running container it is what its kernel says", vm_only=True)
def of_running(case):
    container = running(case)
    text = container.must("evidence", container.name).text
    expect_in(f"container: {container.name}, running\n", text, "evidence")
    expect_in("end: it has not ended\n", text, "evidence")


@test("evidence: of a guest that panicked it is the reason and the panic", vm_only=True)
def of_panic(case):
    bundle = case.bundle().privileged().script("echo c >/proc/sysrq-trigger; sleep 100")
    container = case.container(bundle).started()
    expect_equal(container.wait(), 255, "status")
    text = container.must("evidence", container.name).text
    expect_in(f"container: {container.name}, stopped\n", text, "evidence")
    expect_in("end: the guest's kernel panicked; its last words: ", text, "the reason")
    words, machine = text.split("guest kernel: its last words\n")[1].split("machine state: when it ended\n")
    expect_in("sysrq", words.lower(), "the kernel's words")
    for part in ("  exit: guest CPU ", "  registers: rip=", "  device console: acknowledged,driver,features,running",
                 "  device vsock: ", "  request LOOKUP of node "):
        expect_in(part, machine, "the machine's state")
    container.must("delete", container.name)


def _evidence(case, bundle, status):
    container = case.container(bundle).started()
    expect_equal(container.wait(90), status, "status")
    text = container.must("evidence", container.name).text
    log = container.log()
    container.must("delete", container.name)
    return text, log


@test("evidence: a kernel without memory is told from one that panicked otherwise", vm_only=True)
def of_kernel_out_of_memory(case):
    bundle = case.bundle().privileged().script(
        "echo 1 >/proc/sys/vm/panic_on_oom; cat /dev/zero >/fill/file; exit 0")
    bundle.tmpfs("/fill", "size=4g")
    bundle.config["annotations"] = {"krun.ram_mib": "192"}
    text, log = _evidence(case, bundle, 255)
    expect_in("end: the guest's kernel ran out of memory; ", text, "evidence")
    expect_in("the guest's kernel ran out of memory; ", " ".join(log), "log")


@test("evidence: a program that the guest killed for want of memory is told from one that was killed", vm_only=True)
def of_program_out_of_memory(case):
    bundle = case.bundle("/bin/probe", "fill-memory")
    bundle.config["annotations"] = {"krun.ram_mib": "192"}
    text, log = _evidence(case, bundle, 137)
    expect_in("end: its program ended with status 137; the guest ran out of memory: ", text, "evidence")
    expect_in("Killed process", " ".join(log), "log")


@test("evidence: a container process that was killed is told from one that the host had no memory for", vm_only=True)
def of_killed(case):
    container = running(case)
    os.kill(container.pid, signal.SIGKILL)
    expect_equal(container.wait(), 137, "status")
    expect_in("end: its container process was killed from outside\n", container.must("evidence", container.name).text,
              "evidence")
    container.must("delete", container.name)


@test("evidence: a container process that the host killed for want of memory", vm_only=True)
def of_host_out_of_memory(case):
    bundle = case.bundle().script("while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /dev/zero >/fill/file; sleep 100")
    bundle.tmpfs("/fill", "size=4g")
    container = case.container(bundle).started()
    record = json.loads((container.state_directory / container.name / "state.json").read_text())
    (pathlib.Path(record["cgroups"][""]) / "memory.max").write_text("150M")
    container.must("exec", container.name, "/bin/touch", "/tmp/go")
    expect_equal(container.wait(90), 137, "status")
    expect_in("end: the host killed it for want of memory (oom_kill ", container.must("evidence", container.name).text,
              "evidence")
    container.must("delete", container.name)


@test("evidence: of a program that ended it is its status", vm_only=True)
def of_ended(case):
    text, log = _evidence(case, case.bundle().script("exit 3"), 3)
    expect_in("end: its program ended with status 3\n", text, "evidence")
    expect_equal(log, [], "log")
