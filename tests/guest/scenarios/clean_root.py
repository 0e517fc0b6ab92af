# SPDX-License-Identifier: Apache-2.0
"""A minimal Debian in which nothing of ours or of podman is: the package is installed there as a person does it."""
import os
import shutil
import subprocess

from podman_client import image_archive, kImage
from suite import Skip, expect, expect_equal, expect_in, test

# The directory becomes the root of a mount namespace; nothing else of this computer is left in it but the kernel's own.
_kEnter = """set -e
mount --bind "$1" "$1"
cd "$1"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs tmpfs run
mount -t proc proc proc
pivot_root . mnt
umount -l mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive sh -c "$2"
"""
_kInstall = """exec 2>&1
apt-get install -y --no-install-recommends podman /krun-oci.deb && podman import -q /root.tar IMAGE"""
_kRun = "podman --runtime krun-oci run --rm --network=none IMAGE sh -c 'uname -r; id -u; exit 42'"


def _clean_root(case):
    """Filled from hack/clean-root's archive, with the package and an image's archive in it."""
    archive, package = os.environ.get("KRUN_CLEAN_ROOT"), os.environ.get("KRUN_OCI_PACKAGE")
    if not package:
        raise Skip("KRUN_OCI_PACKAGE names no package")
    if not archive:
        raise Skip("KRUN_CLEAN_ROOT names no archive, as hack/clean-root makes one where debootstrap can run")
    root = case.directory / "clean"
    root.mkdir()
    subprocess.run(["tar", "-C", root, "--numeric-owner", "-xf", archive], check=True)
    shutil.copy(package, root / "krun-oci.deb")
    image_archive(case, root / "root.tar")
    return root


def _inside(root, script):
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", _kEnter, "sh", root,
                           script.replace("IMAGE", kImage)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=900, check=False)


@test("clean root: apt installs the package and podman, which runs a container by the runtime's name alone", vm_only=True,
      slow=True)
def installed(case):
    root = _clean_root(case)
    expect(not (root / "usr/bin/podman").exists() and not (root / "usr/bin/krun-oci").exists(), "the root is not clean")
    done = _inside(root, _kInstall)
    expect_equal(done.returncode, 0, f"status of the installation ({done.stdout[-600:]})")
    expect_in(b"Setting up krun-oci", done.stdout, "what apt did")
    done = _inside(root, _kRun)
    expect_equal(done.returncode, 42, f"status (stderr {done.stderr[-600:]})")
    release, user = done.stdout.decode().split()
    expect(release != os.uname().release, "it ran on the host's kernel")
    expect_equal(user, "0", "user")
