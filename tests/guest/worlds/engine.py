# SPDX-License-Identifier: Apache-2.0
"""What podman writes into config.json, its default seccomp profile and capabilities above all."""
import json
import pathlib

from comparison import Each, world
from podman_client import image, kImage, kReference, podman
from worlds import questions


def _podman(case, *words):
    """What it prints, on crun."""
    return podman(case, kReference, *words, flags=("--cgroup-manager=cgroupfs",)).stdout.decode().strip()


def _spec(case):
    """The config.json of a podman container with default options."""
    case.once(image)
    name = _podman(case, "create", "--network=none", kImage, "/bin/true")
    _podman(case, "init", name)
    path = _podman(case, "inspect", "--format", "{{.OCIConfigPath}}", name)
    spec = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    _podman(case, "rm", "--force", "--time", "0", name)
    return spec


@world("podman's default", "What `podman run` asks for: its seccomp profile, capabilities, limits, mounts and masked paths")
def default(case, bundle):
    spec = case.once(_spec)
    bundle.config.update({"process": spec["process"], "linux": spec["linux"], "hostname": "box"})
    bundle.config["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "bind"]
    bundle.linux.pop("cgroupsPath", None)
    return {**questions.kProcess, "mount": questions.kMounts, "device": questions.kDevices,
            "attempt": Each("world attempts"), "call": Each("world filtered"), "system call": Each("world profile")}
