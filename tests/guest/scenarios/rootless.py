# SPDX-License-Identifier: Apache-2.0
"""The Debian package, installed: podman needs no flag but --runtime krun-oci, as root and as a user without it."""
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from podman_client import image, image_archive, kImage, podman
from suite import Failed, Skip, expect, expect_equal, expect_in, test

_kUser = "krun-guest-test"
_kNumber = 4242
_kHome = pathlib.Path("/home") / _kUser
_kRuntimeDirectory = f"/run/user/{_kNumber}"


def _done(*words, **options):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode:
        raise Failed(f"{words[0]}: {done.stdout[-300:]} {done.stderr[-300:]}")
    return done.stdout.decode()


def _installed(case):
    package = os.environ.get("KRUN_OCI_PACKAGE")
    if not package:
        raise Skip("KRUN_OCI_PACKAGE names no package")
    _done("dpkg", "--no-triggers", "--install", package)  # man-db reads every manual page of the computer
    case.once(image)
    return True


def _user(case):
    """A user with subordinate ids and a systemd of its own, who may use /dev/kvm, and the image in his store."""
    case.once(_installed)
    if not shutil.which("newuidmap"):
        raise Skip("no newuidmap here")
    _done("groupadd", "--force", "kvm")
    _done("useradd", "--create-home", "--uid", _kNumber, "--groups", "kvm", "--shell", "/bin/bash", _kUser)
    shutil.chown("/dev/kvm", "root", "kvm")
    os.chmod("/dev/kvm", 0o660)
    # What a distribution does at boot, and podman warns of otherwise.
    _done("mount", "--make-rshared", "/")
    _done("systemctl", "start", f"user@{_kNumber}.service")
    end = time.monotonic() + 30
    while not os.path.exists(f"{_kRuntimeDirectory}/bus"):
        expect(time.monotonic() < end, "the user's bus does not come up")
        time.sleep(0.1)
    image_archive(case, "/run/krun-guest-test.tar")
    _must("import", "/run/krun-guest-test.tar", kImage)
    _must("run", "--rm", "--network=none", kImage, "true", runtime="crun")  # his pause process, and more that stays
    return True


def _as_user():
    """A command line that runs its arguments as the user."""
    environment = {"HOME": _kHome, "USER": _kUser, "XDG_RUNTIME_DIR": _kRuntimeDirectory, "STORAGE_DRIVER": "vfs",
                   "DBUS_SESSION_BUS_ADDRESS": f"unix:path={_kRuntimeDirectory}/bus", "PATH": "/usr/bin:/bin"}
    return ["setpriv", f"--reuid={_kNumber}", f"--regid={_kNumber}", "--init-groups", "env", "-i",
            *(f"{name}={value}" for name, value in environment.items())]


def _podman(*words, runtime="krun-oci", **options):
    return podman(None, runtime, *words, user=_as_user(), **options)


def _must(*words, runtime="krun-oci"):
    done = _podman(*words, runtime=runtime)
    if done.returncode:
        raise Failed(f"podman {words[0]} as a user: {done.stderr[-500:]}")
    return done.stdout.decode()


def _same(*words, **options):
    wanted = _podman(*words, runtime="crun", **options)
    got = _podman(*words, **options)
    expect_equal((got.returncode, got.stdout), (wanted.returncode, wanted.stdout),
                 f"status and stdout, compared with crun (stderr {got.stderr[-300:]})")
    return got


@test("package: installed, podman takes it by its name, with no more flags", systemd=True, vm_only=True, needs=_installed)
def by_name(case):
    done = podman(case, "krun-oci", "run", "--rm", "--network=none", "IMAGE", "sh", "-c", "uname -r; exit 42")
    expect_equal(done.returncode, 42, f"status (stderr {done.stderr[-300:]})")
    expect(done.stdout.decode().strip() != os.uname().release, "it ran on the host's kernel")


@test("package: installed, krun is the same program, and needs no environment", systemd=True, vm_only=True, needs=_installed)
def alias(case):
    version = _done("env", "-i", "/usr/bin/krun", "--version")
    expect_equal(version, _done("/usr/bin/krun-oci", "--version"), "version")
    container = case.container(case.bundle().script("exit 7"), runtime="/usr/bin/krun")
    container.environment = {}
    expect_equal(container.run().status, 7, "status")


@test("package: manual pages, completion and examples are where they belong, and completion knows commands and flags", systemd=True,
      vm_only=True, needs=_installed)
