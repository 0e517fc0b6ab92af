# SPDX-License-Identifier: Apache-2.0
"""check and evidence where they mean something: beside a real guest."""
import json

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
    expect_in("panic", text.split("guest kernel: ")[0], "the reason")
    expect_in("  ", text.split("guest kernel: its last words\n")[1], "the kernel's words")
    expect_in("sysrq", text.lower(), "the kernel's words")
    container.must("delete", container.name)
