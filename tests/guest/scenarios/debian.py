# SPDX-License-Identifier: Apache-2.0
"""Debian in a container: its package manager, programs that become somebody else, and an engine that runs containers in it."""
import os
import pathlib
import shutil
import stat
import subprocess

from podman_client import image_archive, kImage
from suite import Skip, expect, expect_equal, expect_in, test

_kShift = 100000
_kTimeout = 1200  # seconds; all of it is emulated
_kCapabilities = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID
    SYS_CHROOT""".split()
_kAllCapabilities = _kCapabilities + """DAC_READ_SEARCH IPC_LOCK LEASE NET_ADMIN SETPCAP SYS_ADMIN SYS_NICE SYS_PTRACE
    SYS_RESOURCE""".split()
_kInstall = """exec 2>&1
export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-install-recommends /var/cache/apt/archives/sudo_*.deb && useradd --create-home somebody"""
_kSudo = """echo 'somebody ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/somebody
su somebody -c 'id -u; sudo -n id -u; sudo -n -u nobody id -un; sudo -n cat /etc/shadow | grep -c somebody'"""
_kPurge = """exec 2>&1
rm /etc/sudoers.d/somebody
SUDO_FORCE_REMOVE=yes apt-get purge -y sudo && dpkg --audit && dpkg --verify"""


def _unpacked(bundle):
    archive = os.environ.get("KRUN_CLEAN_ROOT")
    if not archive:
        raise Skip("KRUN_CLEAN_ROOT names no archive, as hack/clean-root makes one where debootstrap can run")
    shutil.rmtree(bundle.root)
    bundle.root.mkdir()
    subprocess.run(["tar", "-C", bundle.root, "--numeric-owner", "-xf", archive], check=True)
    (bundle.root / "etc/hosts").write_text("127.0.0.1 localhost box\n")
    return bundle.root


def _shift_owners(root):
    """Its files become those of a user namespace's ids."""
    for directory, names, files in os.walk(root):
        for path in (pathlib.Path(directory) / name for name in (".", *names, *files)):
            info = path.lstat()
            if info.st_uid >= _kShift:
                continue
            os.chown(path, info.st_uid + _kShift, info.st_gid + _kShift, follow_symlinks=False)
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(info.st_mode))  # chown(2) ends setuid


def _bundle(case, capabilities):
    bundle = case.bundle()
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind] = ["CAP_" + name for name in capabilities]
    bundle.process["noNewPrivileges"] = False
    return bundle


def _do(case, bundle, script):
    (bundle.path / "config.json").unlink(missing_ok=True)
    bundle.process["args"] = ["/bin/sh", "-c", script]
    result = case.run(bundle, timeout=_kTimeout)
    expect_equal(result.status, 0, f"status of {script[:60]} ({result.text[-600:]} {result.error[-300:]})")
    return result.text


def _names(root):
    return {os.path.join(directory, name) for directory, names, files in os.walk(root / "usr") for name in names + files}


def _life_of_a_package(case, bundle, owner):
    """`owner`: the host's number of the container's root."""
    before = _names(bundle.root)
    expect_in("Setting up sudo", _do(case, bundle, _kInstall), "what apt did")
    info = (bundle.root / "usr/bin/sudo").stat()
    expect_equal((info.st_uid, info.st_gid, oct(info.st_mode)), (owner, owner, "0o104755"), "sudo's owner and mode")
    home = (bundle.root / "home/somebody").stat()
    expect_equal((home.st_uid, home.st_gid), (owner + 1000, owner + 1000), "owner of the user's home")
    expect_equal(_do(case, bundle, _kSudo), "1000\n0\nnobody\n1\n", "who is who")
    expect_in("Purging configuration files for sudo", _do(case, bundle, _kPurge), "what apt did")
    expect(not (bundle.root / "etc/sudoers").exists(), "its configuration is left")
    expect_equal(sorted(_names(bundle.root) ^ before), [], "what is below /usr and was not, or the other way round")


@test("debian: apt installs a package and purges it, and sudo makes root of a user", slow=True)
def rootful(case):
    bundle = _bundle(case, _kCapabilities)
    _unpacked(bundle)
    _life_of_a_package(case, bundle, owner=0)


@test("debian: the same in a user namespace", slow=True)
def mapped(case):
    bundle = _bundle(case, _kCapabilities)
    _shift_owners(_unpacked(bundle))
    bundle.linux["namespaces"].append({"type": "user"})
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": _kShift, "size": 65536}]
    _life_of_a_package(case, bundle, owner=_kShift)


_kEngine = """exec 2>&1
export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-install-recommends podman >/log || { tail -n 20 /log; exit 1; }
podman import -q /root.tar IMAGE >/log || { tail -n 20 /log; exit 1; }"""
_kContainer = """podman="podman --cgroup-manager=cgroupfs"
$podman info --format '{{.Store.GraphDriverName}}'
$podman run --name one --network=none IMAGE sh -c 'id -u; echo new >/etc/new; rm -r /usr; mkdir /usr; exit 42'
echo $?
$podman diff one | grep /etc/new
$podman commit -q one two >/dev/null && $podman run --rm --network=none two sh -c 'cat /etc/new; ls -A /usr'
$podman rm one >/dev/null; $podman ps -aq"""


@test("debian: podman in a container runs containers, whose overlays lie on its files", vm_only=True, slow=True)
def nested(case):
    bundle = _bundle(case, _kAllCapabilities)
    _unpacked(bundle)
    image_archive(case, bundle.root / "root.tar")
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["destination"] != "/sys"]
    bundle.config["mounts"] += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"},
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs"}]
    _do(case, bundle, _kEngine.replace("IMAGE", kImage))
    expect_equal(_do(case, bundle, _kContainer.replace("IMAGE", kImage)), "overlay\n0\n42\nA /etc/new\nnew\n", "what podman says")
