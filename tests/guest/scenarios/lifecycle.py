# SPDX-License-Identifier: Apache-2.0
"""create, start, state, kill, delete and list, and what each refuses."""
import datetime
import json
import os
import pathlib
import signal
import stat
import subprocess
import time

import executed
from suite import expect, expect_equal, expect_in, test


def _refused(container, words, text):
    """The command fails with 1 and names `text` on stderr and in the log's last message."""
    result = container.command(*words)
    expect_equal(result.status, 1, f"status of {words[0]}")
    expect_in(text, result.error, f"stderr of {words[0]}")
    expect_in(text, container.log()[-1], f"log of {words[0]}")


def _signals(case):
    bundle = case.bundle("/bin/probe", "signals")
    bundle.config["annotations"] = {"org.example.key": "value", "empty": ""}
    return case.container(bundle)


@test("lifecycle: create, start, kill and delete, with state right at every step")
def whole_life(case):
    container = _signals(case).created()
    state = container.state()
    expect_equal((state["id"], state["status"], state["pid"]), ("box", "created", container.pid), "state")
    expect_equal(state["bundle"], str(container.bundle.path), "bundle")
    expect_equal(state["annotations"], container.bundle.config["annotations"], "annotations")
    expect(state["ociVersion"].startswith("1."), f"ociVersion {state['ociVersion']}")
    moment = datetime.datetime.fromisoformat(state["created"][:19] + "+00:00").timestamp()
    expect(abs(moment - time.time()) < 120 and state["created"].endswith("Z"), f"created {state['created']}")
    container.must("start", "box")
    container.wait_for_output(b"ready\n")
    expect_equal((container.state()["status"], container.state()["pid"]), ("running", container.pid), "state")
    container.must("kill", "box")
    expect_equal(container.wait(), 7, "the container process's status: the payload's own")
    expect_equal(container.out_path.read_bytes(), b"ready\nsignal 15\n", "stdout")
    expect_equal((container.state()["status"], container.state()["pid"]), ("stopped", 0), "state")
    container.must("delete", "box")
    result = container.command("state", "box")
    expect_equal(result.status, 1, "status of state after delete")
    if case.is_vm:
        expect_in('container "box" does not exist', result.error, "stderr of state after delete")


@test("lifecycle: the container process has the OOM score and, in a UTS namespace of its own, the names of config.json")
def host_attributes(case):
    bundle = case.bundle("/bin/sleep", "60")
    bundle.process["oomScoreAdj"] = -17
    bundle.config["domainname"] = "example.org"
    container = case.container(bundle).created()
    expect_equal(pathlib.Path(f"/proc/{container.pid}/oom_score_adj").read_text(), "-17\n", "OOM score")
    seen = subprocess.run(["nsenter", "--target", str(container.pid), "--uts", "cat", "/proc/sys/kernel/hostname",
                           "/proc/sys/kernel/domainname"], stdout=subprocess.PIPE, check=True).stdout
    expect_equal(seen, b"box\nexample.org\n", "names in the UTS namespace")
    container.must("delete", "box")
    container.wait()
    expect(os.uname().nodename != "box", "the host has been renamed")


@test("lifecycle: kill delivers any signal, by number and by name")
def any_signal(case):
    container = _signals(case).started().wait_for_output(b"ready\n")
    sent = [("1", 1), ("HUP", 1), ("SIGUSR1", 10), ("28", 28), ("37", 37), ("64", 64), ("3", 3), ("13", 13)]
    if case.is_vm:  # crun knows names in capitals only
        sent += [("usr2", 12), ("sigint", 2)]
    for word, number in sent:
        container.must("kill", "box", word)
        container.wait_for_output(f"signal {number:02}\n".encode())
    container.must("kill", "box", "SIGTERM")
    expect_equal(container.wait(), 7, "status")
    expect_equal(container.out_path.read_bytes().count(b"signal"), len(sent) + 1, "signals seen")
    container.must("delete", "box")


@test("lifecycle: kill KILL ends the payload, the container process says 137")
def kill_kill(case):
    container = _signals(case).started().wait_for_output(b"ready\n")
    container.must("kill", "box", "KILL")
    expect_equal(container.wait(), 137, "status")
    container.must("delete", "box")


