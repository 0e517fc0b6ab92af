# SPDX-License-Identifier: Apache-2.0
"""File operations, all that there are: each reaches the host through the container process's system call filter."""
import fcntl
import os
import resource

import executed
from report import ask
from suite import expect, expect_equal, test


def _all_operations(case, user):
    bundle = case.bundle("/bin/probe", "files").privileged()
    bundle.process["user"] = {"uid": user, "gid": user}
    source = case.directory / "shared"
    source.mkdir()
    for directory in (source, bundle.root / "data"):
        os.chown(directory, user, user)
    bundle.bind(source, "/mnt")
    result = case.run(bundle)
    expect_equal((result.status, result.text, result.err), (0, "", b""), "status, what did not work, stderr")
    expect_equal((os.listdir(source), os.listdir(bundle.root / "data")), ([], []), "what is left")


@test("files: every operation of root works, on the root and on a bind mount")
def root(case):
    _all_operations(case, 0)


@test("files: every operation of an ordinary user works, on the root and on a bind mount")
def user(case):
    _all_operations(case, 1000)


@test("files: who opens a file of the root after the host has written to it reads what the host wrote")
def news(case):
    bundle = case.bundle().script(executed.kWait)
    file = bundle.root / "news"
    file.write_text("0000\n")
    container = case.container(bundle).started()
    for number in range(1, 20):
        # Read twice, so that there is something to keep; some have not changed for a while, others just now.
        before = executed.shell(container, "cat /news; cat /news").text
        expect_equal(before, 2 * f"{number - 1:04}\n", f"before change {number}")
        with open(file, "r+", encoding="ascii") as text:
            text.write(f"{number:04}\n")
    case.end()


@test("files: hundreds that are open at once find room in the container process's table, which does not grow", vm_only=True)
def table(case):
    """To grow it would wait for a grace period of the host's kernel, and the guest's request with it."""
    bundle = case.bundle().script(executed.kWait)
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 600, "soft": 600}]
    container = case.container(bundle).started()

    def places():
        with open(f"/proc/{container.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("FDSize:"))

    before = places()
    opened = executed.execute(container, container.name, "/bin/probe", "open-many")
    expect_equal((opened.status, opened.text), (0, "597\n"), "status, files")
    expect(before >= 1024, f"{before} places")
    expect_equal(places(), before, "places afterwards")
    case.end()


def _locking(case, shared, name, locks, how="lock"):
    bundle = case.bundle("/bin/probe", how)
    bundle.config["annotations"] = {"krun-oci.locks": locks}
    bundle.bind(shared, "/mnt")
    return case.container(bundle, name)


@test("files: a container's locks exclude another container and the host, where they are asked to", vm_only=True)
def locks(case):
    shared = case.directory / "shared"
    shared.mkdir()
    holder = _locking(case, shared, "holder", "host").started().wait_for_output(b"range taken, whole taken\n")
    with open(shared / "lock", "r+b") as file:
        for lock in (fcntl.flock, fcntl.lockf):
            try:
                lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                expect(False, f"the host got it, too: {lock}")
            except BlockingIOError:
                pass
    expect_equal(_locking(case, shared, "second", "host").run().text, "range not, whole not\n", "another container")
    own = _locking(case, shared, "own", "guest").started().wait_for_output(b"range taken, whole taken\n")
    waiting = _locking(case, shared, "waiting", "host", "lock-wait").started().wait_for_output(b"waiting\n")
    for container in (holder, own):
        container.must("kill", container.name, "KILL")
        container.wait()
        container.must("delete", container.name)
    waiting.wait_for_output(b"taken\n")
    expect_equal(waiting.wait(), 0, "the status of the one that waited")
    waiting.must("delete", waiting.name)
    with open(shared / "lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@test("files: a budget ends what a container adds to a mount, df shows it, and what is removed is free again",
      vm_only=True)
def budget(case):
    shared = case.directory / "shared"
    shared.mkdir()
    (shared / "old").write_bytes(bytes(2 << 20))
    bundle = case.bundle().privileged()
    bundle.bind(shared, "/mnt")
    bundle.config["annotations"] = {"krun-oci.budget./mnt": "bytes=1M,files=3"}
    report = ask(case, bundle, {
        "size": "df -k /mnt | tail -n 1 | awk '{print $2}'",
        "too much": "dd if=/dev/zero of=/mnt/new bs=64k count=100 2>&1 | grep -c 'No space left'",
        "old": "dd if=/dev/zero of=/mnt/old bs=64k count=32 conv=notrunc 2>/dev/null && echo written",
        "again": "rm /mnt/new && dd if=/dev/zero of=/mnt/new bs=64k count=8 2>/dev/null && echo written",
        "names": "touch /mnt/a /mnt/b && touch /mnt/c 2>&1 | grep -c 'No space left'",
        "elsewhere": "dd if=/dev/zero of=/big bs=64k count=32 2>/dev/null && echo written",
    })
    expect_equal(report, {"size": "1024", "too much": "1", "old": "written", "again": "written", "names": "1",
                          "elsewhere": "written"}, "what the container saw")
    expect(os.stat(shared / "new").st_blocks * 512 <= 1 << 20, "what it added is within the budget")


@test("files: the payload has as many open as its limit allows, whatever the caller's own")
def many(case):
    bundle = case.bundle("/bin/probe", "open-many")
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 3000, "soft": 3000}]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        result = case.run(bundle)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    expect_equal((result.status, result.text, result.err), (0, "2997\n", b""), "status, files, stderr")


# A directory that is made anew over one of the lower layer is opaque, and a file that is removed a whiteout: marks in the upper one.
_kOverlay = """set -e
cd $1; mkdir -p lower/old upper work merged; echo lower >lower/old/file; echo lower >lower/gone
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
rm -r merged/old merged/gone; mkdir merged/old; echo upper >merged/new
umount merged
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
find merged | sort; cat merged/new lower/old/file; umount merged; rm -r lower upper work merged"""
_kMerged = "merged\nmerged/new\nmerged/old\nupper\nlower\n"


@test("files: overlayfs in a container has its layers on the root, and on a bind mount")
def overlay(case):
    source = case.directory / "shared"
    source.mkdir()
    bundle = case.bundle().privileged()
    bundle.bind(source, "/mnt")
    bundle.process["args"] = ["/bin/sh", "-c", f"for place in /data /mnt; do sh -c '{_kOverlay}' sh $place; done"]
    result = case.run(bundle)
    expect_equal((result.status, result.text, result.err), (0, 2 * _kMerged, b""), "status, what is merged, stderr")
