# SPDX-License-Identifier: Apache-2.0
"""podman as a person types it, with an image of the tests' own."""
import subprocess

from bundle import make_root
from suite import expect_equal

kImage = "localhost/krun-guest-test"
kReference = "/usr/bin/crun"


def podman(case, runtime, *words, stdin=b"", timeout=120, flags=(), user=()):
    """IMAGE among the words is the image. flags: of podman itself. user: a command that runs its argument as another user."""
    argv = [*user, "podman", *flags, "--runtime", runtime, *(kImage if word == "IMAGE" else str(word) for word in words)]
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          cwd="/" if user else case.directory, check=False)


def image_archive(case, path):
    root = case.directory / "root"
    make_root(root, case.lab.probe)
    subprocess.run(["tar", "-C", root, "-cf", path, "."], check=True)


def image(case):
    """Imports the image; podman's own lasting files are made here, before a test's census."""
    image_archive(case, case.directory / "root.tar")
    done = podman(case, kReference, "import", case.directory / "root.tar", kImage)
    expect_equal(done.returncode, 0, f"podman import ({done.stderr[-300:]})")
    return True
