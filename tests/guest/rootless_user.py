# SPDX-License-Identifier: Apache-2.0
"""The package, installed, and a user without privileges who has podman, a systemd of his own and subordinate ids."""
import os
import pathlib
import shutil
import subprocess
import time

from podman_client import image, image_archive, kImage, podman
from suite import Failed, Skip, expect

kUser = "krun-guest-test"
kNumber = 4242
kHome = pathlib.Path("/home") / kUser
_kRuntimeDirectory = f"/run/user/{kNumber}"


def output_of(*words, **options):
    """Of a command that has to succeed."""
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode:
        raise Failed(f"{words[0]}: {done.stdout[-300:]} {done.stderr[-300:]}")
    return done.stdout.decode()


def installed(case):
    package = os.environ.get("KRUN_OCI_PACKAGE")
    if not package:
        raise Skip("KRUN_OCI_PACKAGE names no package")
    output_of("dpkg", "--no-triggers", "--install", package)  # man-db reads every manual page of the computer
    case.once(image)
    return True


def user(case):
    """A user with subordinate ids and a systemd of its own, who may use /dev/kvm, and the image in his store."""
    case.once(installed)
    if not shutil.which("newuidmap"):
        raise Skip("no newuidmap here")
    output_of("groupadd", "--force", "kvm")
    output_of("useradd", "--create-home", "--uid", kNumber, "--groups", "kvm", "--shell", "/bin/bash", kUser)
    shutil.chown("/dev/kvm", "root", "kvm")
    os.chmod("/dev/kvm", 0o660)
    # What a distribution does at boot, and podman warns of otherwise.
    output_of("mount", "--make-rshared", "/")
    output_of("systemctl", "start", f"user@{kNumber}.service")
    end = time.monotonic() + 30
    while not os.path.exists(f"{_kRuntimeDirectory}/bus"):
        expect(time.monotonic() < end, "the user's bus does not come up")
        time.sleep(0.1)
    image_archive(case, "/run/krun-guest-test.tar")
    must("import", "/run/krun-guest-test.tar", kImage)
    must("run", "--rm", "--network=none", kImage, "true", runtime="crun")  # his pause process, and more that stays
    return True


def as_user():
    """A command line that runs its arguments as the user."""
    environment = {"HOME": kHome, "USER": kUser, "XDG_RUNTIME_DIR": _kRuntimeDirectory, "STORAGE_DRIVER": "vfs",
                   "DBUS_SESSION_BUS_ADDRESS": f"unix:path={_kRuntimeDirectory}/bus", "PATH": "/usr/bin:/bin"}
    return ["setpriv", f"--reuid={kNumber}", f"--regid={kNumber}", "--init-groups", "env", "-i",
            *(f"{name}={value}" for name, value in environment.items())]


def podman_as_user(*words, runtime="krun-oci", **options):
    return podman(None, runtime, *words, user=as_user(), **options)


def must(*words, runtime="krun-oci"):
    done = podman_as_user(*words, runtime=runtime)
    if done.returncode:
        raise Failed(f"podman {words[0]} as a user: {done.stderr[-500:]}")
    return done.stdout.decode()