@test("lifecycle: a signal to the container process itself reaches the payload")
def raw_kill(case):
    container = _signals(case).started().wait_for_output(b"ready\n")
    # The established runtimes' container process is the payload: a relay is the same seen from here.
    os.kill(container.pid, signal.SIGUSR1)
    container.wait_for_output(b"signal 10\n")
    os.kill(container.pid, signal.SIGTERM)
    expect_equal(container.wait(), 7, "status")
    container.must("delete", "box")


@test("lifecycle: every signal there is reaches the payload when it is sent to the container process itself")
def raw_kill_of_every_signal(case):
    container = _signals(case).started().wait_for_output(b"ready\n")
    # The payload's libc keeps 32 and 33 to itself; TERM ends this payload.
    unheard = {signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, 32, 33}
    for number in set(range(1, 65)) - unheard:
        os.kill(container.pid, number)
        container.wait_for_output(f"signal {number:02}\n".encode())
    for _ in range(20):  # the runtime's own threads use this one among themselves
        os.kill(container.pid, 34)
    deadline = time.monotonic() + 30
    while (count := container.out_path.read_bytes().count(b"signal 34\n")) < 21 and time.monotonic() < deadline:
        time.sleep(0.1)
    expect_equal(count, 21, "each of them and the first")
    for number in (32, 33):  # without a handler nothing comes of them: the payload is PID 1
        os.kill(container.pid, number)
    os.kill(container.pid, signal.SIGTERM)
    expect_equal(container.wait(), 7, "status")
    container.must("delete", "box")


@test("lifecycle: kill --all reaches the payload, its child and an executed process")
def kill_everything(case):
    container = case.container(case.bundle().script("probe signals & exec probe signals")).started()
    output = container.out_path.with_suffix(".signals")
    with open(output, "wb") as out:
        pid = executed.detached(container, "box", "/bin/probe", "signals", stdout=out)

    def lines():
        return container.out_path.read_bytes().split(b"\n"), output.read_bytes().split(b"\n")

    executed.until(lambda: [each.count(b"ready") for each in lines()] == [2, 1], "three processes that are ready")
    container.must("kill", "--all", "box", "USR1")
    executed.until(lambda: [each.count(b"signal 10") for each in lines()] == [2, 1], "the signal in all three")
    os.kill(pid, signal.SIGTERM)
    expect_equal(executed.reap(pid), (7, 0), "end of the executed process")
    container.must("delete", "--force", "box")
    expect_equal(container.wait(), 137, "status")


@test("lifecycle: kill of a created container ends it; its payload never ran")
def kill_created(case):
    container = _signals(case).created()
    container.must("kill", "box", "KILL")
    expect_equal(container.wait(), 137, "status")
    expect_equal(container.state()["status"], "stopped", "state")
    expect_equal(container.out_path.read_bytes(), b"", "stdout")
    container.must("delete", "box")


@test("lifecycle: delete of a created container succeeds")
def delete_created(case):
    container = _signals(case).created()
    container.must("delete", "box")
    expect_equal(container.wait(), 137, "status")


@test("lifecycle: a running container refuses a second start and a delete; delete --force ends it")
def running_refusals(case):
    container = _signals(case).started().wait_for_output(b"ready\n")
    expect(container.command("start", "box").status != 0, "the second start succeeded")
    result = container.command("delete", "box")
    expect(result.status != 0, "delete succeeded")
    if case.is_vm:
        expect_in("cannot delete container box that is not stopped: running", result.error, "stderr of delete")
    expect_equal(container.state()["status"], "running", "state")
    again = case.container(case.bundle(), "box")
    result = again.create()
    expect(result.status != 0, "a second container got the same id")
    expect(not again.pid_path.exists() or again.pid == container.pid, "the second create wrote a pid file")
    if case.is_vm:
        expect_in("container with given ID already exists", result.error, "stderr of create")
    container.must("delete", "--force", "box")
    expect_equal(container.wait(), 137, "status")


