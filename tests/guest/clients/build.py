# SPDX-License-Identifier: Apache-2.0
"""podman build and buildah: images made by running commands."""
import os

from clients.comparing import Client, scenario
from clients.podman import Podman, kImage, kNoNetwork
from clients.setup import lines_for
from podman_client import image

_kContainerfile = f"""FROM {kImage}
ARG WORD=none
ENV NAME=value
WORKDIR /made
COPY file /made/
RUN cat file >copied && echo $WORD $NAME >words && id -u >user
USER 1000:1000
RUN id -u; touch /tmp/mine; stat -c %u:%g /tmp/mine
CMD ["sh", "-c", "cat /made/copied /made/words /made/user; id -u; stat -c %u /tmp/mine"]
"""


def _context(stage):
    context = stage.directory / "context"
    context.mkdir()
    (context / "file").write_text("from the context\n")
    (context / "Containerfile").write_text(_kContainerfile)
    (context / "Failing").write_text(f"FROM {kImage}\nRUN echo before; exit 3\n")
    return context


@scenario("podman", "build", slow=True)
def built(stage):
    context = _context(stage)
    build = ("build", kNoNetwork, "--no-cache", "--layers=false")
    with Podman(stage) as podman:
        podman.see(*build, "-t", "localhost/built", "--build-arg", "WORD=given", context, step="build", timeout=300)
        podman.see("run", "--rm", kNoNetwork, "localhost/built", step="run what was built")
        podman.see(*build, "-f", context / "Failing", context, step="build with a RUN that fails")
        podman.must("rmi", "localhost/built")


class Buildah(Client):
    name = "buildah"

    def __init__(self, stage):
        super().__init__(stage)
        lines = lines_for("buildah", stage.runtime).splitlines()
        self.environment = dict(os.environ, **dict(line.removeprefix("export ").split("=", 1) for line in lines))

    def argv(self, words):
        return ["buildah", *words]


@scenario("buildah", "bud, from, run, commit")
def buildah(stage):
    stage.case.once(image)
    context = _context(stage)
    client = Buildah(stage)
    client.see("bud", kNoNetwork, "-t", "localhost/bud", "--build-arg", "WORD=given", context, step="bud", timeout=300)
    client.must("from", "--name", "work", "localhost/bud")
    run = ("run", kNoNetwork)
    client.see(*run, "work", "sh", "-c", "cat /made/words; id -u; exit 6", step="run with status 6")
    client.see(*run, "--user", "0", "work", "--", "sh", "-c", "echo x >/data/run", step="run as root")
    client.see(*run, "work", "nowhere", step="run of a command that is not there")
    client.see("commit", "-q", "work", "localhost/worked")
    with Podman(stage) as podman:
        podman.see("run", "--rm", kNoNetwork, "localhost/worked", "cat", "/data/run", step="podman run of what was committed")
    client.must("rm", "work")
    client.must("rmi", "localhost/worked", "localhost/bud")
