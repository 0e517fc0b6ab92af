# SPDX-License-Identifier: Apache-2.0
"""containerd with its runc shim, by ctr. Each stage has a containerd of its own, in directories of its own."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from clients.comparing import Client, kDigest, scenario
from podman_client import image, kImage
from suite import Failed
from terminal import Terminal

# CRI is left out, see containerd_cri.py. The shim keeps a socket below /run/containerd whatever these say.
_kConfig = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{0}/socket"
"""
_kSnapshotter = ("--snapshotter", "native")
# It says nothing: what a detached one says at once reaches ctr or does not.
_kWaiting = ("sh", "-c", "trap 'exit 7' TERM; sleep 1000 & wait")
# ctr gives the terminal its size after the program's start.
_kSized = "until stty size 2>/dev/null | grep '40 100'; do sleep 0.1; done; tty; exit 12"


def _archive(case):
    """The test image in podman's archive, which ctr imports; kept as long as the tests run."""
    case.once(image)
    path = case.lab.directory / "image.tar"
    subprocess.run(["podman", "save", "-q", "--format", "docker-archive", "-o", path, kImage], check=True,
                   stdout=subprocess.DEVNULL)
    return path


class Containerd(Client):
    """Used in a `with` statement, at whose end nothing of containerd is left."""

    name = "ctr"
    namespace = "default"  # containerd's own kind

    def __init__(self, stage):
        super().__init__(stage)
        self.archives = [stage.case.once(_archive)]
        self.directory = stage.directory / "containerd"
        self.directory.mkdir()
        self.socket = self.directory / "socket"
        self._process = None

    def config(self):
        return _kConfig.format(self.directory)

    def argv(self, words):
        if words[0] == "run":
            words = ["run", *_kSnapshotter, "--runc-binary", self.stage.runtime, "--runc-root", self.stage.directory / "state",
                     *words[1:]]
        return ["ctr", "--address", self.socket, "--namespace", self.namespace, *words]

    def __enter__(self):
        config = self.directory / "config.toml"
        config.write_text(self.config())
        self._log = open(self.directory / "log", "wb")
        self._process = subprocess.Popen(["containerd", "--config", config], stdout=self._log, stderr=self._log,
                                         stdin=subprocess.DEVNULL)
        try:
            self._wait_until_it_answers()
            for archive in self.archives:
                self.must("image", "import", *_kSnapshotter, archive)
        except Exception:
            self._end()
            raise
        return self

    def _wait_until_it_answers(self, patience=60):
        end = time.monotonic() + patience
        while self.run("version").status != 0:
            if self._process.poll() is not None or time.monotonic() > end:
                raise Failed(f"containerd: {(self.directory / 'log').read_text()[-400:]}")
            time.sleep(0.2)

    def __exit__(self, *_):
        for line in self.run("task", "ls", "-q").text.split():
            self.run("task", "rm", "--force", line)
        for line in self.run("container", "ls", "-q").text.split():
            self.run("container", "rm", line)
        self._end()

    def _end(self):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        shutil.rmtree("/run/containerd", ignore_errors=True)
        # Runtimes remove a container's cgroup, and leave the one that it was in.
        parent = f"/sys/fs/cgroup/{self.namespace}"
        if os.path.isdir(parent):
            os.rmdir(parent)

    def tasks(self):
        """Names and states; the numbers of processes differ from run to run."""
        lines = self.must("task", "ls").text.splitlines()[1:]
        return ", ".join(f"{fields[0]} {fields[2]}" for fields in map(str.split, lines)) or "none"

    def wait_for_state(self, wanted, patience=30):
        end = time.monotonic() + patience
        while self.tasks() != wanted:
            if time.monotonic() > end:
                raise Failed(f"the tasks are {self.tasks()}, not {wanted}, after {patience} s")


@scenario("containerd", "ctr run")
def run(stage):
    with Containerd(stage) as ctr:
        run = ("run", "--rm")
        ctr.see(*run, f"{kImage}:latest", "box", "sh", "-c", "echo to-out; echo to-err >&2; exit 42")
        ctr.see(*run, f"{kImage}:latest", "box", "sh", "-c", kDigest, stdin=b"through the machine\n" * 10_000)
        ctr.see(*run, f"{kImage}:latest", "box", "nowhere")
        ctr.see(*run, f"{kImage}:latest", "box", "/etc/plain")
        ctr.ask(*run, "--cwd", "/data", "--env", "NAME=value", "--read-only", "--memory-limit", "268435456", "--cpus", "0.5",
                "--cap-drop", "CAP_CHOWN", "--seccomp", "--mount",
                f"type=bind,src={stage.directory},dst=/mine,options=rbind:ro", f"{kImage}:latest", "box", step="run with flags",
                questions={
                    "--cwd, --env": "pwd; echo $NAME",
                    "--read-only": "echo x >/data/file",
                    "--mount": "ls /mine; echo x >/mine/file",
                    "process": "id; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
                    "OOM score adjustment": "cat /proc/self/oom_score_adj",
                })
        stage.note("tasks afterwards", ctr.tasks())


