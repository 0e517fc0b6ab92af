# SPDX-License-Identifier: Apache-2.0
"""podman as its users call it, without its network: images come from a tar archive."""
import os

from clients.comparing import Client
from podman_client import image, kImage

kNoNetwork = "--network=none"
# podman's own choice is systemd, everywhere.
_kManager = () if os.path.isdir("/run/systemd/system") else ("--cgroup-manager=cgroupfs",)


class Podman(Client):
    """Used in a `with` statement: a scenario that fails leaves no container."""

    name = "podman"

    def __init__(self, stage):
        super().__init__(stage)
        stage.case.once(image)

    def argv(self, words):
        return ["podman", *_kManager, "--runtime", self.stage.runtime, *words]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.run("pod", "rm", "--force", "--all", "--time", "0")
            self.run("rm", "--force", "--all", "--time", "0")

    def start(self, name, *words):
        """A detached container, which is no step."""
        self.must("run", "-d", kNoNetwork, "--name", name, *words)

    def remove(self, name):
        self.must("rm", "--force", "--time", "0", name)
