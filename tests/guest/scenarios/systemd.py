# SPDX-License-Identifier: Apache-2.0
"""A computer that systemd manages: the container's cgroup is a scope of it. podman asks for that by default."""
import subprocess
import time

from clients import comparing
from podman_client import kReference, image, podman
from suite import expect, expect_equal, expect_in, test

_kMiB = 1 << 20
_kCgroups = "/sys/fs/cgroup"


def _unit(name, *properties):
    """What systemd says of a unit: {property: text}."""
    done = subprocess.run(["systemctl", "show", name, "--property", ",".join(properties)], stdout=subprocess.PIPE, check=True)
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines())


def _exists(name):
    return _unit(name, "LoadState")["LoadState"] != "not-found"


def _until_gone(name):
    end = time.monotonic() + 15
    while _exists(name):
        expect(time.monotonic() < end, f"{name} is still there")
        time.sleep(0.1)


class _Scoped:
    """A container under `krun-oci --systemd-cgroup`, in krun.slice."""

    def __init__(self, case, script="while :; do sleep 1; done", **linux):
        bundle = case.bundle().script(script)
        bundle.linux.update(cgroupsPath="krun.slice:test:box", **linux)
        self.bundle = bundle
        self.container = case.container(bundle)
        self.container.argv = self._with_flag(self.container.argv)

    @staticmethod
    def _with_flag(argv):
        """The flag stands before `create` alone: engines leave it out of every later command."""
        def changed(*words):
            out = argv(*words)
            return [out[0], "--systemd-cgroup", *out[1:]] if words[0] in ("create", "run") else out
        return changed


@test("systemd: the container is born in a scope that has its limits, and the scope goes with it", systemd=True)
def scope(case):
    scoped = _Scoped(case, resources={"memory": {"limit": 256 * _kMiB}, "cpu": {"quota": 50000, "period": 100000, "shares": 512}})
    scoped.bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "uint64 7"}
    container = scoped.container.started()
    with open(f"/proc/{container.pid}/cgroup") as file:
        expect_equal(file.read().strip(), "0::/krun.slice/test-box.scope", "cgroup")
    unit = _unit("test-box.scope", "Slice", "Delegate", "MemoryMax", "CPUWeight", "CPUQuotaPerSecUSec", "TimeoutStopUSec",
                 "CollectMode", "TasksMax")
    memory = int(unit.pop("MemoryMax"))
    expect(256 * _kMiB <= memory <= 384 * _kMiB, f"MemoryMax {memory}")
    wanted = {"Slice": "krun.slice", "Delegate": "yes", "CPUWeight": "20", "CPUQuotaPerSecUSec": "500ms",
              "TimeoutStopUSec": "7s", "CollectMode": "inactive-or-failed", "TasksMax": "infinity"}
    expect_equal(unit, wanted, "properties")
    with open(f"{_kCgroups}/krun.slice/test-box.scope/memory.max") as file:
        expect_equal(int(file.read()), memory, "memory.max")
    container.must("kill", container.name, "KILL")
    container.wait()
    container.must("delete", container.name)
    _until_gone("test-box.scope")


@test("systemd: limits that update changed are still there after systemd has reloaded", systemd=True)
def update(case):
    scoped = _Scoped(case, resources={"memory": {"limit": 256 * _kMiB}})
    container = scoped.container.started()
    container.must("update", "--memory", "128m", "--cpu-quota", "20000", container.name)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    unit = _unit("test-box.scope", "MemoryMax", "CPUQuotaPerSecUSec")
    expect(int(unit["MemoryMax"]) < 256 * _kMiB, f"MemoryMax {unit}")
    expect_equal(unit["CPUQuotaPerSecUSec"], "200ms", "CPUQuota")
    with open(f"{_kCgroups}/krun.slice/test-box.scope/cpu.max") as file:
        expect_equal(file.read().split(), ["20000", "100000"], "cpu.max")
    container.must("delete", "--force", container.name)


