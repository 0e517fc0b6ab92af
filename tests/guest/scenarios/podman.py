# SPDX-License-Identifier: Apache-2.0
"""podman on top of the runtime: what a person types, compared with the same command on crun."""
import os
import subprocess

from bundle import make_root
from suite import expect, expect_equal, expect_in, test

_kImage = "localhost/krun-guest-test"
_kReference = "/usr/bin/crun"


def _podman(case, runtime, *words, stdin=b"", timeout=120):
    argv = ["podman", "--cgroup-manager=cgroupfs", "--runtime", runtime, *map(str, words)]
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          cwd=case.directory, check=False)


def _image(case):
    """Imports the image; podman's own lasting files are made here, before a test's census."""
    root = case.directory / "root"
    make_root(root, case.lab.probe)
    subprocess.run(["tar", "-C", root, "-cf", case.directory / "root.tar", "."], check=True)
    done = _podman(case, _kReference, "import", case.directory / "root.tar", _kImage)
    expect_equal(done.returncode, 0, f"podman import ({done.stderr[-300:]})")
    return True


def _run(case, runtime, *words, **options):
    return _podman(case, runtime, "run", "--rm", "--network=none", *words, **options)


def _same(case, *words, **options):
    """podman run on crun and on the runtime under test: the latter's result, having checked that both agree."""
    wanted = _run(case, _kReference, *words, **options)
    got = _run(case, case.lab.runtime, *words, **options)
    expect_equal((got.returncode, got.stdout), (wanted.returncode, wanted.stdout),
                 f"status and stdout, compared with crun (stderr {got.stderr[-300:]})")
    return got


@test("podman: the image is imported")
def image(case):
    case.once(_image)


@test("podman: run prints stdout and stderr and returns 42")
def streams(case):
    case.once(_image)
    got = _same(case, _kImage, "sh", "-c", "echo to-out; echo to-err >&2; exit 42")
    expect_equal((got.returncode, got.stdout, got.stderr), (42, b"to-out\n", b"to-err\n"), "result")


@test("podman: run -i passes stdin and returns 0")
def stdin(case):
    case.once(_image)
    got = _same(case, "-i", _kImage, "cat", stdin=b"through the machine\n" * 1000)
    expect_equal((got.returncode, len(got.stdout)), (0, 20000), "status and bytes")


@test("podman: run --user 1000, with environment, hostname, working directory and volume")
def user(case):
    case.once(_image)
    volume = case.directory / "volume"
    volume.mkdir()
    (volume / "file").write_text("from the host\n")
    got = _same(case, "--user", "1000:1000", "--env", "NAME=value", "--hostname", "name", "--workdir", "/data",
                "--volume", f"{volume}:/mine:ro", _kImage, "sh", "-c",
                "id -u; id -g; echo $NAME; hostname; pwd; cat /mine/file; echo x 2>&1 >/mine/file; grep CapEff /proc/self/status")
    lines = got.stdout.decode().splitlines()
    expect_equal(lines[:6], ["1000", "1000", "value", "name", "/data", "from the host"], "output")
    expect_in("Read-only file system", lines[6], "write to the volume")


@test("podman: run --init passes the status on")
def with_init(case):
    case.once(_image)
    got = _same(case, "--init", _kImage, "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; exit 42")
    expect_equal(got.returncode, 42, "status")
    expect_in("init -- sh", got.stdout.decode(), "PID 1")


@test("podman: run --uidmap gives a user namespace with these maps, and owners as the host has them")
def user_namespace(case):
    case.once(_image)
    volume = case.directory / "volume"
    volume.mkdir()
    os.chown(volume, 100007, 200008)
    got = _same(case, "--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000", "--user", "7:8", "--volume", f"{volume}:/mine",
                _kImage, "sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; stat -c %u:%g /mine /etc/passwd /; "
                "echo x >/mine/new; stat -c %u:%g /mine/new")
    os.chown("/dev/null", 0, 0)  # crun gives the container's stdin, which it is, to the user
    expect_equal(got.stdout.decode().split()[-1], "7:8", "owner of a new file")
    info = (volume / "new").stat()
    expect_equal((info.st_uid, info.st_gid), (100007, 200008), "owner on the host")


@test("podman: run --volume with :O gives an overlay, and leaves the volume as it is")
def overlay(case):
    case.once(_image)
    volume = case.directory / "volume"
    volume.mkdir()
    (volume / "file").write_text("kept\n")
    got = _same(case, "--volume", f"{volume}:/mine:O", _kImage, "sh", "-c",
                "cat /mine/file; echo changed >/mine/file; echo x >/mine/new; rm /mine/file; ls /mine")
    expect_equal(got.stdout.decode().split(), ["kept", "new"], "what it saw")
    expect_equal([path.name for path in volume.iterdir()], ["file"], "the volume")


