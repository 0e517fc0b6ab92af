# SPDX-License-Identifier: Apache-2.0
"""update and events: limits that change while a container runs, and what it uses of them."""
import json
import subprocess

from executed import execute, running, test
from suite import expect, expect_equal, expect_in

_kMiB = 1 << 20
_kCgroup = "/sys/fs/cgroup/krun-guest-limits"
_kWait = "while :; do sleep 1; done"


def _limited_bundle(case, text, memory=256 * _kMiB):
    """A payload that sees its cgroup, with two processors' worth of quota."""
    bundle = case.bundle().script(text)
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]})
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.linux["cgroupsPath"] = _kCgroup[len("/sys/fs/cgroup"):]
    bundle.linux["resources"] = {"memory": {"limit": memory}, "cpu": {"quota": 200000, "period": 100000}}
    return bundle


def _limited(case, text=_kWait, **changes):
    return case.container(_limited_bundle(case, text, **changes)).started()


def _inside(container, name):
    return execute(container, container.name, "cat", f"/sys/fs/cgroup/{name}").text.strip()


def _outside(name):
    with open(f"{_kCgroup}/{name}") as file:
        return file.read().strip()


@test("update: a limit changes in the host's cgroup and in the payload's, and the others stay")
def update(case):
    container = _limited(case)
    container.must("update", "--memory", "128m", "--pids-limit", "50", container.name)
    expect_equal(_inside(container, "memory.max"), str(128 * _kMiB), "memory.max inside")
    expect_equal(_inside(container, "pids.max"), "50", "pids.max inside")
    expect_equal(_inside(container, "cpu.max"), "200000 100000", "cpu.max inside")
    outside = int(_outside("memory.max"))
    expect(128 * _kMiB <= outside < 256 * _kMiB, f"memory.max outside is {outside}")
    expect_equal(_outside("cpu.max"), "200000 100000", "cpu.max outside")


@test("update: --resources - reads the limits from standard input, as containerd gives them")
def update_from_stdin(case):
    container = _limited(case)
    resources = {"cpu": {"quota": 50000, "period": 100000, "shares": 512}}
    result = container.command("update", "--resources=-", container.name, stdin=json.dumps(resources).encode())
    expect_equal((result.status, result.out, result.err), (0, b"", b""), "result")
    expect_equal(_inside(container, "cpu.max"), "50000 100000", "cpu.max inside")
    expect_equal(_outside("cpu.max"), "50000 100000", "cpu.max outside")
    expect_equal(_inside(container, "memory.max"), str(256 * _kMiB), "memory.max inside")


@test("update: memory and swap together change the swap alone, on both sides")
def update_swap(case):
    container = _limited(case)
    before = _outside("memory.max")
    container.must("update", "--memory-swap", "384m", container.name)
    expect_equal(_outside("memory.max"), before, "memory.max outside")
    expect_equal(_outside("memory.swap.max"), str(128 * _kMiB), "memory.swap.max outside")
    expect_equal(_inside(container, "memory.max"), str(256 * _kMiB), "memory.max inside")
    expect_equal(_inside(container, "memory.swap.max"), str(128 * _kMiB), "memory.swap.max inside")


@test("update: a created container has the new limit when it starts")
def update_created(case):
    container = case.container(_limited_bundle(case, "cat /sys/fs/cgroup/pids.max")).created()
    container.must("update", "--pids-limit=77", container.name)
    container.must("start", container.name)
    expect_equal(container.wait(), 0, "status")
    expect_in(b"77", container.out_path.read_bytes(), "output")


@test("update: memory and processors that the machine does not have are refused, and nothing changes", vm_only=True)
def growth(case):
    container = _limited(case)
    for flags, words in ((("--memory", "512m", "--pids-limit", "9"), "memory.limit: the machine has 256 MiB"),
                         (("--cpu-quota", "900000"), "cpu.quota: the machine has ")):
        result = container.command("update", *flags, container.name)
        expect_equal((result.status, result.out), (1, b""), "result")
        expect_in(words, result.error, "stderr")
        expect_in("cannot get more while it runs", result.error, "stderr")
    expect_equal(_inside(container, "memory.max"), str(256 * _kMiB), "memory.max inside")
    expect_equal(_inside(container, "pids.max"), "max", "pids.max inside")


@test("update: of a limit that the guest refuses the host's part is taken back", vm_only=True)
def taken_back(case):
    container = _limited(case)
    before = _outside("cpu.weight")
    resources = {"cpu": {"shares": 2}, "unified": {"memory.oom.group": "7"}}
    result = container.command("update", "-r", "-", container.name, stdin=json.dumps(resources).encode())
    expect_equal(result.status, 1, "status")
    expect_in("memory.oom.group", result.error, "stderr")
    expect_equal(_outside("cpu.weight"), before, "cpu.weight outside")


@test("update: a paused container is refused, a stopped one is not running")
def update_state(case):
    container = _limited(case)
    if case.is_vm:
        container.must("pause", container.name)
        result = container.command("update", "--pids-limit", "5", container.name)
        expect_in("cannot update a container that is paused", result.error, "stderr")
        container.must("resume", container.name)
    container.must("kill", container.name, "KILL")
    container.wait()
    expect(container.command("update", "--pids-limit", "5", container.name).status != 0, "a stopped one was updated")


@test("events: --stats counts what the payload uses, and beside it the whole machine", vm_only=True)
def stats(case):
    container = _limited(case, "dd if=/dev/zero of=/dev/shm/file bs=1M count=40 2>/dev/null; echo filled; " + _kWait)
    container.wait_for_output(b"filled\n")
    lines = container.must("events", "--stats", container.name).text.splitlines()
    expect_equal(len(lines), 1, "lines")
    event = json.loads(lines[0])
    expect_equal((event["type"], event["id"]), ("stats", container.name), "event")
    data = event["data"]
    memory = data["memory"]["usage"]
    expect(40 * _kMiB <= memory["usage"] < 60 * _kMiB, f"memory {memory}")
    expect_equal(memory["limit"], 256 * _kMiB, "memory limit")
    expect(memory["usage"] <= memory["max"], f"memory {memory}")
    expect(2 <= data["pids"]["current"] <= 3, f"pids {data['pids']}")
    expect(data["cpu"]["usage"]["total"] > 0, f"cpu {data['cpu']}")
    machine = data["machine"]
    expect(machine["memory"]["usage"]["usage"] > memory["usage"], f"machine {machine}")
    expect(machine["cpu"]["usage"]["total"] > data["cpu"]["usage"]["total"], f"machine {machine}")


@test("events: runs until the container ends, and tells of each process that had no memory left", vm_only=True)
def out_of_memory(case):
    hungry = "sh -c 'x=x; while :; do x=$x$x; done'; echo again; sleep 3; sh -c 'x=x; while :; do x=$x$x; done'; sleep 3"
    container = _limited(case, "sleep 2; " + hungry, memory=128 * _kMiB)
    with subprocess.Popen(container.argv("events", "--interval", "500ms", container.name), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as events:
        out, err = events.communicate(timeout=90)
    container.wait()
    expect_equal((events.returncode, err), (0, b""), "how events ended")
    found = [json.loads(line)["type"] for line in out.splitlines()]
    expect_equal(found.count("oom"), 2, f"oom events of {found}")
    expect(found.count("stats") >= 3, f"stats events of {found}")


@test("events: a container that has ended is not running")
def ended(case):
    container = running(case, "exit 0")
    container.wait()
    result = container.command("events", "--stats", container.name)
    expect(result.status != 0, "it had stats")
    expect_in("not running", result.error, "stderr")