@test("systemd: stopping the scope ends the payload as its own signal handler decides", systemd=True)
def stopped_by_systemd(case):
    scoped = _Scoped(case)
    scoped.bundle.process["args"] = ["/bin/probe", "signals"]
    container = scoped.container.started().wait_for_output(b"ready\n")
    subprocess.run(["systemctl", "stop", "test-box.scope"], check=True)
    expect_equal(container.wait(), 7, "status")
    expect_in(b"signal 15\n", container.out_path.read_bytes(), "output")
    container.must("delete", container.name)


@test("systemd: pause, exec and a forced delete work in a scope", systemd=True)
def in_scope(case):
    container = _Scoped(case).container.started()
    container.must("pause", container.name)
    expect_equal(container.state()["status"], "paused", "state")
    container.must("resume", container.name)
    expect_equal(container.command("exec", container.name, "/bin/sh", "-c", "exit 3").status, 3, "status of exec")
    container.must("delete", "--force", container.name)
    _until_gone("test-box.scope")


@test("systemd: bad names and annotations are refused and leave nothing", systemd=True)
def refused(case):
    scoped = _Scoped(case)
    for path, words in (("/absolute", "must be SLICE:PREFIX:NAME"), ("krun.slice:test:a/b", "must be a unit's name")):
        scoped.bundle.linux["cgroupsPath"] = path
        result = scoped.container.run()
        (scoped.bundle.path / "config.json").unlink()
        expect_equal(result.status, 1, f"status with {path}")
        expect_in(words, result.error, "stderr")
    scoped.bundle.linux["cgroupsPath"] = "krun.slice:test:box"
    scoped.bundle.config["annotations"] = {"org.systemd.property.NoSuchThing": "1"}
    result = scoped.container.run()
    expect_equal(result.status, 1, "status")
    expect_in("test-box.scope: systemd StartTransientUnit:", result.error, "stderr")
    expect_in("NoSuchThing", result.error, "stderr")
    expect(not _exists("test-box.scope"), "a scope is left")


@test("systemd: without systemd's bus create says so, and leaves nothing", systemd=True)
def no_bus(case):
    scoped = _Scoped(case)
    done = subprocess.run(["unshare", "--mount", "sh", "-c",
                           'mount -t tmpfs none /run/systemd && mount -t tmpfs none /run/dbus && exec "$@"', "sh",
                           *scoped.container.argv("run", "--bundle", scoped.bundle.write(), "box")],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
    expect_equal((done.returncode, done.stdout), (1, b""), "result")
    expect_in(b"connect to systemd", done.stderr, "stderr")


@test("systemd: podman with its own cgroup manager runs, execs, limits and stops as with crun", systemd=True, needs=image)
def podman_default(case):

    def seen(runtime):
        run = podman(case, runtime, "run", "--rm", "--network=none", "--memory=128m", "--cpus=0.5", "IMAGE", "sh", "-c",
                     "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; exit 42")
        name = podman(case, runtime, "run", "-d", "--network=none", "IMAGE", "/bin/probe", "signals").stdout.decode().strip()
        inside = podman(case, runtime, "exec", name, "sh", "-c", "echo inside; exit 5")
        scope = _unit(f"libpod-{name}.scope", "Slice", "ActiveState", "Delegate")
        stopped = podman(case, runtime, "stop", name)
        status = podman(case, runtime, "wait", name).stdout
        podman(case, runtime, "rm", name)
        _until_gone(f"libpod-{name}.scope")
        return (run.returncode, run.stdout, inside.returncode, inside.stdout, scope, stopped.returncode, status)

    wanted = seen(kReference)
    expect_equal(wanted[:2], (42, b"134217728\n50000 100000\n"), "crun's status and limits")
    expect_equal(seen(case.lab.runtime), wanted, "compared with crun")


@test("systemd: podman play kube of a pod with several containers shows what it shows with crun", systemd=True, needs=image)
def played(case):
    rows = comparing.compare(case, comparing.scenario_called("podman: play kube"))
    expect_equal([f"{row.name}: crun {row.wanted}, ours {row.found}" for row in rows if not row.same], [], "differences")
    expect_in("status 0", rows[0].wanted, "crun's play kube")
