# SPDX-License-Identifier: Apache-2.0
"""CRI-O's command lines, by its conmon where it uses one, and its way of reading what comes back."""
import datetime
import itertools
import json
import os
import re
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

    def argv(self, words):
        return [self.stage.runtime, "--root", self.root, *words]

    def _by_conmon(self, log, answers, *words):
        """Starts conmon as CRI-O does, and returns its first `answers` lines, which are JSON; fewer if it ends before."""
        ours, childs = os.pipe()
        start, go = os.pipe()
        environment = {"_OCI_SYNCPIPE": str(childs), "_OCI_STARTPIPE": str(start), "PATH": os.environ["PATH"],
                       "XDG_RUNTIME_DIR": "", "CRI_O_EXTERNAL": "1"}
        argv = ["conmon", "-c", _kId, "-n", "name", "-r", self.stage.runtime, "-u", _kId, "--runtime-arg",
                f"--root={self.root}", "-l", log, "--socket-dir-path", self.sockets, *words]
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
        return self._by_conmon(self.log, 1, "-b", self.bundle.path, "-p", self.pid_file, "--persist-dir", self.bundle.path,
                               "--exit-dir", self.exits)[0]

    def exec_sync(self, *args):
        """(exit code, what conmon logged of the streams)"""
        spec = self.stage.directory / "process.json"
        spec.write_text(json.dumps({**self.bundle.process, "args": list(args)}))
        log = self.stage.directory / "exec.log"
        log.unlink(missing_ok=True)
        lines = self._by_conmon(log, 2, "-b", self.bundle.path, "-p", self.stage.directory / "exec.pid", "-e",
                                "--exec-process-spec", spec)
        streams = [line.split(" ", 3)[1::2] for line in log.read_text().splitlines()] if log.exists() else []
        return lines[-1], " ".join(" ".join(part) for part in streams)

    def state(self):
        """As UpdateStatus decodes it: an error means that it is stopped."""
        result = self.run("state", _kId)
        if result.status != 0:
            return None
        state = json.loads(result.out)
        stamp = re.sub(r"(\.[0-9]{6})[0-9]*", r"\1", state["created"]).replace("Z", "+00:00")
        datetime.datetime.fromisoformat(stamp)
        expect(state["id"] == _kId and state["bundle"] == str(self.bundle.path), f"state: {state}")
        expect((state["pid"] > 0) == (state["status"] != "stopped"), f"state: {state}")
        return state["status"]

    def is_gone(self, result):
        return result.status == 0 or any(word in result.error for word in _kGone)

    def exit_code(self, patience=30):
        end = time.monotonic() + patience
        while not (self.exits / _kId).exists():
            if time.monotonic() > end:
                raise Failed(f"conmon wrote no exit file in {patience} s; state {self.state()}")
            time.sleep(0.05)
        return (self.exits / _kId).read_text()


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
    version = subprocess.run([stage.runtime, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    stage.note("--version names a version", str(bool(re.search(rb"^\S+ version \S+", version))))


def _executed(stage, crio):
    for what, args in {"ExecSync": ["sh", "-c", "echo out; echo err >&2; exit 7"], "ExecSync of nowhere": ["nowhere"],
                       "ExecSync that is killed": ["sh", "-c", "kill -9 $$"]}.items():
        answer, output = crio.exec_sync(*args)
        known = {key: answer.get(key) for key in ("exit_code", "pid") if key in answer}
        known = {key: value if value < 0 or key == "exit_code" else "given" for key, value in known.items()}
        stage.note(what, f"{known} {output}")
    spec = stage.directory / "stream.json"
    spec.write_text(json.dumps({**crio.bundle.process, "args": ["sh", "-c", "cat; exit 9"]}))
    crio.see("exec", "--process", spec, _kId, stdin=b"streamed\n", step="streaming exec")
    spec.write_text(json.dumps({**crio.bundle.process, "terminal": True, "args": ["sh", "-c", "stty size; tty; exit 12"]}))
    with Terminal(crio.argv(["exec", "--process", spec, _kId]), rows=40, columns=100) as shell:
        stage.note("streaming exec with a terminal", f"status {shell.status()}; {' '.join(shell.seen.decode().split())}")


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
    crio.see("update", "--resources", "-", _kId, stdin=json.dumps({"cpu": {"shares": 512}}).encode(), step="update --resources -")
    stage.note("checkpoint --help is taken for support", str(crio.run("checkpoint", "--help").status == 0))
    crio.see("kill", _kId, "15", step="kill 15")
    stage.note("exit code", crio.exit_code())
    stage.note("state, ended", str(crio.state()))
    stage.note("kill KILL of an ended one counts as gone", str(crio.is_gone(crio.run("kill", _kId, "KILL"))))
    crio.see("delete", "--force", _kId, step="delete --force")
    crio.see("delete", "--force", _kId, step="delete --force once more")
    stage.note("state, deleted", str(crio.state()))
    lines = [line.split(" ", 3) for line in crio.log.read_text().splitlines()]
    stage.note("the log", " ".join(f"{line[1]}:{line[3]}" for line in lines))
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
