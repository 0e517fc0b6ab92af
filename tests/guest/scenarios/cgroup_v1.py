# SPDX-License-Identifier: Apache-2.0
"""A computer with cgroup v1, alone or with an empty v2 beside it: one cgroup in each hierarchy instead of one."""
import json
import os
import subprocess

from executed import detached, kWait, running, test
from podman_client import kReference, image, podman
from suite import expect, expect_equal, expect_in

_kMiB = 1 << 20
_kRoot = "/sys/fs/cgroup"
_kPlace = "krun-guest-v1/box"
_kEstablished = {"blkio", "cpu,cpuacct", "cpuset", "freezer", "memory", "pids", "systemd"}  # older runtimes know no others


def _v1(name, **options):
    return test(name, cgroup_v1=True, **options)


def _bundle(case, **resources):
    bundle = case.bundle().script(kWait)
    bundle.linux["cgroupsPath"] = "/" + _kPlace
    bundle.linux["resources"] = {"memory": {"limit": 256 * _kMiB}} | resources
    return bundle


def _end(container):
    """The place's parent is the test's: no runtime takes away what a path names on the way."""
    container.discard()
    for hierarchy in os.listdir(_kRoot):
        parent = f"{_kRoot}/{hierarchy}/{os.path.dirname(_kPlace)}"
        if os.path.isdir(parent):
            os.rmdir(parent)


def _file(name, place=_kPlace):
    controller = {"cpu": "cpu,cpuacct", "cpuacct": "cpu,cpuacct"}.get(name.split(".")[0], name.split(".")[0])
    with open(f"{_kRoot}/{controller}/{place}/{name}", encoding="ascii") as file:
        return file.read().strip()


