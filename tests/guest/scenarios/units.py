# SPDX-License-Identifier: Apache-2.0
"""Containers as systemd's services, by units as podman's tools write them: what systemd and podman say of them, compared with
crun."""
import os
import pathlib
import subprocess
import time

from podman_client import image, kImage, kReference, podman
from rootless_user import as_user, kHome, kNumber, podman_as_user, user
from suite import Failed, expect, expect_equal, test

# What the generator of podman's .container files writes for one.
_kContainerUnit = """[Unit]
Description=A container
[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
Environment=STORAGE_DRIVER=vfs
KillMode=mixed
Delegate=yes
Type=notify
NotifyAccess=all
SyslogIdentifier=%N
ExecStartPre=/bin/rm -f %t/%N.cid
ExecStart=/usr/bin/podman --runtime RUNTIME run --name=box --cidfile=%t/%N.cid --replace --rm --cgroups=split --sdnotify=MODE \
-d --network=none IMAGE PAYLOAD
ExecStop=/usr/bin/podman rm -v -f -i --cidfile=%t/%N.cid
ExecStopPost=-/usr/bin/podman rm -v -f -i --cidfile=%t/%N.cid
SERVICE
"""
_kService = "krun-guest-test.service"
_kPatience = 90


class _Manager:
    """systemd and podman of root, or of a user."""

    def __init__(self, runtime, units, run_directory, systemctl, run):
        self.runtime = runtime
        self.units = pathlib.Path(units)
        self.run_directory = pathlib.Path(run_directory)
        self._systemctl = systemctl
        self.podman = run

    def systemctl(self, *words):
        return subprocess.run([*self._systemctl, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def write(self, text):
        self.units.mkdir(parents=True, exist_ok=True)
        (self.units / _kService).write_text(text)
        self.systemctl("daemon-reload")

    def remove(self):
        self.systemctl("stop", _kService)
        self.systemctl("reset-failed", _kService)
        (self.units / _kService).unlink()
        for name in (_kService.replace(".service", ".cid"), f"{_kService}.ctr-id"):
            (self.run_directory / name).unlink(missing_ok=True)
        self.systemctl("daemon-reload")

    def unit(self, *properties):
        shown = self.systemctl("show", _kService, "--property", ",".join(properties)).stdout.decode()
        found = dict(line.split("=", 1) for line in shown.splitlines())
        return " ".join(found[name] for name in properties)

    def wait(self, wanted, *properties):
        end = time.monotonic() + _kPatience
        while self.unit(*properties) != wanted:
            if time.monotonic() > end:
                raise Failed(f"{self.runtime}: {' '.join(properties)} is {self.unit(*properties)}, not {wanted}; "
                             f"{self.systemctl('status', _kService).stdout[-800:]}")
            time.sleep(0.1)

    def containers(self):
        return self.podman("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.decode().split("\n")[0].split(" ")[:2]

    def pid(self):
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", "box").stdout)


def _of_root(case, runtime):
    return _Manager(runtime, "/run/systemd/system", "/run", ["systemctl"], lambda *words: podman(case, runtime, *words))


def _of_user(case, runtime):
    runtime = os.path.basename(runtime)
    return _Manager(runtime, kHome / ".config/systemd/user", f"/run/user/{kNumber}", [*as_user(), "systemctl", "--user"],
                    lambda *words: podman_as_user(*words, runtime=runtime))


def _unit(runtime, payload, mode="conmon", service=""):
    text = _kContainerUnit.replace("RUNTIME", runtime).replace("IMAGE", kImage).replace("MODE", mode)
    return text.replace("PAYLOAD", payload).replace("SERVICE", service)


def _cgroup(manager):
    """Where the container is, from its unit on."""
    with open(f"/proc/{manager.pid()}/cgroup") as file:
        path = file.read().strip()
    expect(_kService in path, f"{manager.runtime}: the container's cgroup is {path}")
    return path.split(_kService, 1)[1].split("-")[0]


def _life(manager):
    """Started, restarted and stopped by systemd."""
    manager.write(_unit(manager.runtime, "/bin/probe signals"))
    seen = [manager.systemctl("start", _kService).returncode, manager.unit("ActiveState", "SubState"), *manager.containers()]
    seen += [_cgroup(manager), manager.unit("MainPID") != "0"]
    first = manager.pid()
    seen += [manager.systemctl("restart", _kService).returncode, manager.unit("ActiveState", "SubState"), manager.pid() != first]
    seen += [manager.systemctl("stop", _kService).returncode, manager.unit("ActiveState", "Result")]
    seen += manager.containers()
    manager.remove()
    return seen


def _ends(manager):
    """Of its own accord, with a status; killed; and started again by systemd."""
    properties = ("ActiveState", "Result", "ExecMainStatus")
    for payload, wanted in (("sh -c 'exit 3'", "failed exit-code 3"), ("true", "inactive success 0")):
        manager.write(_unit(manager.runtime, payload))
        manager.systemctl("start", _kService)
        manager.wait(wanted, *properties)
    manager.write(_unit(manager.runtime, "sleep 1000", service="Restart=on-failure\nRestartSec=0"))
    manager.systemctl("start", _kService)
    os.kill(manager.pid(), 9)
    manager.wait("active running 1", "ActiveState", "SubState", "NRestarts")
    seen = manager.containers()
    manager.remove()
    return seen


def _compare(case, manager_of, story):
    wanted = story(manager_of(case, kReference))
    expect_equal(story(manager_of(case, case.lab.runtime)), wanted, "compared with crun")
    return wanted


@test("units: a container's unit starts, restarts and stops it, with cgroups=split", systemd=True, needs=image)
def life(case):
    seen = _compare(case, _of_root, _life)
    expect_equal(seen[:2], [0, "active running"], "crun's start")


@test("units: a container's unit fails with its status, and starts it again when it was killed", systemd=True, needs=image)
def ends(case):
    _compare(case, _of_root, _ends)


@test("units: a unit that waits for the container's own word is active when that has come", systemd=True, needs=image)
def told(case):
    def story(manager):
        manager.write(_unit(manager.runtime, "sh -c 'sleep 2; probe notify; sleep 1000'", mode="container"))
        seen = [manager.systemctl("start", "--no-block", _kService).returncode, manager.unit("ActiveState")]
        manager.wait("active", "ActiveState")
        seen.append(manager.systemctl("stop", _kService).returncode)
        manager.remove()
        return seen
    expect_equal(_compare(case, _of_root, story), [0, "activating", 0], "crun's")


@test("units: what podman generate systemd --new writes starts, stops and fails as with crun", systemd=True, needs=image)
def generated(case):
    def story(manager):
        manager.podman("create", "--name", "box", "--network=none", "IMAGE", "sleep", "1000")
        text = manager.podman("generate", "systemd", "--new", "--name", "box").stdout.decode()
        manager.podman("rm", "box")
        manager.write(text.replace("[Service]", "[Service]\nEnvironment=STORAGE_DRIVER=vfs").replace(" IMAGE ", f" {kImage} "))
        seen = [manager.systemctl("start", _kService).returncode, manager.unit("ActiveState", "SubState"), *manager.containers()]
        seen += [manager.systemctl("stop", _kService).returncode, manager.unit("ActiveState"), *manager.containers()]
        manager.remove()
        return seen
    expect_equal(_compare(case, _of_root, story)[:4], [0, "active running", "box", "Up"], "crun's")


@test("units: a user's own systemd starts, restarts and stops a container by its unit", systemd=True, vm_only=True, needs=user)
def of_user(case):
    _compare(case, _of_user, _life)
