# SPDX-License-Identifier: Apache-2.0
"""podman: the life of a container."""
import os
import time

from clients.comparing import kDigest, scenario
from clients.podman import Podman, kImage, kNoNetwork
from clients.setup import lines_for

_kSignals = (kImage, "/bin/probe", "signals")
_kState = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}"


class _ConfiguredPodman(Podman):
    """It knows the runtime by its configuration alone."""

    def __init__(self, stage):
        super().__init__(stage)
        file = stage.directory / "containers.conf"
        file.write_text(lines_for("podman", stage.runtime))
        self.environment = dict(os.environ, CONTAINERS_CONF=str(file))

    def argv(self, words):
        return ["podman", "--cgroup-manager=cgroupfs", *words]


@scenario("podman", "as the lines above set it up", slow=True)
def configured(stage):
    with _ConfiguredPodman(stage) as podman:
        podman.see("info", "--format", "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}", step="info")
        podman.see("run", "--rm", kNoNetwork, kImage, "sh", "-c", "echo ran; exit 5")
        podman.see("run", "--rm", kNoNetwork, kImage, "nowhere")


@scenario("podman", "run")
def run(stage):
    with Podman(stage) as podman:
        run = ("run", "--rm", kNoNetwork)
        podman.see(*run, kImage, "sh", "-c", "echo to-out; echo to-err >&2; exit 42")
        podman.see(*run, "-i", kImage, "sh", "-c", kDigest, stdin=b"through the machine\n" * 100_000)
        podman.see(*run, kImage, "sh", "-c", "kill -9 $$")
        podman.see(*run, kImage, "nowhere")
        podman.see(*run, kImage, "/etc/plain")
        podman.see(*run, kImage, "/data")
        podman.see(*run, "--workdir", "/nowhere", kImage, "pwd")
        podman.see(*run, "--init", kImage, "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; exit 42")
        podman.see("ps", "-aq")


@scenario("podman", "create, start, wait, logs, inspect, restart, rm")
def life(stage):
    with Podman(stage) as podman:
        podman.see("create", kNoNetwork, "--name", "box", kImage, "sh", "-c", "echo out; echo err >&2; sleep 1; exit 3")
        podman.see("inspect", "--format", _kState, "box", step="inspect a created container")
        podman.see("start", "box")
        podman.see("wait", "box")
        podman.see("logs", "box")
        podman.see("inspect", "--format", _kState, "box", step="inspect an exited container")
        podman.see("start", "--attach", "box")
        podman.see("exec", "box", "true", step="exec in an exited container")
        podman.see("kill", "box", step="kill an exited container")
        podman.see("create", kNoNetwork, "--name", "box", kImage, "true", step="create one whose name is taken")
        podman.see("rm", "box")
        podman.see("start", "box", step="start one that is gone")


@scenario("podman", "stop, kill, restart, rm --force")
def signals(stage):
    with Podman(stage) as podman:
        podman.see("run", "-d", kNoNetwork, "--name", "box", *_kSignals)
        podman.see("rm", "box", step="rm of a running container")
        podman.see("kill", "--signal", "USR1", "box")
        podman.see("stop", "box")
        podman.see("wait", "box", step="wait, after stop")
        podman.see("logs", "box", step="logs, after stop")
        podman.see("restart", "box", step="restart, from exited")
        podman.see("restart", "--time", "5", "box", step="restart, from running")
        podman.see("kill", "box")
        podman.see("wait", "box", step="wait, after kill")
        podman.see("start", "box")
        podman.see("rm", "--force", "--time", "0", "box")
        podman.see("ps", "-aq")


def _end_of_restarts(podman, patience=300):
    """podman may fail while the container ends."""
    end = time.monotonic() + patience
    state = ""
    while state != "exited 2" and time.monotonic() < end:
        state = podman.run("inspect", "--format", "{{.State.Status}} {{.RestartCount}}", "box").text.strip()
    return state


@scenario("podman", "--restart and --rm", slow=True)
def restarts(stage):
    with Podman(stage) as podman:
        podman.see("run", "-d", kNoNetwork, "--name", "box", "--restart", "on-failure:2", kImage, "sh", "-c",
                   "echo again; exit 5")
        stage.note("the end of --restart on-failure:2", _end_of_restarts(podman))
        podman.see("logs", "box", step="logs of its three runs")
        podman.see("rm", "box")
        podman.see("run", "-d", "--rm", kNoNetwork, "--name", "gone", kImage, "sleep", "1000")
        podman.see("stop", "--time", "0", "gone")
        while podman.run("container", "exists", "gone").status == 0:
            pass
        podman.see("ps", "-aq")
