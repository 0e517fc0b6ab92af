# SPDX-License-Identifier: Apache-2.0
"""The guest kernel in its forms, what goes with it, and what is said of one that cannot be used."""
import gzip
import os
import pathlib
import shutil
import subprocess

from report import ask
from suite import Skip, expect, expect_equal, expect_in, test


def _our_kernel():
    path = os.environ.get("KRUN_OCI_KERNEL")
    if not path:
        raise Skip("KRUN_OCI_KERNEL names no kernel")
    return pathlib.Path(path)


def _annotated(case, **annotations):
    bundle = case.bundle("/bin/true")
    bundle.config["annotations"] = {"krun-oci." + key.replace("_", "-"): str(value)
                                    for key, value in annotations.items()}
    return bundle


def _refused(case, bundle, *words, **options):
    result = case.container(bundle, "bad").run(**options)
    expect(result.status != 0, f"it ran: {result}")
    for word in words:
        expect_in(word, result.error, "stderr")
    expect_equal(case.left_behind(), [], "containers afterwards")


@test("kernels: one packed with gzip or zstd boots", vm_only=True)
def packed(case):
    plain = _our_kernel().read_bytes()
    if not shutil.which("zstd"):
        raise Skip("there is no zstd")
    zstd = subprocess.run(["zstd", "-1", "-c"], input=plain, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True)
    for name, content in (("vmlinux.gz", gzip.compress(plain, 1)), ("vmlinux.zst", zstd.stdout)):
        path = case.directory / name
        path.write_bytes(content)
        result = case.run(_annotated(case, kernel=path))
        expect_equal(result.status, 0, f"{name} ({result})")


@test("kernels: more of the command line reaches the kernel, by config.json and by annotation", vm_only=True)
def parameters(case):
    bundle = _annotated(case, kernel_parameters="third.one=3")
    bundle.config["vm"] = {"kernel": {"path": str(_our_kernel()), "parameters": ["first.one=1", "second.one"]}}
    report = ask(case, bundle, {"line": "cat /proc/cmdline"})
    expect(report["line"].endswith(" first.one=1 second.one third.one=3"), report["line"])


@test("kernels: a parameter that the machine sets itself is an error by name", vm_only=True)
def own_parameter(case):
    _refused(case, _annotated(case, kernel_parameters="init=/bin/sh"), 'kernel parameter "init=/bin/sh"',
             "the machine's own")


@test("kernels: an initrd for a kernel without support for it is an error by name", vm_only=True)
def initrd(case):
    path = case.directory / "initrd"
    path.write_bytes(b"anything")
    _refused(case, _annotated(case, initrd=path), "CONFIG_BLK_DEV_INITRD")
    _refused(case, _annotated(case, initrd=case.directory / "nothing"), "initrd", "nothing")


@test("kernels: what is no kernel is an error with what would be one", vm_only=True)
def no_kernel(case):
    path = case.directory / "kernel"
    path.write_text("#!/bin/sh\n")
    _refused(case, _annotated(case, kernel=path), str(path),
             "a libkrunfw, an ELF file, a bzImage, an image packed with gzip")


@test("kernels: one with damaged packed data is an error", vm_only=True)
def damaged(case):
    path = case.directory / "vmlinux.gz"
    path.write_bytes(gzip.compress(_our_kernel().read_bytes(), 1)[:-100000])
    _refused(case, _annotated(case, kernel=path), str(path), "it ends too early")


@test("kernels: Debian's own, whose drivers are modules, is told from one that works by the first that is missing",
      vm_only=True, slow=True)
def distribution(case):
    path = os.environ.get("KRUN_DISTRIBUTION_KERNEL")
    if not path:
        raise Skip("KRUN_DISTRIBUTION_KERNEL names no bzImage")
    # It unpacks itself, and would look at 8192 PCI functions that no machine of ours has.
    _refused(case, _annotated(case, kernel=path, kernel_parameters="pci=off"), path,
             "it has no CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES", timeout=240)


_kFlags = {"flags": "grep -m1 ^flags /proc/cpuinfo"}


@test("kernels: a guest's processors have no VMX or SVM unless krun.nested_virt asks for it", vm_only=True)
def nested(case):
    found = set(ask(case, case.bundle(), _kFlags)["flags"].split())
    expect(not found & {"vmx", "svm"}, f"without the annotation: {found & {'vmx', 'svm'}}")
    bundle = case.bundle()
    bundle.config["annotations"] = {"krun.nested_virt": "1"}
    host = set(pathlib.Path("/proc/cpuinfo").read_text().split()) & {"vmx", "svm"}
    names = {"vmx": "kvm_intel", "svm": "kvm_amd"}
    allowed = [pathlib.Path(f"/sys/module/{names[one]}/parameters/nested").read_text().strip() in ("1", "Y")
               for one in host]
    if not any(allowed):
        return _refused(case, bundle, "no nested virtualization")
    found = set(ask(case, bundle, _kFlags)["flags"].split())
    expect_equal(found & {"vmx", "svm"}, host, "with it")
