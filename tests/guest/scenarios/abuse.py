# SPDX-License-Identifier: Apache-2.0
"""Payloads that do their worst to the machine they are in. Each has its documented end, and leaves nothing."""
import signal
import time

from suite import expect, expect_equal, expect_in, test

_kMebi = 1 << 20


def _limited(bundle, pids=64, mebibytes=192):
    bundle.linux["resources"] = {"pids": {"limit": pids}, "memory": {"limit": mebibytes * _kMebi}}
    return bundle


@test("abuse: a payload that forks until pids.max is told so, and ends with its own status")
def forks(case):
    result = case.run(_limited(case.bundle("/bin/probe", "fork-bomb"), pids=50))
    expect_equal((result.status, result.text), (3, "children 49, then EAGAIN\n"), "result")


@test("abuse: a payload that fills the memory is killed with 137")
def memory(case):
    result = case.run(_limited(case.bundle("/bin/probe", "fill-memory")))
    expect_equal((result.status, result.text), (137, "filling\n"), "result")


@test("abuse: a child that fills the memory is killed, the payload goes on")
def child_memory(case):
    bundle = _limited(case.bundle().script("probe fill-memory; echo status $?; exit 5"))
    bundle.process["oomScoreAdj"] = -500
    # The score is inherited: the child is the one to be killed because it is the one with the memory.
    result = case.run(bundle)
    expect_equal((result.status, result.text.splitlines()), (5, ["filling", "status 137"]), "result")


@test("abuse: kill -1 in the payload reaches its own processes alone")
def kill_all(case):
    result = case.run(case.bundle().script("sleep 100 & sleep 100 & kill -9 -1; wait; echo alive; exit 6"))
    expect_equal((result.status, result.text.splitlines()[-1]), (6, "alive"), "result")


@test("abuse: a payload that remounts, unmounts /proc and everything else still ends with its status")
def unmount(case):
    bundle = case.bundle().privileged().script(
        "mount -o remount,ro / ; mount -o remount,rw /; umount -l /proc /sys /dev/shm /dev/mqueue /dev/pts; umount -l /dev; "
        "umount -l /; cd /; echo $(ls | grep -c .); exit 9")
    result = case.run(bundle)
    expect_equal((result.status, result.text.splitlines()[-1] != ""), (9, True), f"result ({result})")


@test("abuse: a program that a privileged payload names in core_pattern does not run beside init", vm_only=True)
def core_pattern(case):
    # The kernel would start it in init's namespaces, where the payload's root is /rootfs.
    result = case.run(case.bundle().privileged().script(
        "mkdir /tmp/proc; mount -t proc proc /tmp/proc;"
        "echo '|/rootfs/bin/busybox touch /rootfs/tmp/ran' >/tmp/proc/sys/kernel/core_pattern || exit 3;"
        "probe segfault; echo status $?; sleep 2; [ ! -e /tmp/ran ] || echo it ran; exit 5"))
    expect_equal((result.status, result.text), (5, "status 139\n"), "result")


@test("abuse: a payload that closes everything and exits with 11 is 11")
def close_all(case):
    result = case.run(case.bundle("/bin/probe", "close-all"))
    expect_equal((result.status, result.out, result.err), (11, b"", b""), "result")


@test("abuse: a PID 1 that ignores every signal is ended by KILL, with 137, and by nothing before")
def ignores(case):
    container = case.container(case.bundle("/bin/probe", "ignore-all")).started()
    container.wait_for_output(b"ready\n")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV, 34, 64):
        container.must("kill", "box", int(number))
    time.sleep(0.5)
    expect_equal(container.state()["status"], "running", "state")
    container.must("kill", "box", "KILL")
    expect_equal(container.wait(), 137, "status")
    container.must("delete", "box")


@test("abuse: a cwd below /proc/self/fd leads nowhere but into the root")
def descriptors_cwd(case):
    bundle = case.bundle("/bin/sh", "-c", "pwd -P; ls -d /bin/probe")
    bundle.process["cwd"] = "/proc/self/fd/8"
    result = case.run(bundle)
    # Where nothing is open, or a file, or what lies outside, create fails; else it is a directory of the root.
    if result.status == 0:
        expect(result.text.startswith("/"), f"working directory {result.text}")
    else:
        expect_in("/proc/self/fd/8", result.error, "stderr")


@test("abuse: what init cannot do in the guest fails create in one line that names it")
def guest_failures(case):
    changes = {
        "masked path below a file": lambda bundle: bundle.linux.update(maskedPaths=["/etc/plain/below"]),
        "/etc/plain": lambda bundle: bundle.process.update(cwd="/etc/plain"),
        "nowhere/at/all": lambda bundle: bundle.linux.update(sysctl={"nowhere/at/all": "1"}),
    }
    words = {"masked path below a file": "mask /etc/plain/below"}
    for number, (name, change) in enumerate(changes.items()):
        bundle = case.bundle()
        change(bundle)
        result = case.container(bundle, f"box{number}").run()
        expect(result.status != 0, f"{name} was accepted")
        if case.is_vm:
            expect_in(words.get(name, name), result.error, "stderr")
            expect_equal(len(result.error.splitlines()), 1, f"lines on stderr ({result.error})")
        expect_equal(case.left_behind(), [], "containers after the failure")


@test("abuse: an environment of 2 MiB is E2BIG's failure, one of 1 MiB arrives whole")
def environment(case):
    def bundle(total):
        # One variable may have 128 KiB (execve(2), MAX_ARG_STRLEN).
        one = case.bundle("/bin/probe", "environment")
        one.process["env"] += [f"V{number}=" + "x" * 100000 for number in range(total // 100000)]
        return one

    result = case.run(bundle(_kMebi))
    # PATH and HOME are there, too.
    expect_equal((result.status, result.text.split()[0]), (0, "12"), f"variables ({result})")
    # The stack's limit of 8 MiB allows a quarter of it.
    container = case.container(bundle(2 * _kMebi + 200000), "large")
    result = container.run()
    expect(result.status != 0, "it ran")
    expect_in("argument list too long", result.error.lower(), "stderr")


@test("abuse: an environment of 100000 entries arrives whole")
def entries(case):
    bundle = case.bundle("/bin/probe", "environment")
    bundle.process["env"] += [f"V{number}=" for number in range(100000)]
    result = case.run(bundle)
    expect_equal((result.status, result.text.split()[0]), (0, "100002"), f"variables ({result})")


@test("abuse: 100000 arguments arrive whole")
def arguments(case):
    result = case.run(case.bundle("/bin/sh", "-c", "echo $#; exit 2", *(["a"] * 100000)))
    expect_equal((result.status, result.text), (2, "99999\n"), "result")
