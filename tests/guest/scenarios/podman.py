# SPDX-License-Identifier: Apache-2.0
"""podman with user namespaces, compared with the same command on crun. Everything else is in clients/."""
import os

from podman_client import image, kImage, kReference, podman
from suite import expect_equal, test

_kMaps = ("--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000")


def _run(case, runtime, *words, **options):
    return podman(case, runtime, "run", "--rm", "--network=none", *words, flags=("--cgroup-manager=cgroupfs",), **options)


def _same(case, *words, **options):
    """podman run on crun and on the runtime under test: the latter's result, having checked that both agree."""
    wanted = _run(case, kReference, *words, **options)
    got = _run(case, case.lab.runtime, *words, **options)
    expect_equal((got.returncode, got.stdout), (wanted.returncode, wanted.stdout),
                 f"status and stdout, compared with crun (stderr {got.stderr[-300:]})")
    return got


@test("podman: run --uidmap gives a user namespace with these maps, and owners as the host has them")
def user_namespace(case):
    case.once(image)
    volume = case.directory / "volume"
    volume.mkdir()
    os.chown(volume, 100007, 200008)
    got = _same(case, *_kMaps, "--user", "7:8", "--volume", f"{volume}:/mine", kImage, "sh", "-c",
                "cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; stat -c %u:%g /mine /etc/passwd /; "
                "echo x >/mine/new; stat -c %u:%g /mine/new")
    os.chown("/dev/null", 0, 0)  # crun gives the container's stdin, which it is, to the user
    expect_equal(got.stdout.decode().split()[-1], "7:8", "owner of a new file")
    info = (volume / "new").stat()
    expect_equal((info.st_uid, info.st_gid), (100007, 200008), "owner on the host")


def _given_away(case, runtime):
    """A volume of root's that podman gives to the container's user: what is seen inside, and the owners outside."""
    volume = case.directory / f"of-{os.path.basename(runtime)}"
    volume.mkdir()
    (volume / "old").write_text("x")
    got = _run(case, runtime, *_kMaps, "--user", "7:8", "--volume", f"{volume}:/mine:U", kImage, "sh", "-c",
               "stat -c '%u:%g %n' /mine /mine/old; echo y >>/mine/old && echo z >/mine/new && stat -c %u:%g /mine/new")
    owners = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in volume.iterdir()}
    return (got.returncode, got.stdout, owners)


@test("podman: run --volume with the option U gives the files to the container's user")
def given_away(case):
    case.once(image)
    wanted, got = (_given_away(case, runtime) for runtime in (kReference, case.lab.runtime))
    expect_equal(got, wanted, "status, stdout and owners on the host, compared with crun")
    expect_equal(got[2], {"old": (100007, 200008), "new": (100007, 200008)}, "owners on the host")
