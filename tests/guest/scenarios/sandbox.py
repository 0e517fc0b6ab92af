# SPDX-License-Identifier: Apache-2.0
"""A pod's sandbox container: the command line of any other, and no machine."""
import os

from suite import expect, expect_equal, expect_in, test

_kAnnotations = {"containerd": ("io.kubernetes.cri.container-type", "sandbox"),
                 "CRI-O": ("io.kubernetes.cri-o.ContainerType", "sandbox")}


def _sandbox(case, engine="containerd"):
    bundle = case.bundle("/pause")
    key, value = _kAnnotations[engine]
    bundle.config["annotations"] = {key: value}
    return case.container(bundle, name="pod")


def _descriptors(pid):
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]


def _namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


for _engine in _kAnnotations:
    @test(f"sandbox: as {_engine} asks for it, it is a container without a machine, and TERM ends it with 0", vm_only=True)
    def life(case, engine=_engine):
        pod = _sandbox(case, engine).created()
        expect_equal(pod.state()["status"], "created", "state")
        pod.must("start", "pod")
        expect_equal(pod.state()["status"], "running", "state")
        expect(not any("kvm" in name for name in _descriptors(pod.pid)), "it has a machine")
        expect_equal({name for name in _descriptors(pod.pid) if name.startswith("/")}, {"/dev/null", str(pod.log_path)},
                     "files of the host that it has open")
        for kind in ("net", "ipc", "uts", "mnt"):
            expect(_namespace(pod.pid, kind) != _namespace("self", kind), f"it shares the host's {kind} namespace")
        pod.must("kill", "pod", "TERM")
        expect_equal(pod.wait(), 0, "status")
        expect_equal(pod.state()["status"], "stopped", "state")
        pod.must("delete", "pod")


@test("sandbox: another container of the pod runs in a machine, and is in the sandbox's network namespace", vm_only=True)
def pod(case):
    pod = _sandbox(case).started()
    bundle = case.bundle().script("sleep 1000")
    for namespace in bundle.linux["namespaces"]:
        if namespace["type"] in ("network", "ipc", "uts"):
            namespace["path"] = f"/proc/{pod.pid}/ns/{namespace['type'].replace('network', 'net')}"
    member = case.container(bundle, name="member").started()
    expect_equal(_namespace(member.pid, "net"), _namespace(pod.pid, "net"), "network namespace")
    expect(any("kvm" in name for name in _descriptors(member.pid)), "the member has no machine")
    member.must("delete", "--force", "member")
    pod.must("delete", "--force", "pod")


@test("sandbox: nothing is executed in it, KILL ends it with 137, pause and a second start are as ever", vm_only=True)
def refused(case):
    pod = _sandbox(case).started()
    result = pod.command("exec", "pod", "true")
    expect_equal(result.status, 255, "status of exec")
    expect_in("a sandbox container has no machine to do that in", result.error, "stderr")
    expect(pod.command("start", "pod").status != 0, "it was started twice")
    expect(pod.command("events", "--stats", "pod").status != 0, "it has stats")
    pod.must("pause", "pod")
    expect_equal(pod.state()["status"], "paused", "state")
    pod.must("resume", "pod")
    pod.must("kill", "pod", "KILL")
    expect_equal(pod.wait(), 137, "status")
    pod.must("delete", "pod")


@test("sandbox: killed before it is started, it ends by that signal", vm_only=True)
def killed_before_start(case):
    pod = _sandbox(case).created()
    pod.must("kill", "pod", "TERM")
    expect_equal(pod.wait(), 143, "status")
    pod.must("delete", "pod")