@test("lifecycle: a stopped container refuses kill, in the words engines look for")
def stopped_refusals(case):
    container = case.container(case.bundle("/bin/true")).started()
    expect_equal(container.wait(), 0, "status")
    result = container.command("kill", "box", "KILL")
    expect(result.status != 0, "kill of a stopped container succeeded")
    if case.is_vm:
        _refused(container, ["kill", "box", "TERM"], "container not running")
        _refused(container, ["start", "box"], "cannot start a container that is stopped")
        container.must("kill", "--all", "box", "KILL")
    container.must("delete", "box")


@test("lifecycle: an unknown container does not exist, for every command; delete --force does not mind")
def unknown(case):
    container = case.container(case.bundle(), "nobody")
    for words in (["state", "nobody"], ["start", "nobody"], ["kill", "nobody"], ["delete", "nobody"]):
        result = container.command(*words)
        expect(result.status != 0, f"{words[0]} succeeded")
        if case.is_vm:
            expect_in('container "nobody" does not exist', result.error, f"stderr of {words[0]}")
    result = container.command("delete", "--force", "nobody")
    expect_equal(result.status, 0, "status of delete --force")


@test("lifecycle: the pid file is decimal digits and nothing else")
def pid_file(case):
    container = _signals(case).created()
    text = container.pid_path.read_text()
    expect(text.isdigit(), f"pid file {text!r}")
    info = container.pid_path.stat()
    expect(stat.S_ISREG(info.st_mode), "the pid file is no regular file")
    # It re-parents to the nearest subreaper, this process, and leads a session of its own.
    fields = open(f"/proc/{text}/stat").read().rsplit(")", 1)[1].split()
    expect_equal((int(fields[1]), int(fields[3])), (os.getpid(), int(text)), "parent and session")
    container.must("delete", "--force", "box")


@test("lifecycle: list shows every container, as JSON and as ids", vm_only=True)
def listing(case):
    one = _signals(case)
    expect_equal(json.loads(one.must("list", "--format", "json").out), [], "list without containers")
    one.created()
    two = case.container(case.bundle("/bin/true"), "second").started()
    two.wait()
    found = {each["id"]: (each["status"], each["pid"]) for each in json.loads(one.must("list", "-f", "json").out)}
    expect_equal(found, {"box": ("created", one.pid), "second": ("stopped", 0)}, "list")
    expect_equal(one.must("list", "-q").text, "box\nsecond\n", "list -q")
    header = one.must("list").text.splitlines()[0].split()
    expect_equal(header, "ID PID STATUS BUNDLE CREATED OWNER".split(), "header")
    for each in (one, two):
        each.must("delete", "--force", each.name)


@test("lifecycle: the container process is in the container's cgroup and namespaces, under its limits")
def placement(case):
    bundle = case.bundle("/bin/sleep", "1000")
    bundle.linux["cgroupsPath"] = "/krun-guest-test/box"
    bundle.linux["resources"] = {"memory": {"limit": 512 << 20}, "pids": {"limit": 100},
                                 "cpu": {"shares": 2048, "quota": 200000, "period": 100000}}
    container = case.container(bundle).started()
    with open(f"/proc/{container.pid}/cgroup") as cgroup:
        path = cgroup.read().strip().split("::")[1]
    expect(path.startswith("/krun-guest-test/box"), f"cgroup {path}")
    directory = "/sys/fs/cgroup/krun-guest-test/box"
    expect_equal(open(f"{directory}/cpu.max").read().split(), ["200000", "100000"], "cpu.max")
    if not case.is_vm:
        expect_equal(open(f"{directory}/pids.max").read().strip(), "100", "pids.max")
    for kind in ("net", "uts", "ipc", "mnt"):
        theirs, ours = (os.readlink(f"/proc/{who}/ns/{kind}") for who in (container.pid, "self"))
        expect(theirs != ours, f"the container process shares this process's {kind} namespace")
    container.must("delete", "--force", "box")
    container.wait()
    expect(not os.path.exists(directory), f"{directory} is left")
    if os.path.exists("/sys/fs/cgroup/krun-guest-test"):
        os.rmdir("/sys/fs/cgroup/krun-guest-test")


