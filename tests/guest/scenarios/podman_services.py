# SPDX-License-Identifier: Apache-2.0
"""podman's containers as services: systemd as their PID 1, and the word that they are ready."""
import os
import re
import socket
import time

from bundle import make_root
from podman_client import image, kImage, kReference, podman
from scenarios.pid_one import make_systemd_root
from suite import Failed, expect_equal, test


def _podman(case, runtime, *words, **options):
    return podman(case, runtime, *words, flags=("--cgroup-manager=cgroupfs",), **options)


def _systemd(case, runtime, service, *flags):
    """A container of systemd whose root file system is a directory of the host's, and that directory."""
    root = case.directory / os.path.basename(runtime)
    make_root(root, case.lab.probe)
    make_systemd_root(root, service)
    words = ["--network=none", "--systemd=always", "--volume", "/usr:/usr:ro", *flags, "--rootfs", root, "/usr/lib/systemd/systemd"]
    return root, _podman(case, runtime, "run", *words)


def _stopped(case, runtime):
    """What a person sees who starts one, waits for its target, and stops it."""
    root, done = _systemd(case, runtime, "cat /proc/1/comm >/data/reached", "--detach")
    expect_equal(done.returncode, 0, f"podman run on {runtime} ({done.stderr[-300:]})")
    name = done.stdout.decode().strip()
    end = time.monotonic() + 180
    while not (root / "data/reached").exists():
        if time.monotonic() > end:
            raise Failed(f"{runtime}: systemd has not reached its target: {_podman(case, runtime, 'logs', name)}")
        time.sleep(0.2)
    status = _podman(case, runtime, "stop", "--time", "60", name).returncode
    waited = _podman(case, runtime, "wait", name).stdout
    left = (root / "data/stopped").read_text()
    return status, waited, left, _podman(case, runtime, "rm", name).returncode


@test("podman: run --systemd=always reaches its target; stop ends it with 0 when its services have stopped")
def systemd_stop(case):
    wanted = _stopped(case, kReference)
    expect_equal(_stopped(case, case.lab.runtime), wanted, "compared with crun")
    expect_equal(wanted, (0, b"0\n", "stopped\n", 0), "stop, wait, what the service left, rm")


@test("podman: run --systemd=always returns the status that a service gives systemd")
def systemd_status(case):
    _, done = _systemd(case, case.lab.runtime, "systemctl exit 42", "--rm")
    expect_equal(done.returncode, 42, f"status ({done.stdout[-300:]}, {done.stderr[-300:]})")


def _notifications(case, runtime, mode, *payload):
    """What a service manager hears until it hears that the container is ready, process numbers as N."""
    path = str(case.directory / f"{os.path.basename(runtime)}.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(60)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            done = _podman(case, runtime, "run", "--rm", "--detach", "--network=none", f"--sdnotify={mode}", kImage, *payload)
        finally:
            del os.environ["NOTIFY_SOCKET"]
        expect_equal(done.returncode, 0, f"podman run on {runtime} ({done.stderr[-300:]})")
        heard = []
        while "READY=1" not in heard:
            heard += re.sub("=[0-9]{2,}", "=N", manager.recv(4096).decode()).split()
    _podman(case, runtime, "rm", "--force", "--time", "0", done.stdout.decode().strip())
    return sorted(heard)


def _register(mode, *payload):
    @test(f"podman: run --sdnotify={mode} tells the service manager when the container is ready")
    def ready(case):
        case.once(image)
        wanted = _notifications(case, kReference, mode, *payload)
        expect_equal(_notifications(case, case.lab.runtime, mode, *payload), wanted, "compared with crun")


_register("container", "sh", "-c", "probe notify; sleep 1000")
_register("conmon", "sleep", "1000")
