# SPDX-License-Identifier: Apache-2.0
"""A host that cannot run the machine: each lack is an error that names the cure, and nothing is left."""
import os
import subprocess

from suite import expect, expect_equal, expect_in, test


def _refuses(case, words, wrapper=(), **environment):
    """`run` fails, says `words` once on stderr and once in the log, and not with a payload's status."""
    container = case.container(case.bundle(), environment=environment)
    argv = [*wrapper, *container.argv("run", "--bundle", container.bundle.write(), container.name)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=container.environment, timeout=120, check=False)
    text = done.stderr.decode(errors="replace")
    expect(done.returncode not in (0, 126, 127), f"status {done.returncode}, stderr {text!r}")
    expect_in(words, text, "stderr")
    expect_equal(len(text.splitlines()), 1, f"lines on stderr ({text!r})")
    expect_equal(len(container.log()), 1, f"messages in the log ({container.log()})")
    expect_in(words, container.log()[0], "log")
    # Engines would report these as a missing or forbidden program of the container.
    for phrase in ("no such file or directory", "permission denied"):
        expect(phrase not in text.lower(), f"{phrase!r} in {text!r}")
    expect_equal(case.left_behind(), [], "containers after the failure")


@test("host: without /dev/kvm", vm_only=True)
def no_kvm(case):
    os.rename("/dev/kvm", "/dev/kvm.away")
    try:
        _refuses(case, "this host has no /dev/kvm")
    finally:
        os.rename("/dev/kvm.away", "/dev/kvm")


@test("host: without permission on /dev/kvm", vm_only=True)
def no_permission(case):
    mode = os.stat("/dev/kvm").st_mode & 0o7777
    os.chmod("/dev/kvm", 0)
    try:
        # Root that may not override file modes.
        _refuses(case, "may not use /dev/kvm", ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"])
    finally:
        os.chmod("/dev/kvm", mode)


@test("host: /dev/kvm is something else", vm_only=True)
def other_kvm(case):
    os.rename("/dev/kvm", "/dev/kvm.away")
    try:
        os.symlink("/dev/null", "/dev/kvm")
        _refuses(case, "kvm: ")
    finally:
        os.remove("/dev/kvm")
        os.rename("/dev/kvm.away", "/dev/kvm")


@test("host: the kernel is missing", vm_only=True)
def no_kernel(case):
    _refuses(case, "guest kernel /nowhere/vmlinux cannot be opened", KRUN_OCI_KERNEL="/nowhere/vmlinux")


@test("host: the kernel is of no format that is known", vm_only=True)
def text_kernel(case):
    path = case.directory / "vmlinux"
    path.write_text("a kernel, perhaps\n" * 1000)
    _refuses(case, "expected one of: a libkrunfw, an ELF file, a bzImage", KRUN_OCI_KERNEL=str(path))


@test("host: the kernel is a truncated ELF file", vm_only=True)
def short_kernel(case):
    path = case.directory / "vmlinux"
    with open(os.environ["KRUN_OCI_KERNEL"], "rb") as kernel:
        path.write_bytes(kernel.read(100000))
    _refuses(case, str(path), KRUN_OCI_KERNEL=str(path))


@test("host: the kernel is an ELF program", vm_only=True)
def program_kernel(case):
    _refuses(case, "kernel", KRUN_OCI_KERNEL="/bin/busybox")


@test("host: the kernel knows no virtio-fs by that name, and the error says that its root could not be mounted", vm_only=True)
def no_virtiofs(case):
    path = case.directory / "vmlinux"
    with open(os.environ["KRUN_OCI_KERNEL"], "rb") as kernel:
        # The driver then registers another name, as far as the kernel's command line is concerned there is none.
        path.write_bytes(kernel.read().replace(b"virtiofs", b"virtioxx"))
    _refuses(case, "could not mount its virtio-fs root", KRUN_OCI_KERNEL=str(path))