def _places(pid):
    """{controllers: path}, of the hierarchies that are mounted."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        lines = [line.split(":", 2) for line in file.read().splitlines()]
    mounted = set(os.listdir(_kRoot))
    names = {"": "unified", "name=systemd": "systemd"}
    return {names.get(controllers, controllers): path for _, controllers, path in lines
            if names.get(controllers, controllers) in mounted}


@_v1("cgroup v1: the container process and what stands for executed ones are in a cgroup of every hierarchy")
def everywhere(case):
    container = case.container(_bundle(case)).started()
    proxy = detached(container, container.name, "/bin/sleep", "1000")
    places = _places(container.pid)
    elsewhere = [name for name, path in places.items() if path != "/" + _kPlace]
    expect(case.is_vm and not elsewhere or not set(elsewhere) & _kEstablished, f"not in the container's cgroup of {elsewhere}")
    expect(_kEstablished <= set(places), f"hierarchies {places}")
    expect_equal(_places(proxy), places, "places of the process that stands for the executed one")
    listed = json.loads(container.must("ps", "--format", "json", container.name).text)
    if case.is_vm:
        expect_equal(sorted(listed), sorted([container.pid, proxy]), "ps")
    container.must("delete", "--force", container.name)
    left = [hierarchy for hierarchy in places if os.path.exists(f"{_kRoot}/{hierarchy}/{_kPlace}")]
    expect_equal(left, [], "hierarchies with a cgroup left")
    _end(container)


@_v1("cgroup v1: limits are the files that crun writes, and memory has room for the machine")
def limits(case):
    cpu = {"shares": 512, "quota": 150000, "period": 50000, "cpus": "0", "mems": "0"}
    memory = {"limit": 256 * _kMiB, "swap": 512 * _kMiB, "reservation": 64 * _kMiB}

    def written(runtime):
        bundle = _bundle(case, memory=memory, cpu=cpu)
        container = case.container(bundle, runtime=runtime).started()
        names = ("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpuset.cpus", "cpuset.mems",
                 "memory.soft_limit_in_bytes")
        files = {name: _file(name) for name in names}
        sizes = [int(_file(name)) for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")]
        _end(container)
        return files, sizes

    wanted, exact = written(kReference)
    expect_equal(exact, [256 * _kMiB, 512 * _kMiB], "crun's limits")
    files, sizes = written(case.lab.runtime)
    expect_equal(files, wanted, "files, compared with crun")
    for size, limit in zip(sizes, exact):
        expect(limit <= size <= limit + (64 * _kMiB if case.is_vm else 0), f"memory {sizes}")


@_v1("cgroup v1: a paused container is frozen as engines look for it, and a killed one does not stay so")
def frozen(case):
    container = case.container(_bundle(case)).started()
    expect_equal(_file("freezer.state"), "THAWED", "freezer.state")
    container.must("pause", container.name)
    expect_equal(_file("freezer.state"), "FROZEN", "freezer.state")
    expect_equal(container.state()["status"], "paused", "state")
    container.must("resume", container.name)
    expect_equal((_file("freezer.state"), container.state()["status"]), ("THAWED", "running"), "after resume")
    proxy = detached(container, container.name, "/bin/sleep", "1000")
    container.must("pause", container.name)
    if case.lab.name == "runc":  # says that it is running still
        container.must("resume", container.name)
    container.must("delete", "--force", container.name)
    expect(not os.path.exists(f"/proc/{proxy}/ns/mnt"), "the process that stood for the executed one lives")
    _end(container)


@_v1("cgroup v1: update changes memory and swap in the order that the kernel takes, up and down")
def update(case):
    container = case.container(_bundle(case, memory={"limit": 256 * _kMiB, "swap": 256 * _kMiB})).started()
    room = int(_file("memory.limit_in_bytes")) - 256 * _kMiB

    def changed(memory, swap):
        container.must("update", "--memory", memory * _kMiB, "--memory-swap", swap * _kMiB, container.name)
        expect_equal([int(_file("memory.limit_in_bytes")), int(_file("memory.memsw.limit_in_bytes"))],
                     [memory * _kMiB + room, swap * _kMiB + room], f"limits for {memory} and {swap} MiB")

    changed(128, 160)
    changed(200, 256)
    container.must("update", "--cpu-quota", "30000", "--cpu-period", "60000", "--cpu-share", "300", container.name)
    expect_equal((_file("cpu.cfs_quota_us"), _file("cpu.cfs_period_us"), _file("cpu.shares")), ("30000", "60000", "300"), "cpu")
    _end(container)


@_v1("cgroup v1: of a limit that the guest refuses the host's part is taken back", vm_only=True)
def taken_back(case):
    container = case.container(_bundle(case)).started()
    before = _file("cpu.shares")
    resources = {"cpu": {"shares": 3}, "unified": {"memory.oom.group": "7"}}
    result = container.command("update", "-r", "-", container.name, stdin=json.dumps(resources).encode())
    expect_equal(result.status, 1, "status")
    expect_in("memory.oom.group", result.error, "stderr")
    expect_equal(_file("cpu.shares"), before, "cpu.shares")
    _end(container)


@_v1("cgroup v1: events count what the machine uses", vm_only=True)
def stats(case):
    container = case.container(_bundle(case, cpu={"quota": 100000, "period": 100000})).started()
    data = json.loads(container.must("events", "--stats", container.name).text)["data"]
    machine = data["machine"]
    expect(machine["memory"]["usage"]["usage"] > data["memory"]["usage"]["usage"], f"memory {machine}")
    expect(256 * _kMiB < machine["memory"]["usage"]["limit"] < 400 * _kMiB, f"memory {machine}")
    expect(machine["cpu"]["usage"]["total"] > data["cpu"]["usage"]["total"] > 0, f"cpu {machine}")
    expect(machine["cpu"]["throttling"]["periods"] > 0, f"throttling {machine}")
    _end(container)


def _refused(case, words, **resources):
    container = case.container(_bundle(case, **resources))
    result = container.run()
    expect_equal(result.status, 1, "status")
    expect_equal(len(result.error.splitlines()), 1, f"lines of {result.error!r}")
    for word in words:
        expect_in(word, result.error, "stderr")
    left = [name for name in os.listdir(_kRoot) if os.path.exists(f"{_kRoot}/{name}/{_kPlace}")]
    expect_equal(left, [], "hierarchies with a cgroup left")
    _end(container)


@_v1("cgroup v1: a limit that the kernel refuses, and one that it has not, say so and leave no cgroup", vm_only=True)
def refused(case):
    _refused(case, ["cpuset.cpus", "4000"], cpu={"cpus": "4000"})
    _refused(case, ["io.max", "this host's cgroup v1 has no controller"], unified={"io.max": "8:0 rbps=1048576"})


@_v1("cgroup v1: a cgroup that a process is in already is refused, and stays", vm_only=True)
def in_use(case):
    path = f"{_kRoot}/freezer/{_kPlace}"
    os.makedirs(path)
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write(str(sleeper.pid))
        container = case.container(_bundle(case))
        result = container.run()
        expect_equal(result.status, 1, "status")
        expect_in("is in use", result.error, "stderr")
        with open(f"{path}/cgroup.procs", encoding="ascii") as procs:
            expect_equal(procs.read().split(), [str(sleeper.pid)], "members")
        sleeper.kill()
    os.rmdir(path)
    _end(container)


@_v1("cgroup v1: check names the version", vm_only=True)
def check(case):
    container = running(case)
    rows = {row["subject"]: row for row in json.loads(container.must("check", "--json").text)}
    expect_equal(rows["cgroup"]["verdict"], "ok", f"{rows['cgroup']}")
    expect_in("v1", rows["cgroup"]["text"], "text")


@_v1("cgroup v1: podman runs, pauses, counts and stops as with crun", needs=image)
def with_podman(case):
    flags = ("--cgroup-manager=cgroupfs",)

    def seen(runtime):
        run = podman(case, runtime, "run", "--rm", "--network=none", "--memory=128m", "--cpus=0.5", "--pids-limit=100",
                     "IMAGE", "sh", "-c", "echo inside; exit 42", flags=flags)
        name = podman(case, runtime, "run", "-d", "--network=none", "--memory=128m", "IMAGE", "/bin/probe", "signals",
                      flags=flags).stdout.decode().strip()
        paused = podman(case, runtime, "pause", name, flags=flags)
        state = podman(case, runtime, "inspect", "--format", "{{.State.Status}}", name, flags=flags).stdout
        resumed = podman(case, runtime, "unpause", name, flags=flags)
        executed = podman(case, runtime, "exec", name, "sh", "-c", "exit 5", flags=flags)
        stopped = podman(case, runtime, "stop", name, flags=flags)
        status = podman(case, runtime, "wait", name, flags=flags).stdout
        removed = podman(case, runtime, "rm", name, flags=flags)
        return (run.returncode, run.stdout, paused.returncode, state, resumed.returncode, executed.returncode,
                stopped.returncode, status, removed.returncode)

    wanted = seen(kReference)
    expect_equal(wanted[:4], (42, b"inside\n", 0, b"paused\n"), "crun's")
    expect_equal(seen(case.lab.runtime), wanted, "compared with crun")


@test("cgroup v1: a scope of systemd's has the container's place in every hierarchy, and limits", systemd=True, cgroup_v1=True)
def scope(case):
    bundle = _bundle(case, cpu={"shares": 512, "cpus": "0"})
    bundle.linux["cgroupsPath"] = "krun.slice:test:box"
    container = case.container(bundle)
    plain = container.argv
    container.argv = lambda *words: [container.runtime, *(["--systemd-cgroup"] if words[0] == "create" else []), *plain(*words)[1:]]
    container.started()
    place = "krun.slice/test-box.scope"
    expect_equal(set(_places(container.pid).values()), {f"/{place}"}, "places")
    expect_equal((_file("cpu.shares", place), _file("cpuset.cpus", place)), ("512", "0"), "limits")
    expect(256 * _kMiB < int(_file("memory.limit_in_bytes", place)) < 400 * _kMiB, "memory")
    container.must("pause", container.name)
    expect_equal(_file("freezer.state", place), "FROZEN", "freezer.state")
    container.must("delete", "--force", container.name)
    left = [name for name in os.listdir(_kRoot) if os.path.exists(f"{_kRoot}/{name}/{place}")]
    expect_equal(left, [], "hierarchies with a cgroup left")