@test("podman: a missing command is 127")
def not_found(case):
    case.once(_image)
    expect_equal(_same(case, _kImage, "nowhere").returncode, 127, "status")


@test("podman: a file that is not executable is 126")
def not_executable(case):
    case.once(_image)
    expect_equal(_same(case, _kImage, "/etc/plain").returncode, 126, "status")


def _detached(case, runtime, *words):
    done = _podman(case, runtime, "run", "-d", "--network=none", *words)
    expect_equal(done.returncode, 0, f"podman run -d on {runtime} ({done.stderr[-300:]})")
    return done.stdout.decode().strip()


def _ended_by(case, runtime, *verb):
    """Starts the signals program, ends it by `podman VERB`, and collects what podman then says."""
    name = _detached(case, runtime, _kImage, "/bin/probe", "signals")
    done = _podman(case, runtime, *verb, name)
    expect_equal(done.returncode, 0, f"podman {verb[0]} ({done.stderr[-300:]})")
    status = _podman(case, runtime, "wait", name).stdout
    logs = _podman(case, runtime, "logs", name).stdout
    expect_equal(_podman(case, runtime, "rm", name).returncode, 0, "podman rm")
    return status, logs


@test("podman: run -d, stop, wait, logs and rm; the payload's own handler decides the status")
def stop(case):
    case.once(_image)
    wanted = _ended_by(case, _kReference, "stop")
    expect_equal(_ended_by(case, case.lab.runtime, "stop"), wanted, "wait and logs, compared with crun")
    expect_equal(wanted, (b"7\n", b"ready\nsignal 15\n"), "wait and logs")


@test("podman: kill ends a detached container with 137")
def kill(case):
    case.once(_image)
    wanted = _ended_by(case, _kReference, "kill")
    got = _ended_by(case, case.lab.runtime, "kill")
    expect_equal((got[0], wanted[0]), (b"137\n", b"137\n"), "statuses")


@test("podman: rm --force of a running container leaves nothing")
def remove(case):
    case.once(_image)
    name = _detached(case, case.lab.runtime, _kImage, "/bin/sleep", "1000")
    expect_equal(_podman(case, case.lab.runtime, "rm", "--force", "--time", "0", name).returncode, 0, "podman rm")
    expect(name not in _podman(case, case.lab.runtime, "ps", "-aq", "--no-trunc").stdout.decode(), "still listed")


def _executed(case, runtime):
    """What a person sees of podman exec in its forms, pause and unpause, in one container."""
    name = _detached(case, runtime, _kImage, "/bin/sleep", "1000")
    seen = []

    def see(*words, **options):
        done = _podman(case, runtime, *words, **options)
        seen.append((words[0], done.returncode, done.stdout))

    see("exec", name, "sh", "-c", "echo out; echo err >&2; exit 7")
    see("exec", "-i", name, "cat", stdin=b"through\n" * 5000)
    see("exec", "--user", "1000:1000", "--workdir", "/data", "--env", "NAME=value", name, "sh", "-c",
        "id -u; id -g; pwd; echo $NAME")
    see("exec", name, "no-such-program")
    see("exec", name, "/etc/plain")
    see("exec", "-t", name, "sh", "-c", "tty >/dev/null && echo terminal")
    see("exec", name, "sh", "-c", "kill -9 $$")
    started = _podman(case, runtime, "exec", "-d", name, "sh", "-c", "echo detached >/tmp/detached")
    seen.append(("exec -d", started.returncode, b""))
    see("exec", name, "sh", "-c", "while [ ! -s /tmp/detached ]; do sleep 0.1; done; cat /tmp/detached")
    see("pause", name)
    see("inspect", "--format", "{{.State.Status}}", name)
    see("unpause", name)
    see("exec", name, "echo", "again")
    see("kill", "--signal", "KILL", name)
    see("wait", name)
    see("rm", name)
    return [(verb, status, out.replace(name.encode(), b"NAME")) for verb, status, out in seen]


@test("podman: exec in its forms, pause and unpause")
def executed(case):
    case.once(_image)
    wanted = _executed(case, _kReference)
    got = _executed(case, case.lab.runtime)
    for one, other in zip(got, wanted):
        expect_equal(one, other, "compared with crun")
