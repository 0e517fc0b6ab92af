# SPDX-License-Identifier: Apache-2.0
"""A machine that ends without its payload's status: 255 and a reason, never 0."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import time

from suite import Failed, expect, expect_equal, expect_in, test


def _fails(case, script, *words):
    """`run` of a privileged script ends with 255, and one line of the log has all `words`."""
    container = case.container(case.bundle().privileged().script(script))
    result = container.run()
    expect_equal(result.status, 255, f"status (log {container.log()})")
    expect_equal(len(container.log()), 1, f"messages in the log ({container.log()})")
    for word in words:
        expect_in(word, container.log()[0], "log")
    expect_equal(case.left_behind(), [], "containers after the run")


@test("guest: a kernel panic is 255, with the panic's words", vm_only=True)
def panic(case):
    _fails(case, "echo c >/proc/sysrq-trigger; sleep 100; exit 0", "sysrq triggered crash")


@test("guest: a reset of the machine, which is a triple fault, is 255", vm_only=True)
def reset(case):
    _fails(case, "echo b >/proc/sysrq-trigger; sleep 100; exit 0", "guest")


@test("guest: `reboot -f` and `poweroff -f` by the payload are 255, with a reason", vm_only=True)
def reboot(case):
    # reboot(2) in a PID namespace ends its init by SIGHUP or SIGINT, which no sent signal can do.
    for command, wish in (("reboot -f", "restart"), ("poweroff -f", "halt")):
        container = case.container(case.bundle().privileged().script(f"{command}; sleep 100; exit 0"))
        result = container.run()
        expect_equal(result.status, 255, f"status of {command} ({result})")
        expect_in(f"the payload asked the machine to {wish}", result.error, f"stderr of {command}")


@test("guest: what the payload wrote before it reboots arrives whole, however late it is read", vm_only=True)
def output_before_reboot(case):
    container = case.container(case.bundle().privileged().script("seq 40000; reboot -f; sleep 100; exit 0"))
    words = container.argv("run", "--bundle", container.bundle.write(), container.name)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        first = run.stdout.read(1)
        time.sleep(3)  # the pipe holds 64 KiB of the 228
        out = first + run.stdout.read()
    wanted = b"".join(b"%d\n" % n for n in range(1, 40001))
    expect_equal((run.returncode, len(out), out == wanted), (255, len(wanted), True),
                 "status, bytes on stdout, whether they are right")


@test("guest: a kernel that panics for want of memory is 255", vm_only=True)
def out_of_memory(case):
    bundle = case.bundle().privileged().script(
        "echo 1 >/proc/sys/vm/panic_on_oom; cat /dev/zero >/fill/file; exit 0")
    bundle.tmpfs("/fill", "size=4g")
    bundle.config["annotations"] = {"krun.ram_mib": "192"}
    container = case.container(bundle)
    expect_equal(container.run().status, 255, f"status (log {container.log()})")
    expect_in("memory", container.log()[0].lower(), "log")


# mov eax, exit_group; xor edi, edi; syscall
_kExitWithZero = bytes.fromhex("b8e7000000 31ff 0f05")


def _with_broken_init(path, copy):
    """Copies the runtime; the guest's init inside it, an ELF program on a page of its own, now exits with 0 at once."""
    image = bytearray(path.read_bytes())
    for start in range(4096, len(image), 4096):
        if image[start:start + 6] != b"\x7fELF\x02\x01":
            continue
        entry, headers = struct.unpack_from("<QQ", image, start + 24)
        size, count = struct.unpack_from("<HH", image, start + 54)
        for header in range(start + headers, start + headers + size * count, size):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, header)
            if kind == 1 and address <= entry < address + length:  # PT_LOAD
                code = start + offset + entry - address
                image[code:code + len(_kExitWithZero)] = _kExitWithZero
                copy.write_bytes(image)
                copy.chmod(0o755)
                return
    raise Failed(f"found no init in {path}")


@test("guest: an init that dies, even with status 0, is 255, with the kernel's words", vm_only=True)
def init_dies(case):
    broken = case.directory / "krun-oci"
    _with_broken_init(pathlib.Path(os.path.realpath(case.lab.runtime)), broken)
    container = case.container(case.bundle("/bin/true"), runtime=str(broken))
    expect_equal(container.run().status, 255, f"status (log {container.log()})")
    expect_in("Attempted to kill init", container.log()[0], "log")


@test("guest: state of a crashed container is stopped, and tells the reason", vm_only=True)
def reason_in_state(case):
    container = case.container(case.bundle().privileged().script("echo c >/proc/sysrq-trigger; sleep 100")).started()
    expect_equal(container.wait(60), 255, "the container process's status")
    state = container.state()
    expect_equal((state["status"], state["pid"]), ("stopped", 0), "state")
    expect_in("sysrq triggered crash", json.dumps(state), "state")
    container.must("delete", "box")


@test("guest: SIGKILL of the container process is 137, and everything of it goes")
def killed(case):
    container = case.container(case.bundle("/bin/sleep", "1000")).started()
    os.kill(container.pid, signal.SIGKILL)
    expect_equal(container.wait(), 137, "status")
    expect_equal(container.state()["status"], "stopped", "state")
    container.must("delete", "box")


@test("guest: SIGKILL of the container process during `run` is not 0")
def killed_run(case):
    container = case.container(case.bundle("/bin/sleep", "1000"))
    words = container.argv("run", "--bundle", container.bundle.write(), "--pid-file", container.pid_path, "box")
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(600):
        if container.pid_path.exists() and container.command("state", "box").text.find('"running"') >= 0:
            break
        time.sleep(0.1)
    os.kill(container.pid, signal.SIGKILL)
    process.stderr.read()
    expect_equal(process.wait(30), 137, "status of run")
    container.command("delete", "--force", "box")


@test("guest: an unprivileged program cannot forge the exit status", vm_only=True)
def forged(case):
    bundle = case.bundle("/bin/probe", "forge-status")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    result = case.run(bundle)
    expect_equal((result.status, result.out), (9, b"connected 0\n"), "status and connections")


@test("guest: not even root of an executed process can forge the exit status", vm_only=True)
def forged_by_executed(case):
    bundle = case.bundle().privileged().script("while [ ! -e /tmp/done ]; do sleep 0.2; done; exit 7")
    container = case.container(bundle).started()
    result = container.command("exec", "box", "/bin/probe", "forge-status")
    expect_equal((result.status, result.out), (9, b"connected 0\n"), "status and connections")
    container.command("exec", "box", "/bin/touch", "/tmp/done")  # the container's end may be the end of this, too
    expect_equal(container.wait(), 7, "status of the container")
    container.must("delete", "box")


@test("guest: not even root of the payload can forge the exit status", vm_only=True)
def forged_by_root(case):
    result = case.run(case.bundle("/bin/probe", "forge-status").privileged())
    expect_equal((result.status, result.out), (9, b"connected 0\n"), "status and connections")