@scenario("containerd", "tasks: exec, pause, kill, ps, metrics")
def tasks(stage):
    with Containerd(stage) as ctr:
        ctr.see("run", "-d", f"{kImage}:latest", "box", *_kWaiting)
        stage.note("task ls", ctr.tasks())
        ctr.see("run", "-d", f"{kImage}:latest", "box", "true", step="run of one whose name is taken")
        ctr.see("task", "exec", "--exec-id", "one", "box", "sh", "-c", "echo out; echo err >&2; exit 7")
        ctr.see("task", "exec", "--exec-id", "two", "--cwd", "/data", "--user", "1000:1000", "box", "sh", "-c", "id -u; pwd")
        ctr.see("task", "exec", "--exec-id", "three", "box", "nowhere")
        ctr.see("task", "exec", "--exec-id", "four", "-d", "box", "sleep", "1000")
        stage.note("processes that task ps lists", str(len(ctr.must("task", "ps", "box").text.splitlines()) - 1))
        names = {line.split()[0] for line in ctr.must("task", "metrics", "box").text.splitlines() if line.strip()}
        stage.note("what task metrics counts", " ".join(sorted(names)))
        _on_terminal(stage, ctr)
        ctr.see("task", "pause", "box")
        stage.note("task ls, paused", ctr.tasks())
        ctr.see("task", "resume", "box")
        ctr.see("task", "checkpoint", "box")
        ctr.see("task", "rm", "box", step="task rm of a running one")
        ctr.see("task", "kill", "--signal", "SIGTERM", "box")
        ctr.wait_for_state("box STOPPED")
        ctr.see("task", "exec", "--exec-id", "five", "box", "true", step="exec in a stopped one")
        ctr.see("task", "kill", "box", step="kill of a stopped one")
        ctr.see("task", "rm", "box")
        ctr.must("container", "rm", "box")


def _on_terminal(stage, ctr):
    with Terminal(ctr.argv(["task", "exec", "-t", "--exec-id", "tty", "box", "sh", "-c", _kSized]),
                  rows=40, columns=100) as shell:
        stage.note("exec -t", f"status {shell.status()}; {' '.join(shell.seen.decode().split())}")


@scenario("containerd", "tasks: kill -9, tty, gone shim", slow=True)
def ends(stage):
    with Containerd(stage) as ctr:
        with Terminal(ctr.argv(["run", "--rm", "-t", f"{kImage}:latest", "box", "sh"]), rows=40, columns=100) as shell:
            shell.wait_for(b"# ")
            shell.type(b"stty size; exit 11\n")
            shell.wait_for(b"40 100")
            stage.note("run -t: the terminal has the caller's size; exit 11", str(shell.status()))
        ctr.must("run", "-d", f"{kImage}:latest", "box", "sleep", "1000")
        ctr.must("task", "exec", "--exec-id", "one", "-d", "box", "sleep", "1000")
        ctr.see("task", "kill", "--signal", "SIGKILL", "--exec-id", "one", "box", step="kill of an executed process")
        ctr.see("task", "kill", "--signal", "SIGKILL", "--all", "box")
        ctr.wait_for_state("box STOPPED")
        ctr.see("task", "rm", "box")
        ctr.must("container", "rm", "box")
        _without_shim(stage, ctr)


def _shims_of(name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith("containerd-shim-runc-v2") and name in words:
            yield int(pid)


def _without_shim(stage, ctr):
    """containerd cleans up after a shim that died: `delete --force`."""
    ctr.must("run", "-d", f"{kImage}:latest", "lost", "sleep", "1000")
    for pid in _shims_of("lost"):
        os.kill(pid, signal.SIGKILL)
    ctr.wait_for_state("none")
    state = stage.directory / "state" / ctr.namespace / "lost"
    end = time.monotonic() + 60
    while state.exists() and time.monotonic() < end:
        time.sleep(0.2)
    stage.note("state directory after the shim was killed", "left" if state.exists() else "gone")
    ctr.see("container", "rm", "lost", step="container rm, after the shim was killed")