def files(case):
    listed = _done("dpkg", "--listfiles", "krun-oci").split()
    for name in ("/usr/bin/krun-oci", "/usr/bin/krun", "/usr/bin/krun-config-gen", "/usr/lib/krun-oci/vmlinux",
                 "/usr/lib/krun-oci/krun-oci-systemd", "/usr/share/man/man1/krun-oci.1",
                 "/usr/share/man/man1/krun-oci-exec.1",
                 "/etc/containers/containers.conf.d/krun-oci.conf", "/usr/share/bash-completion/completions/krun-oci",
                 "/usr/share/doc/krun-oci/examples/config.toml", "/usr/share/doc/krun-oci/examples/runtimeclass.yaml"):
        expect(name in listed and os.path.lexists(name), f"{name} is missing")
    text = _done("bash", "-c", "source /usr/share/bash-completion/completions/krun-oci; COMP_WORDS=(krun-oci exec --no-n); "
                               "COMP_CWORD=2; _krun_oci; echo ${COMPREPLY[*]}")
    expect_equal(text.split(), ["--no-new-privs"], "completion of a flag")
    text = _done("bash", "-c", "source /usr/share/bash-completion/completions/krun-oci; COMP_WORDS=(krun-oci st); "
                               "COMP_CWORD=1; _krun_oci; echo ${COMPREPLY[*]}")
    expect_equal(sorted(text.split()), ["start", "state"], "completion of a command")


@test("rootless: podman run streams, statuses, users and files as with crun", systemd=True, vm_only=True, needs=_user)
def run(case):
    got = _same("run", "--rm", "-i", "--network=none", kImage, "sh", "-c", "cat; echo to-err >&2; exit 42", stdin=b"through\n" * 1000)
    expect_equal((got.returncode, len(got.stdout), got.stderr), (42, 8000, b"to-err\n"), "result")
    _same("run", "--rm", "--network=none", "--user", "1000:1000", kImage, "sh", "-c", "id -u; id -g; touch /tmp/x; stat -c %u:%g /tmp/x /")
    expect_equal(_same("run", "--rm", "--network=none", kImage, "nowhere").returncode, 127, "status of what is not there")


@test("rootless: a volume's files belong to the user outside and to root inside", systemd=True, vm_only=True, needs=_user)
def volume(case):
    shared = _kHome / "shared"
    shared.mkdir()
    os.chown(shared, _kNumber, _kNumber)
    _same("run", "--rm", "--network=none", "-v", f"{shared}:/mine", kImage, "sh", "-c",
          "stat -c %u:%g /mine; echo x >/mine/file$$; stat -c %u:%g /mine/file$$; touch /mine/other; chown 7:8 /mine/other")
    owners = {path.name: path.stat().st_uid for path in shared.iterdir()}
    expect_equal(owners["other"], 100000 + 7 - 1, "owner outside of what the payload gave away")
    expect_equal({owner for name, owner in owners.items() if name != "other"}, {_kNumber}, "owner outside")
    shutil.rmtree(shared)


@test("rootless: limits, exec, pause, stop and a forced removal, in a scope of the user's own systemd", systemd=True, vm_only=True, needs=_user)
def lifecycle(case):
    _same("run", "--rm", "--network=none", "--memory=128m", kImage, "cat", "/sys/fs/cgroup/memory.max")
    name = _must("run", "-d", "--network=none", kImage, "/bin/probe", "signals").strip()
    pid = _must("inspect", "--format", "{{.State.Pid}}", name).strip()
    with open(f"/proc/{pid}/cgroup") as file:
        expect_in(f"/user@{_kNumber}.service/", file.read(), "cgroup")
    expect_equal(pwd.getpwuid(os.stat(f"/proc/{pid}").st_uid).pw_name, _kUser, "whose process it is")
    expect_equal(_podman("exec", name, "sh", "-c", "echo inside; exit 5").returncode, 5, "status of exec")
    _must("pause", name)
    _must("unpause", name)
    _must("stop", name)
    expect_equal(_must("wait", name), "7\n", "status after stop")
    _must("rm", name)
    name = _must("run", "-d", "--network=none", kImage, "sleep", "1000").strip()
    _must("rm", "--force", "--time=0", name)


@test("rootless: a user who may not use /dev/kvm is told so, and the container is not there", systemd=True, vm_only=True, needs=_user)
def no_permission(case):
    os.chmod("/dev/kvm", 0o600)
    try:
        done = _podman("run", "--rm", "--network=none", kImage, "true")
    finally:
        os.chmod("/dev/kvm", 0o660)
    expect(done.returncode not in (0, 127), f"status {done.returncode}, stderr {done.stderr[-300:]}")
    expect_in(b"/dev/kvm", done.stderr, "stderr")
    expect_equal(_must("ps", "-aq"), "", "containers")
