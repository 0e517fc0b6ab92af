# SPDX-License-Identifier: Apache-2.0
"""Disk images: as disks of the container, and as its root."""
import os
import pathlib
import subprocess

from executed import kWait, shell, test
from report import ask
from suite import Skip, expect, expect_equal, expect_in

_kMib = 1 << 20


def _tool(*words):
    try:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise Skip(f"{words[0]} is not installed") from None


def _ext4(path, mib, *options):
    path.touch()
    os.truncate(path, mib * _kMib)
    _tool("mkfs.ext4", "-q", "-F", *options, str(path))


def _bundle_with_disks(case, annotations):
    """A privileged container, on whose /mnt a disk may be mounted."""
    bundle = case.bundle().privileged()
    bundle.tmpfs("/mnt", "mode=755")
    bundle.config["annotations"] = annotations
    return bundle


def _rooted_in(case, text, *options, value=""):
    """A container whose root is an ext4 image with the content of the bundle's root file system, which has none then."""
    bundle = case.bundle().script(text)
    image = bundle.path / "root.img"
    _ext4(image, 64, "-d", str(bundle.root), *options)
    subprocess.run(["rm", "-r", str(bundle.root)], check=True)
    bundle.root.mkdir()
    bundle.config["annotations"] = {"krun-oci.root": f"root.img{value}"}
    return bundle, image


def _read(image, path):
    return subprocess.run(["debugfs", "-R", f"cat {path}", str(image)], capture_output=True, check=True).stdout.decode()


def _two_disks(case):
    bundle = _bundle_with_disks(case, {"krun-oci.disk.data": "data.img", "krun-oci.disk.cow": "cow.img,format=qcow2"})
    _ext4(bundle.path / "data.img", 32)
    _tool("qemu-img", "create", "-q", "-f", "qcow2", str(bundle.path / "cow.img"), "32M")
    before = (bundle.path / "data.img").stat().st_blocks
    report = ask(case, bundle, {
        "names": "for name in data cow; do readlink /dev/disk/by-id/virtio-$name; done",
        "serial": "cat /sys/block/vdb/serial; echo",
        "node": "stat -c '%a %u:%g %F' /dev/vdb",
        "mounted": "mount -t ext4 -o discard /dev/disk/by-id/virtio-data /mnt && echo kept >/mnt/file",
        "much": "dd if=/dev/zero bs=1M count=16 2>/dev/null | tr '\\0' x >/mnt/much && sync && rm /mnt/much && sync",
        "unmounted": "umount /mnt",
        "cow": "dd if=/bin/busybox of=/dev/vda bs=64k 2>/dev/null; cmp -n 500000 /bin/busybox /dev/vda && echo same",
    })
    return report, _what_is_left(bundle, before)


