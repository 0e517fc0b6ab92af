# SPDX-License-Identifier: Apache-2.0
"""podman: volumes, secrets, and the files of a container from outside."""
import subprocess

from clients.comparing import scenario
from clients.podman import Podman, kImage, kNoNetwork

_kRun = ("run", "--rm", kNoNetwork)


@scenario("podman", "volumes and secrets")
def volumes(stage):
    volume = stage.directory / "volume"
    volume.mkdir()
    (volume / "file").write_text("from the host\n")
    secret = stage.directory / "secret"
    secret.write_text("hush\n")
    with Podman(stage) as podman:
        podman.must("secret", "create", "word", secret)
        podman.see("volume", "create", "named")
        podman.ask(*_kRun, "-v", f"{volume}:/rw", "-v", f"{volume}:/ro:ro", "-v", f"{volume}/file:/one", "-v",
                   f"{volume}/file:/one-ro:ro", "-v", "named:/named", "-v", f"{volume}:/copy:O", "--secret", "word",
                   "--secret", "word,type=env,target=WORD", "--mount", "type=tmpfs,destination=/t,tmpfs-size=1m",
                   kImage, step="run with volumes", questions={
                       "-v DIRECTORY": "cat /rw/file; echo new >/rw/new && cat /rw/new",
                       "-v DIRECTORY:ro": "cat /ro/new; echo x >/ro/file",
                       "-v FILE": "echo changed >/one && cat /rw/file",
                       "-v FILE:ro": "echo x >/one-ro",
                       "-v NAME": "echo kept >/named/file && stat -c %a /named",
                       "-v DIRECTORY:O": "echo hidden >/copy/hidden; rm /copy/file; ls /copy",
                       "--secret": "cat /run/secrets/word; stat -c '%a %u' /run/secrets/word; echo $WORD",
                       "--mount type=tmpfs": "grep -o ' /t tmpfs .*size=[^ ,]*' /proc/mounts",
                   })
        stage.note("the directory afterwards", " ".join(sorted(path.name for path in volume.iterdir())))
        podman.see(*_kRun, "-v", "named:/named:ro", kImage, "cat", "/named/file")
        podman.see("volume", "rm", "named")
        podman.must("secret", "rm", "word")


@scenario("podman", "cp")
def copies(stage):
    (stage.directory / "tree").mkdir()
    (stage.directory / "tree/file").write_text("copied\n")
    (stage.directory / "volume").mkdir()
    with Podman(stage) as podman:
        podman.start("box", "-v", f"{stage.directory}/volume:/data", "-v", f"{stage.directory}/volume:/lacking", "--tmpfs", "/root",
                     kImage, "sleep", "1000")
        # Looked for before it is there: a name that is known to be missing has to be looked for again.
        podman.must("exec", "box", "sh", "-c", "cat /tmp/tree/file; echo made >/etc/made; echo made >/root/made")
        podman.see("cp", "tree", "box:/tmp/", step="cp of a directory into a running container")
        podman.see("cp", "box:/etc/made", "made", step="cp of a file from a running container")
        podman.see("cp", "tree/file", "box:/data/", step="cp into a volume of a running container")
        podman.see("cp", "tree/file", "box:/lacking/other", step="cp into one whose directory the image lacks")
        podman.see("cp", "tree/file", "box:/root/", step="cp into a tmpfs of a running container")
        podman.see("cp", "box:/root/made", "out", step="cp from a tmpfs of a running container")
        podman.see("cp", "box:/nowhere", "out", step="cp of a file that is not there")
        # A name that the guest has looked at is true for one second at most.
        podman.see("exec", "box", "sh", "-c", "sleep 1; cat /tmp/tree/file; stat -c %u:%g /tmp/tree/file; cat /data/file",
                   step="what its program then sees")
        podman.must("stop", "--time", "0", "box")
        podman.see("cp", "tree/file", "box:/tmp/stopped", step="cp into a stopped container")
        podman.see("cp", "box:/tmp/stopped", "stopped", step="cp from a stopped container")
        podman.remove("box")
    for name in ("made", "stopped", "volume/file", "volume/other"):
        stage.note(f"{name}, as it arrived", _content(stage, name))


def _content(stage, name):
    path = stage.directory / name
    return path.read_text() if path.exists() else "no file"


@scenario("podman", "diff, commit, export", slow=True)
def layers(stage):
    with Podman(stage) as podman:
        podman.start("box", kImage, "sh", "-c", "echo changed >/etc/plain; rm /etc/group; echo new >/data/new; sleep 1000")
        podman.must("exec", "box", "sh", "-c", "while [ ! -e /data/new ]; do sleep 0.1; done")
        podman.see("diff", "box", step="diff of a running container")
        podman.see("commit", "-q", "box", "localhost/committed")
        podman.see(*_kRun, "localhost/committed", "sh", "-c", "cat /etc/plain /data/new; ls /etc",
                   step="run what was committed")
        podman.must("export", "--output", stage.directory / "exported.tar", "box")
        listing = subprocess.run(["tar", "-tf", stage.directory / "exported.tar"], stdout=subprocess.PIPE, check=True)
        names = [name for name in listing.stdout.decode().split() if name.startswith(("data/", "etc/", "run/"))]
        stage.note("what export holds of /data, /etc and /run", " ".join(sorted(names)))
        podman.remove("box")
        podman.must("rmi", "localhost/committed")
