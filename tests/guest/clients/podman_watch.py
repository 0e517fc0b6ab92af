# SPDX-License-Identifier: Apache-2.0
"""podman: looking at a container."""
import json
import time

from clients.comparing import scenario
from clients.podman import Podman, kImage, kNoNetwork

_kInspected = {
    "state": "{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.ExitCode}} {{.State.OciVersion}}",
    "pid": "{{if .State.Pid}}set{{end}} {{if .State.ConmonPid}}set{{end}}",
    "cgroup": "{{if .State.CgroupPath}}set{{end}}",
    "command": "{{.Path}} {{.Args}}",
    "configuration": "{{.Config.Hostname}} {{.Config.WorkingDir}} {{.Config.User}} {{.Config.StopSignal}}",
    "network": "{{.NetworkSettings.SandboxKey}}",
}


@scenario("podman", "inspect, top, stats", slow=True)
def looked_at(stage):
    with Podman(stage) as podman:
        podman.start("box", "--hostname", "name", kImage, "sh", "-c", "sleep 1000 & sleep 1000")
        for what, template in _kInspected.items():
            podman.see("inspect", "--format", template, "box", step=f"inspect: {what}")
        podman.see("top", "box", "user", "pid", "ppid", "args", columns=True)
        podman.see("top", "box", "-o", "pid,args", step="top by the image's own ps", columns=True)
        shown = json.loads(podman.must("stats", "--no-stream", "--format", "json", "box").out)[0]
        more = "" if int(shown["pids"]) == 2 else "more than "
        stage.note("stats", f"{shown['name']}: {more}2 processes, memory {'is counted' if shown['mem_usage'] else 'unknown'}, "
                            f"processor time {'is counted' if shown['cpu_time'] else 'unknown'}")
        podman.see("ps", "--format", "{{.Names}} {{.State}} {{.Command}}", step="ps")
        podman.remove("box")


@scenario("podman", "healthcheck, events")
def watched(stage):
    since = f"{time.time():.6f}"
    with Podman(stage) as podman:
        podman.start("box", "--health-cmd", "test -e /tmp/healthy", "--health-interval", "disable", "--health-retries", "1",
                     kImage, "sleep", "1000")
        podman.see("healthcheck", "run", "box", step="healthcheck run, of a sick container")
        podman.see("exec", "box", "touch", "/tmp/healthy")
        podman.see("healthcheck", "run", "box", step="healthcheck run, of a healthy one")
        podman.see("inspect", "--format", "{{.State.Health.Status}}", "box")
        podman.must("kill", "box")
        podman.must("wait", "box")
        podman.remove("box")
        podman.see("events", "--stream=false", "--filter", "container=box", "--since", since, "--format", "{{.Status}}",
                   step="events")
