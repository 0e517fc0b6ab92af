# SPDX-License-Identifier: Apache-2.0
"""Owners that are not the same inside and outside: user namespaces that somebody else made, id-mapped mounts."""
import contextlib
import os
import subprocess

from podman_client import kReference
from suite import expect_equal, expect_in, Skip, test

_kHost = 100000  # the host's number of the container's id 0
_kMap = {"containerID": 0, "hostID": _kHost, "size": 65536}


@contextlib.contextmanager
def _user_namespace():
    """The path of one that a process of ours is in."""
    with subprocess.Popen(["unshare", "--user", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        for kind in ("uid_map", "gid_map"):
            with open(f"/proc/{process.pid}/{kind}", "w", encoding="ascii") as file:
                file.write(f"0 {_kHost} 65536\n")
        yield f"/proc/{process.pid}/ns/user"
        process.kill()


def _given_away(bundle):
    """Its root is the container's, as engines make it."""
    for directory, names, files in os.walk(bundle.root):
        for name in (".", *names, *files):
            os.chown(os.path.join(directory, name), _kHost, _kHost, follow_symlinks=False)
    return bundle


def _output(case, runtime, bundle):
    container = case.container(bundle, runtime=runtime)
    result = container.run()
    expect_equal((result.status, result.err), (0, b""), f"{runtime}'s result")
    container.discard()
    return result.text


@test("id maps: a user namespace by its path gives the payload that one's maps, as with crun")
def joined(case):
    with _user_namespace() as path:

        def seen(runtime):
            bundle = _given_away(case.bundle()).script(
                "cat /proc/self/uid_map /proc/self/gid_map; id; stat -c %u:%g / /bin/sh; echo x >/data/new")
            bundle.linux["namespaces"].append({"type": "user", "path": path})
            # crun, as older runtimes, wants maps beside it; podman gives these.
            bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
            text = _output(case, runtime, bundle)
            info = (bundle.root / "data/new").stat()
            return text, (info.st_uid, info.st_gid)

        wanted = seen(kReference)
        expect_in(str(_kHost), wanted[0], "crun's map")
        expect_equal(wanted[1], (_kHost, _kHost), "owner of crun's new file")
        expect_equal(seen(case.lab.runtime), wanted, "compared with crun")


def _mapped(case, runtime, *options, owner=0, **mappings):
    """What a payload and the host see of a bind mount with files of several owners, one of whom no map has."""
    source = case.directory / f"source{len(os.listdir(case.directory))}"
    source.mkdir()
    os.chown(source, owner, owner)
    for number in (owner, owner + 7, 70000):
        (source / str(number)).write_text("x")
        os.chown(source / str(number), number, number)
    bundle = _given_away(case.bundle()).script(f"stat -c %n:%u:%g /data/*; echo y >/data/new; rm /data/{owner + 7}")
    bundle.linux["namespaces"].append({"type": "user"})
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [_kMap]
    bundle.bind(source, "/data", *options)
    bundle.config["mounts"][-1].update(mappings)
    text = _output(case, runtime, bundle)
    info = (source / "new").stat()
    return text, (info.st_uid, info.st_gid), sorted(os.listdir(source))


def _can_map(case):
    """crun says whether this kernel maps the ids of the file system here."""
    try:
        return _mapped(case, kReference, "idmap")
    except Exception as error:
        raise Skip(f"crun cannot either: {error}") from None


@test("id maps: an id-mapped mount shows the owners of the disk as the container's ids, and gives new files theirs")
def mapped(case):
    wanted = _can_map(case)
    expect_in("/data/7:7:7", wanted[0], "crun's owners")
    expect_equal(wanted[1:], ((0, 0), ["0", "70000", "new"]), "the host's view with crun")
    expect_equal(_mapped(case, case.lab.runtime, "idmap"), wanted, "compared with crun")
    expect_equal(_mapped(case, case.lab.runtime, "ridmap"), wanted, "recursively")
    maps = {"uidMappings": [_kMap], "gidMappings": [_kMap]}
    expect_equal(_mapped(case, case.lab.runtime, **maps), wanted, "with maps of the mount's own")


@test("id maps: maps of a mount's own differ from the container's", vm_only=True)
def other_maps(case):
    _can_map(case)
    shifted = [{"containerID": 1000, "hostID": _kHost, "size": 1000}]
    text, new, names = _mapped(case, case.lab.runtime, owner=1000, uidMappings=shifted, gidMappings=shifted)
    expect_in("/data/1007:7:7", text, "owners")
    expect_equal((new, names), ((1000, 1000), ["1000", "70000", "new"]), "the host's view")


@test("id maps: a file system that cannot is an error that says so, and leaves nothing", vm_only=True)
def impossible(case):
    bundle = case.bundle()
    bundle.linux["namespaces"].append({"type": "user"})
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [_kMap]
    bundle.bind("/usr", "/data", "idmap")  # an overlay, in the test machine
    result = case.run(bundle)
    expect_equal(result.status, 1, "status")
    expect_in("map the ids of a mount", result.error, "stderr")