def _what_is_left(bundle, blocks_before):
    """Of the images, which are gone when the first of the tests is over."""
    data, cow = bundle.path / "data.img", bundle.path / "cow.img"
    _tool("fsck.ext4", "-fn", str(data))
    _tool("qemu-img", "check", "-q", "-f", "qcow2", str(cow))
    _tool("qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(cow), str(cow) + ".raw")
    program = pathlib.Path("/bin/busybox").read_bytes()
    return {"file": _read(data, "/file"), "grown": (data.stat().st_blocks - blocks_before) * 512,
            "program": pathlib.Path(str(cow) + ".raw").read_bytes().startswith(program)}


@test("disks: the payload's root finds them by their names, and nobody else may use them", vm_only=True)
def named(case):
    report, _ = case.once(_two_disks)
    expect_equal(report["names"], "../../vdb\n../../vda", "links")
    expect_equal(report["serial"], "data", "serial of vdb")
    expect_equal(report["node"], "600 0:0 block special file", "/dev/vdb")


@test("disks: what is written to a raw image is in it, and what is discarded is the host's again", vm_only=True)
def raw(case):
    report, left = case.once(_two_disks)
    expect_equal([report[step] for step in ("mounted", "much", "unmounted")], ["", "", ""], "steps")
    expect_equal(left["file"], "kept\n", "/file on the image")
    expect(left["grown"] < 4 * _kMib, f"the image has grown by {left['grown']} bytes, the file of 16 MiB was removed")


@test("disks: what is written to a qcow2 image is in it, and qemu-img finds nothing wrong", vm_only=True)
def qcow2(case):
    report, left = case.once(_two_disks)
    expect_equal(report["cow"], "same", "what was read back")
    expect(left["program"], "the image has other bytes")


@test("disks: a read-only disk cannot be written, whatever the payload may", vm_only=True)
def read_only(case):
    bundle = _bundle_with_disks(case, {"krun-oci.disk.data": "data.img,ro"})
    _ext4(bundle.path / "data.img", 8)
    before = (bundle.path / "data.img").read_bytes()
    report = ask(case, bundle, {
        "state": "cat /sys/block/vda/ro",
        "write": "echo x >/dev/vda; echo $?",
        "mount": "mount -t ext4 -o ro /dev/vda /mnt && ls /mnt",
    })
    expect_equal(report["state"], "1", "/sys/block/vda/ro")
    expect(not report["write"].endswith("0"), report["write"])
    expect_equal(report["mount"], "lost+found", "what is on it")
    expect((bundle.path / "data.img").read_bytes() == before, "the image has changed")


@test("disks: two containers do not write one image", vm_only=True)
def in_use(case):
    bundle = _bundle_with_disks(case, {"krun-oci.disk.data": "data.img"})
    _ext4(bundle.path / "data.img", 8)
    container = case.container(bundle.script(kWait)).started()
    other = _bundle_with_disks(case, {"krun-oci.disk.data": f"{bundle.path}/data.img"}).script("true")
    result = case.container(other, name="other").run()
    expect(result.status != 0, f"status {result.status}")
    expect_in(f'disk image "{bundle.path}/data.img": it is in use by another machine', result.error, "stderr")
    container.must("kill", container.name, "KILL")


@test("disks: an image that cannot be one is one clear line", vm_only=True)
def refused(case):
    bundle = _bundle_with_disks(case, {}).script("true")
    (bundle.path / "odd").write_bytes(b"x" * 1000)
    for value, line in (("absent", "No such file or directory"), ("odd", "whole sectors of 512 bytes, is 1000 bytes"),
                        ("odd,format=qcow2", "it is no qcow2 image"), ("rootfs,ro", "neither a file nor a block device")):
        other = _bundle_with_disks(case, {"krun-oci.disk.a": f"{bundle.path}/{value}"}).script("true")
        result = case.container(other).run()
        expect(result.status != 0, f"{value}: status {result.status}")
        expect_in(line, result.error, value)
        expect_equal(len(result.error.strip().splitlines()), 1, f"lines of {result.error!r}")


@test("disks: a container whose root is an ext4 image runs from it, and its writes are in the image", vm_only=True)
def root(case):
    bundle, image = _rooted_in(case, "echo written >/root/file; mkdir /root/dir; grep ' / ' /proc/mounts; "
                                     "test -e /init.krun && echo leftover; ls /dev/null /proc/self/exe; exit 7",
                               value=",fstype=ext4,options=noatime,nodev")
    result = case.container(bundle).run()
    expect_equal(result.status, 7, f"status of {result}")
    line = result.text.splitlines()[0]
    expect_in("ext4 rw,nodev,noatime", line, "the root's mount")
    expect("leftover" not in result.text, result.text)
    expect_equal(_read(image, "/root/file"), "written\n", "/root/file on the image")
    _tool("fsck.ext4", "-fn", str(image))
    expect_equal(os.listdir(bundle.root), [], "root.path")


@test("disks: without a type the file system of the root is found, and missing mount points are made in it", vm_only=True)
def root_of_any_type(case):
    bundle, image = _rooted_in(case, "echo fine >/mnt/deep/er/file; cat /mnt/deep/er/file")
    bundle.tmpfs("/mnt/deep/er")
    result = case.container(bundle).run()
    expect_equal((result.status, result.text), (0, "fine\n"), f"{result}")
    out = subprocess.run(["debugfs", "-R", "stat /mnt/deep/er", str(image)], capture_output=True, check=True).stdout
    expect_in(b"Type: directory", out, "the mount point")


@test("disks: a read-only root stays as it is, and a mount point that it lacks is an error that names it", vm_only=True)
def read_only_root(case):
    bundle, image = _rooted_in(case, "cat /etc/passwd >/dev/null && echo x >/root/file", value=",ro")
    before = image.read_bytes()
    result = case.container(bundle).run()
    expect_in("Read-only file system", result.error, "the write")
    expect_equal(result.status, 1, "status")
    bundle.config["mounts"].append({"destination": "/lacks/it", "type": "tmpfs", "source": "tmpfs"})
    (bundle.path / "config.json").unlink()
    missing = case.container(bundle).run()
    expect(missing.status != 0, f"{missing}")
    expect_in("mount /lacks/it", missing.error, "stderr")
    expect_in("Read-only file system", missing.error, "stderr")
    expect(image.read_bytes() == before, "the image has changed")


@test("disks: a root that is no file system is one line, and exec, signals and the end work on one that is", vm_only=True)
def bad_root(case):
    bundle, image = _rooted_in(case, kWait)
    container = case.container(bundle).started()
    expect_equal(shell(container, "cat /etc/plain").text, "not a program\n", "executed")
    container.must("kill", container.name, "KILL")
    image.write_bytes(bytes(8 * _kMib))
    for value, line in (("root.img", "none of the guest kernel's file systems takes it"),
                        ("root.img,fstype=ext4", "create file system \"ext4\""),
                        ("root.img,fstype=zfs", "the guest kernel has no file system \"zfs\"")):
        other = case.bundle().script("true")
        other.config["annotations"] = {"krun-oci.root": f"{bundle.path}/{value}"}
        result = case.container(other, name="other").run()
        expect(result.status != 0, f"{value}: {result}")
        expect_in("root disk: ", result.error, value)
        expect_in(line, result.error, value)
