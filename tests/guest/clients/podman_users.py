# SPDX-License-Identifier: Apache-2.0
"""podman as root: --userns in all its forms, and whose a file is inside and outside."""
import contextlib
import os
import pathlib

from clients.comparing import scenario
from clients.podman import Podman, kImage, kNoNetwork
from report import script

_kSubordinates = ("/etc/subuid", "/etc/subgid")
# containers: whose ids --userns=auto takes; other: a name for --subuidname.
_kRanges = "containers:1000000:1000000\nother:3000000:70000\n"
_kQuestions = {
    "maps": "cat /proc/self/uid_map /proc/self/gid_map",
    "ids": "id -u; id -g",
    "owners": "stat -c %u:%g / /etc/passwd /mine",
    "a new file": "touch /mine/file && stat -c %u:%g /mine/file",
    "chown": "touch /tmp/file; chown 7:8 /tmp/file && stat -c %u:%g /tmp/file",
}
# step: the flags.
_kForms = {
    "host": ("--userns=host",),
    "keep-id": ("--userns=keep-id",),
    "nomap": ("--userns=nomap",),
    "auto": ("--userns=auto:size=5000",),
    "auto with a map": ("--userns=auto:size=5000,uidmapping=0:1500000:1,gidmapping=0:1500000:1",),
    "--uidmap and --gidmap": ("--uidmap=0:100000:5000", "--gidmap=0:200000:5000", "--user=7:8"),
    "several --uidmap": ("--uidmap=0:100000:1", "--uidmap=1:200000:4999", "--gidmap=0:100000:5000", "--user=1:1"),
    "--subuidname": ("--subuidname=other", "--subgidname=other"),
}


@contextlib.contextmanager
def _subordinate_ids():
    """These for as long as it takes."""
    before = {path: pathlib.Path(path).read_text() for path in _kSubordinates}
    try:
        for path, text in before.items():
            pathlib.Path(path).write_text(text + _kRanges)
        yield
    finally:
        for path, text in before.items():
            pathlib.Path(path).write_text(text)


def _volume(stage, name):
    volume = stage.directory / name
    volume.mkdir()
    volume.chmod(0o777)
    return volume


def _look(stage, podman, volume, step, *flags):
    result = podman.run("run", "--rm", kNoNetwork, *flags, "-v", f"{volume}:/mine", kImage, "sh", "-c", script(_kQuestions))
    stage.note_report(step, result)
    if result.status:
        stage.note(f"{step}: why", result.error)


@scenario("podman", "--userns", slow=True)
def user_namespaces(stage):
    with Podman(stage) as podman, _subordinate_ids():
        for number, (form, flags) in enumerate(_kForms.items()):
            volume = _volume(stage, f"volume{number}")
            _look(stage, podman, volume, form, *flags)
            owners = [os.stat(volume / name) for name in os.listdir(volume)]
            stage.note(f"{form}: its owner outside", " ".join(f"{one.st_uid}:{one.st_gid}" for one in owners))


@scenario("podman", "--userns of another container", slow=True)
def joined(stage):
    with Podman(stage) as podman, _subordinate_ids():
        podman.start("box", "--userns=auto:size=5000", kImage, "sleep", "1000")
        podman.see("exec", "box", "cat", "/proc/self/uid_map")
        volume = _volume(stage, "volume")
        _look(stage, podman, volume, "container:box", "--userns=container:box")
        podman.remove("box")
        podman.start("plain", kImage, "sleep", "1000")
        podman.see("run", "--rm", kNoNetwork, "--userns=container:plain", kImage, "cat", "/proc/self/uid_map",
                   step="container:plain, which has the host's")
        podman.remove("plain")
        podman.see("pod", "create", kNoNetwork, "--share-parent=false", "--userns=auto:size=5000", "--name", "pod")
        podman.see("run", "--rm", "--pod", "pod", kImage, "cat", "/proc/self/uid_map", step="run in a pod that has one")
        podman.see("pod", "rm", "--force", "--time", "0", "pod")
