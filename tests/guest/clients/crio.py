# SPDX-License-Identifier: Apache-2.0
"""CRI-O's command lines, by its conmon where it uses one, and its way of reading what comes back."""
import datetime
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from bundle import Bundle
from clients.comparing import Client, scenario
from suite import Failed, expect
from terminal import Terminal

_kId = "0123456789abcdef" * 4
_kParentCgroup = "/sys/fs/cgroup/crio-test"
# What makes CRI-O take a failure of kill or delete for "it is gone", wherever it stands on stderr.
_kGone = ("no such process", "container not running", "invalid process")


class Crio(Client):
    """Its directories are those of one container."""

    name = "CRI-O"

    def __init__(self, stage, *args):
        super().__init__(stage)
        self.root = stage.directory / "root"
        self.bundle = Bundle(stage.directory / "bundle", list(args), stage.case.lab.probe)
        self.bundle.linux["cgroupsPath"] = f"/{os.path.basename(_kParentCgroup)}/{_kId}"
        self.log = stage.directory / "ctr.log"
        self.exits = stage.directory / "exits"
        self.exits.mkdir()
        self.sockets = stage.directory / "attach"
        self.sockets.mkdir()
        self.pid_file = stage.directory / "bundle/pidfile"
        self.executed = []  # their numbers on the host

    def argv(self, words):
        return [self.stage.runtime, "--root", self.root, *words]

    def _by_conmon(self, log, answers, *words):
        """Starts conmon as CRI-O does, and returns its first `answers` lines, which are JSON; fewer if it ends before."""
        ours, childs = os.pipe()
        start, go = os.pipe()
        environment = {"_OCI_SYNCPIPE": str(childs), "_OCI_STARTPIPE": str(start), "PATH": os.environ["PATH"],
                       "XDG_RUNTIME_DIR": "", "CRI_O_EXTERNAL": "1"}
        argv = ["conmon", "-c", _kId, "-n", "name", "-r", self.stage.runtime, "--runtime-arg",
                f"--root={self.root}", "-l", log, "--log-level", "info", "--socket-dir-path", self.sockets,
                *(["-t"] if self.bundle.process["terminal"] else []), *words]
        process = subprocess.Popen(argv, pass_fds=(childs, start), env=environment, cwd=self.bundle.path,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(childs)
        os.close(start)
        os.write(go, b"\0")
        os.close(go)
        with os.fdopen(ours) as reader:
            lines = list(itertools.islice(iter(reader.readline, ""), answers))
        expect(lines, "conmon sent nothing")
        process.wait()  # conmon's parent; the monitor goes on
        return [json.loads(line) for line in lines]

    def create(self):
        self.bundle.write()
        return self._by_conmon(self.log, 1, "-b", self.bundle.path, "-u", _kId, "-p", self.pid_file,
                               "-P", self.bundle.path / "conmon-pidfile", "--persist-dir", self.bundle.path,
                               "--exit-dir", self.exits, "--log-size-max", "-1")[0]

    def exec_sync(self, *args, timeout=None):
        """(conmon's answer, what it logged of the streams)"""
        spec = self.stage.directory / "process.json"
        spec.write_text(json.dumps({**self.bundle.process, "args": list(args)}))
        log = self.stage.directory / "exec.log"
        pid_file = self.stage.directory / "exec.pid"
        for old in (log, pid_file):
            old.unlink(missing_ok=True)
        words = ["-p", pid_file, "-e", "--sync", "--log-global-size-max", str(16 << 20)]
        if timeout is not None:
            words += ["-T", str(timeout)]
        lines = self._by_conmon(log, 1, *words, "--exec-process-spec", spec)
        if pid_file.exists():
            self.executed.append(int(pid_file.read_text()))
        return lines[0], _logged(log)

    def state(self):
        """As UpdateStatus decodes it: an error means that it is stopped."""
        result = self.run("state", _kId)
        if result.status != 0:
            return None
        state = json.loads(result.out)
        stamp = re.sub(r"(\.[0-9]{6})[0-9]*", r"\1", state["created"]).replace("Z", "+00:00")
        datetime.datetime.fromisoformat(stamp)
        expect(state["id"] == _kId and state["bundle"] == str(self.bundle.path), f"state: {state}")
        expect(state["pid"] == (0 if state["status"] == "stopped" else int(self.pid_file.read_text())), f"state: {state}")
        return state["status"]

    def process(self):
        """(state letter, start time) of the container's process, as Living() reads them; None if there is none."""
        try:
            with open(f"/proc/{self.pid_file.read_text()}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            return None
        return fields[0], fields[19]

    def is_gone(self, result):
        return result.status == 0 or any(word in result.error for word in _kGone)

    def _reap_orphans(self):
        """As CRI-O does, whose monitors may end before what they executed: a process that nobody reaps keeps its pid
        namespace, and with that the container's first process, from ending."""
        for pid in self.executed:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass  # its monitor has done it

    def exit_code(self, patience=30):
        end = time.monotonic() + patience
        while not (self.exits / _kId).exists():
            self._reap_orphans()
            if time.monotonic() > end:
                raise Failed(f"conmon wrote no exit file in {patience} s; state {self.state()}")
            time.sleep(0.05)
        return (self.exits / _kId).read_text()


def _logged(path):
    """Each stream's text, as parseLog() puts it together of lines "TIME STREAM TAG TEXT"."""
    streams = {"stdout": "", "stderr": ""}
    for line in path.read_bytes().decode().split("\n")[:-1] if path.exists() else []:
        _, stream, tag, text = line.split(" ", 3)
        streams[stream] += text + ("" if tag == "P" else "\n")
    return " ".join(f"{name} {' '.join(text.split())}" for name, text in streams.items() if text)


def _forget_cgroups():
    """Runtimes leave the cgroup that a container's was in, and crun a failed one's own."""
    for path in (f"{_kParentCgroup}/{_kId}", _kParentCgroup):
        if os.path.isdir(path):
            os.rmdir(path)


def _probed(stage, crio):
    """At start-up CRI-O reads both streams of these as one."""
    merged = crio.run("features")
    try:
        features = json.loads(merged.out + merged.err)
    except ValueError:
        features = {}
    stage.note("features has what is required", str({"ociVersionMin", "ociVersionMax"} <= set(features)))
    idmap = features.get("linux", {}).get("mountExtensions", {}).get("idmap", {}).get("enabled", False)
    stage.note("features offers rro, idmap", f"{'rro' in features.get('mountOptions', [])}, {idmap}")
    version = subprocess.run([stage.runtime, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    stage.note("--version names a version", str(bool(re.search(rb"^\S+ version \S+", version))))


def _executed(stage, crio):
    for what, args in {"ExecSync": ["sh", "-c", "echo out; echo err >&2; exit 7"], "ExecSync of nowhere": ["nowhere"],
                       "ExecSync that is killed": ["sh", "-c", "kill -9 $$"]}.items():
        answer, output = crio.exec_sync(*args)
        known = {key: answer.get(key) for key in ("exit_code", "pid") if key in answer}
        known = {key: value if value < 0 or key == "exit_code" else "given" for key, value in known.items()}
        stage.note(what, f"{known} {output}")
    answer, _ = crio.exec_sync("sleep", "1000", timeout=1)
    stage.note("ExecSync with a timeout", f"{answer.get('exit_code')} {answer.get('message', '')}")
    spec = stage.directory / "stream.json"
    spec.write_text(json.dumps({**crio.bundle.process, "args": ["sh", "-c", "cat; exit 9"]}))
    crio.see("exec", "--process", spec, _kId, stdin=b"streamed\n", step="streaming exec")
    spec.write_text(json.dumps({**crio.bundle.process, "terminal": True, "args": ["sh", "-c", "stty size; tty; exit 12"]}))
    with Terminal(crio.argv(["exec", "--process", spec, _kId]), rows=40, columns=100) as shell:
        stage.note("streaming exec with a terminal", f"status {shell.status()}; {' '.join(shell.seen.decode().split())}")


_kLeft = "for i in $(seq 30); do ps | grep -q '[s]leep 2000' || break; sleep 0.1; done; ps | grep -c '[s]leep 2000'"


def _streams_killed(stage, crio):
    """KillExecPIDs: what stops a container signals the commands that it has running in it."""
    spec = stage.directory / "stream.json"
    for number in (signal.SIGINT, signal.SIGKILL):
        process = {**crio.bundle.process, "terminal": False, "args": ["sh", "-c", "echo ready; exec sleep 2000"]}
        spec.write_text(json.dumps(process))
        streaming = subprocess.Popen(crio.argv(["exec", "--process", spec, _kId]), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE)
        streaming.stdout.readline()
        streaming.send_signal(number)
        streaming.wait(timeout=60)
        streaming.stdout.close()
        stage.note(f"processes that are left of a streaming exec, {signal.Signals(number).name}",
                   crio.exec_sync("sh", "-c", _kLeft)[1])


def _updated(stage, crio):
    """The limits that CRI-O sends, and where it reads what is used."""
    resources = {"memory": {"limit": 256 << 20}, "cpu": {"shares": 512, "quota": 50000, "period": 100000}}
    crio.see("update", "--resources", "-", _kId, stdin=json.dumps(resources).encode(), step="update --resources -")
    cgroup = pathlib.Path(f"{_kParentCgroup}/{_kId}")
    stage.note("its limits on the host", " ".join((cgroup / name).read_text().strip() for name in ("cpu.weight", "cpu.max")))
    used = {"memory": int((cgroup / "memory.current").read_text()), "pids": int((cgroup / "pids.current").read_text()),
            "cpu": int((cgroup / "cpu.stat").read_text().split()[1])}
    stage.note("what is counted", " ".join(name for name, number in used.items() if number > 0))


@scenario("CRI-O", "a container's life")
def life(stage):
    crio = Crio(stage, "/bin/probe", "signals")
    _probed(stage, crio)
    stage.note("create: conmon tells a process", str(crio.create()["pid"] > 0))
    stage.note("state, created", str(crio.state()))
    crio.see("start", _kId, step="start")
    stage.note("state, running", str(crio.state()))
    _executed(stage, crio)
    crio.see("pause", _kId, step="pause")
    stage.note("state, paused", str(crio.state()))
    crio.see("resume", _kId, step="resume")
    _updated(stage, crio)
    stage.note("checkpoint --help is taken for support", str(crio.run("checkpoint", "--help").status == 0))
    crio.see("kill", _kId, "15", step="kill 15")
    stage.note("exit code", crio.exit_code())
    stage.note("state, ended", str(crio.state()))
    stage.note("its process", str(crio.process()))
    stage.note("kill KILL of an ended one counts as gone", str(crio.is_gone(crio.run("kill", _kId, "KILL"))))
    crio.see("delete", "--force", _kId, step="delete --force")
    crio.see("delete", "--force", _kId, step="delete --force once more")
    stage.note("state, deleted", str(crio.state()))
    stage.note("the log", _logged(crio.log))
    _forget_cgroups()


@scenario("CRI-O", "killed, with a terminal, on the node's process ids")
def killed(stage):
    crio = Crio(stage, "sh", "-c", "tty; sleep 1000 & sleep 1000")
    crio.bundle.process["terminal"] = True
    crio.bundle.linux["namespaces"] = [one for one in crio.bundle.linux["namespaces"] if one["type"] != "pid"]
    stage.note("create: conmon tells a process", str(crio.create()["pid"] > 0))
    crio.see("start", _kId, step="start")
    before = crio.process()
    _streams_killed(stage, crio)
    stage.note("still the same process", str(crio.process()[1] == before[1]))
    crio.see("kill", "-a", _kId, "9", step="kill -a 9")
    stage.note("exit code", crio.exit_code())
    stage.note("state, ended", str(crio.state()))
    stage.note("kill -a 9 of an ended one counts as gone", str(crio.is_gone(crio.run("kill", "-a", _kId, "9"))))
    crio.see("delete", "--force", _kId, step="delete --force")
    stage.note("the log", _logged(crio.log))
    _forget_cgroups()


@scenario("CRI-O", "a command that cannot be run")
def failing(stage):
    crio = Crio(stage, "nowhere")
    answer = crio.create()
    stage.note("create: conmon tells no process", str(answer["pid"] < 0))
    stage.note("create: why", answer.get("message", "").strip())
    crio.see("delete", "--force", _kId, step="delete --force")
    stage.note("its cgroup is left", str(os.path.isdir(f"{_kParentCgroup}/{_kId}")))
    _forget_cgroups()
