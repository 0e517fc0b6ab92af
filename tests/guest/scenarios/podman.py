# SPDX-License-Identifier: Apache-2.0
"""podman on top of the runtime: what a person types, compared with the same command on crun."""
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