@test("lifecycle: of the host's files the container process has open only what it serves, its own state and the log", vm_only=True)
def open_files(case):
    container = case.container(case.bundle("/bin/sleep", "1000")).started()
    names = [os.readlink(f"/proc/{container.pid}/fd/{number}") for number in os.listdir(f"/proc/{container.pid}/fd")]
    own = f"{case.state}/{container.name}"
    streams = [str(path) for path in (container.log_path, container.out_path, container.err_path)]
    for name in names:
        if name.startswith("/sys/fs/cgroup") or (name.startswith(str(case.directory)) and name not in streams):
            expect(name == own or name.startswith(own + "/"), f"it has {name} open")
    container.must("delete", "--force", container.name)
    container.wait()


@test("lifecycle: hooks run on the host with the state on stdin", vm_only=True)
def hooks(case):
    bundle = case.bundle("/bin/true")
    seen = case.directory / "seen"
    def hook(name):
        return [{"path": "/bin/sh", "args": ["sh", "-c", f"(echo '{name} '; cat) | tr -d '\\n' >>{seen}; echo >>{seen}"],
                 "env": ["PATH=/bin"]}]
    bundle.config["hooks"] = {name: hook(name) for name in ("createRuntime", "poststart", "poststop")}
    container = case.container(bundle).started()
    container.wait()
    container.must("delete", "box")
    lines = [line.split(" ", 1) for line in seen.read_text().splitlines()]
    expect_equal([line[0] for line in lines], ["createRuntime", "poststart", "poststop"], "hooks")
    for name, text in lines:
        expect_equal(json.loads(text)["id"], "box", f"id in the state of {name}")
    expect_equal(json.loads(lines[0][1])["pid"], container.pid, "pid in the state of createRuntime")


@test("lifecycle: a createContainer hook runs in the container's network, IPC and UTS namespaces")
def create_container_hook(case):
    bundle = case.bundle("/bin/true")
    seen = case.directory / "seen"
    kinds = ("net", "ipc", "uts")
    links = " ".join(f"/proc/self/ns/{kind}" for kind in kinds)
    bundle.config["hooks"] = {name: [{"path": "/bin/sh", "args": ["sh", "-c", f"readlink {links} >>{seen}"]}]
                              for name in ("createRuntime", "createContainer")}
    container = case.container(bundle).created()
    of = {pid: [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds] for pid in ("self", container.pid)}
    expect_equal(seen.read_text().split(), of["self"] + of[container.pid], "namespaces of both hooks")
    container.must("delete", "box")


@test("lifecycle: a hook that fails is a create that fails and leaves nothing")
def hook_fails(case):
    bundle = case.bundle("/bin/true")
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    container = case.container(bundle)
    result = container.create()
    expect(result.status != 0 and result.error, f"create: {result}")
    expect(not container.pid_path.exists(), "a pid file was written")
    expect_equal(case.left_behind(), [], "containers after the failure")


@test("lifecycle: run --detach returns, and the exit status is there to wait for", vm_only=True)
def detached(case):
    container = _signals(case)
    with open(container.out_path, "wb") as out:
        words = container.argv("run", "--detach", "--bundle", container.bundle.write(), "--pid-file",
                               container.pid_path, "box")
        expect_equal(subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, timeout=60).returncode, 0, "status")
    container.err_path.touch()
    container.wait_for_output(b"ready\n").must("kill", "box", "TERM")
    expect_equal(container.wait(), 7, "status")
    container.must("delete", "box")


def _time_of_states(container):
    begin = time.monotonic()
    for _ in range(3):
        container.must("state", "box")
    return time.monotonic() - begin


@test("lifecycle: state and kill do not wait for a guest that spins")
def prompt(case):
    container = case.container(case.bundle().script("while :; do :; done")).created()
    idle = _time_of_states(container)
    container.must("start", "box")
    busy = _time_of_states(container)
    expect(busy < 4 * idle + 2, f"three times state took {busy:.1f} s while the guest spins, {idle:.1f} s before")
    container.must("delete", "--force", "box")
    expect_equal(container.wait(), 137, "status")
