# SPDX-License-Identifier: Apache-2.0
"""What podman writes into config.json, its default seccomp profile and capabilities above all."""
import json
import pathlib
import subprocess

from comparison import Each, world
from scenarios import podman
from worlds import questions


def _spec(case):
    """The config.json of a podman container with default options."""
    case.once(podman._image)
    name = podman._podman(case, podman._kReference, "create", "--network=none", podman._kImage, "/bin/true").stdout.decode().strip()
    subprocess.run(["podman", "--cgroup-manager=cgroupfs", "init", name], check=True, stdout=subprocess.DEVNULL)
    path = podman._podman(case, podman._kReference, "inspect", "--format", "{{.OCIConfigPath}}", name).stdout.decode().strip()
    spec = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    podman._podman(case, podman._kReference, "rm", "--force", "--time", "0", name)
    return spec


@world("podman's default", "What `podman run` asks for: its seccomp profile, capabilities, limits, mounts and masked paths")
def default(case, bundle):
    spec = case.once(_spec)
    bundle.config.update({"process": spec["process"], "linux": spec["linux"], "hostname": "box"})
    bundle.config["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "bind"]
    bundle.linux.pop("cgroupsPath", None)
    return {**questions.kProcess, "mount": questions.kMounts, "device": questions.kDevices,
            "attempt": Each("world attempts"), "call": Each("world filtered"), "system call": Each("world profile")}
