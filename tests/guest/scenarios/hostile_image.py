# SPDX-License-Identifier: Apache-2.0
"""Names the runtime might be expected to use, planted in an image: it neither follows nor touches them."""
import os

import tree_snapshot
from suite import expect, expect_equal, test

_kReserved = ("init.krun", ".krun_config.json", ".krun_vm.json", "krun-sev.json", "rootfs", "binds")


def _outside(case):
    """Files beside the bundle that a planted link points to."""
    outside = case.directory / "outside"
    (outside / "directory").mkdir(parents=True)
    (outside / "file").write_text("untouched\n")
    return outside


def _runs_untouched(case, bundle, outside, statuses=(0,)):
    before = tree_snapshot.take(bundle.root), tree_snapshot.take(outside)
    result = case.run(bundle)
    expect(result.status in statuses, f"{result}")
    after = tree_snapshot.take(bundle.root), tree_snapshot.take(outside)
    expect_equal(tree_snapshot.difference(before[1], after[1]), [], "changed paths outside the image")
    expect_equal(tree_snapshot.difference(before[0], after[0]), [], "changed paths of the image")
    return result


@test("image: the root file system is byte-identical after a run that writes nothing")
def identical(case):
    bundle = case.bundle().script("ls -la / /etc >/dev/null; cat /etc/* >/dev/null")
    for name in ("proc", "sys", "dev", "run", "tmp"):
        (bundle.root / name / ".keep").write_text("")
    if hasattr(os, "setxattr"):
        os.setxattr(bundle.root / "etc/plain", "trusted.mark", b"value")
    _runs_untouched(case, bundle, _outside(case))


def _planted_links(bundle, outside):
    for name in _kReserved:
        (bundle.root / name).symlink_to(outside / "file")


def _planted_directories(bundle, _):
    for name in _kReserved:
        (bundle.root / name).mkdir()
        (bundle.root / name / "mine").write_text("mine\n")


def _planted_fifos(bundle, _):
    for name in _kReserved:
        os.mkfifo(bundle.root / name)


def _planted_files(bundle, _):
    for name in _kReserved:
        (bundle.root / name).write_text('{"cpus": 1, "ram_mib": 256, "process": {"args": ["/bin/false"]}}')
        (bundle.root / name).chmod(0o755)
    os.truncate(bundle.root / "rootfs", 16 << 20)  # sparse


def _register(what, plant):
    @test(f"image: reserved names planted as {what} are the payload's own, and stay as they are")
    def planted(case):
        outside = _outside(case)
        bundle = case.bundle().script("test -e /bin/busybox && ls -A / | grep -c -e krun -e '^rootfs$' -e '^binds$'; nproc")
        plant(bundle, outside)
        bundle.config["annotations"] = {"krun.cpus": "2"}
        result = _runs_untouched(case, bundle, outside)
        expect_equal(result.text.split(), [str(len(_kReserved)), "2"], "names the payload sees, and its CPUs")


for _what, _plant in (("symbolic links", _planted_links), ("directories", _planted_directories),
                      ("FIFOs", _planted_fifos), ("files", _planted_files)):
    _register(_what, _plant)


@test("image: mount points that are links out of the image lead nowhere", vm_only=True)
def linked_mount_points(case):
    for name in ("dev", "proc", "sys"):
        outside = case.directory / f"outside-{name}"
        (outside / "directory").mkdir(parents=True)
        bundle = case.bundle().script("exit 0")
        (bundle.root / name).rmdir()
        (bundle.root / name).symlink_to(outside / "directory")
        # Refused, or mounted where the link leads inside the image: both leave the host alone.
        _runs_untouched(case, bundle, outside, statuses=range(256))


@test("image: a mount point below a link to /.. stays inside", vm_only=True)
def climbing(case):
    outside = _outside(case)
    bundle = case.bundle().script("ls /up/etc/inside; exit 0")
    (bundle.root / "up").symlink_to("../../../../../../..")
    bundle.bind(outside / "directory", "/up/etc/inside", "ro")
    _runs_untouched(case, bundle, outside, statuses=range(256))


@test("image: /etc/passwd is a FIFO, a directory or a link to the host's: create does not hang")
def passwd(case):
    outside = _outside(case)
    plants = (os.mkfifo, os.mkdir, lambda path: os.symlink(outside / "file", path))
    for number, plant in enumerate(plants):
        bundle = case.bundle("/bin/true")
        (bundle.root / "etc/passwd").unlink()
        plant(bundle.root / "etc/passwd")
        bundle.process["env"].append("HOME=/")
        result = case.container(bundle, f"box{number}").run(timeout=60)
        expect(result.status in (0, 1, 125), f"{result}")
