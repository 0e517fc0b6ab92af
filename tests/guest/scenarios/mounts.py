# SPDX-License-Identifier: Apache-2.0
"""Mounts, masks and the read-only root. One container answers most of it; the host checks what it wrote."""
import stat

import tree_snapshot
from report import ask
from suite import expect, expect_equal, expect_in, test


def _shared(case):
    """Directories and files of the host, bound into a container that then reports. Returns (report, host side)."""
    host = case.directory / "host"
    for name in ("rw", "ro/sub", "below"):
        (host / name).mkdir(parents=True)
    (host / "ro/file").write_text("read only\n")
    (host / "single").write_text("single\n")
    (host / "sibling").write_text("secret\n")
    (host / "below/env").write_text("found\n")
    (host / "rw").chmod(0o777)
    bundle = case.bundle().privileged()
    (bundle.root / "data/kept").write_text("hidden by the mount\n")
    bundle.tmpfs("/tmp", "size=4m", "mode=1770")
    bundle.tmpfs("/run", "mode=755")
    bundle.bind(host / "below/env", "/run/.containerenv", "rw")
    bundle.bind(host / "rw", "/data", "rw", "nosuid")
    bundle.bind(host / "ro", "/srv/made/ro", "ro")
    bundle.bind(host / "single", "/etc/single", "ro")
    before = tree_snapshot.take(bundle.root)
    report = ask(case, bundle, {
        "write": "echo from-guest >/data/file; cat /data/file; ls /data",
        "read": "cat /srv/made/ro/file",
        "ro write": "echo x >/srv/made/ro/file; echo x >/srv/made/ro/new; rm /srv/made/ro/file; mkdir /srv/made/ro/d",
        "remount": "mount -o remount,bind,rw /srv/made/ro; mount -o remount,rw /srv/made/ro",
        "ro write after remount": "echo x >/srv/made/ro/file",
        "single": "cat /etc/single; ls -d /etc/s*",
        "single write": "mount -o remount,bind,rw /etc/single; echo x >/etc/single",
        "run": "cat /run/.containerenv; ls -A /run",
        "tmpfs size": "dd if=/dev/zero of=/tmp/big bs=1M count=8",
        "mountinfo": "cat /proc/self/mountinfo",
        "tmp mode": "stat -c %a /tmp",
    })
    return report, {
        "file": (host / "rw/file").read_text() if (host / "rw/file").exists() else None,
        "ro": sorted(path.name for path in (host / "ro").iterdir()),
        "ro text": (host / "ro/file").read_text(),
        "single": (host / "single").read_text(),
        "root": tree_snapshot.difference(before, tree_snapshot.take(bundle.root)),
    }


@test("mounts: a bound directory takes writes, and the host sees them")
def bind_rw(case):
    report, host = case.once(_shared)
    expect_equal(report["write"], "from-guest\nfile", "the payload's view")
    expect_equal(host["file"], "from-guest\n", "the host's file")


@test("mounts: a read-only bind is read-only, on a mount point that was missing")
def bind_ro(case):
    report, host = case.once(_shared)
    expect_equal(report["read"], "read only", "content")
    answers = report["ro write"].splitlines()
    expect_equal(len(answers), 4, f"refusals {answers}")
    for answer in answers:
        expect_in("Read-only file system", answer, "refusal")
    expect_equal(host["ro"], ["file", "sub"], "the host's directory")


@test("mounts: the server keeps a read-only bind read-only after a remount in the guest", vm_only=True)
def bind_ro_remounted(case):
    report, host = case.once(_shared)
    expect_in("Read-only file system", report["ro write after remount"], "write after remount")
    expect_in("Read-only file system", report["single write"], "write to the single file")
    expect_equal((host["ro text"], host["single"]), ("read only\n", "single\n"), "the host's files")


@test("mounts: a single file is bound without its siblings")
def bind_file(case):
    report, _ = case.once(_shared)
    expect_equal(report["single"], "single\n/etc/single", "content and names")


@test("mounts: a file bound below a tmpfs at /run is found there")
def below_tmpfs(case):
    report, _ = case.once(_shared)
    expect_equal(report["run"], "found\n.containerenv", "content and names")


@test("mounts: a tmpfs has its size and mode")
def tmpfs(case):
    report, _ = case.once(_shared)
    expect_in("No space left on device", report["tmpfs size"], "dd")
    expect_equal(report["tmp mode"], "1770", "mode")


@test("mounts: options of a mount are in effect")
def options(case):
    report, _ = case.once(_shared)
    by_place = {line.split()[4]: line.split()[5].split(",") for line in report["mountinfo"].splitlines()}
    expect_in("nosuid", by_place["/data"], "/data")
    for option in ("nosuid", "noexec", "nodev"):
        expect_in(option, by_place["/dev/shm"], "/dev/shm")


@test("mounts: missing mount points are not created in the bundle", vm_only=True)
def untouched(case):
    _, host = case.once(_shared)
    expect_equal(host["root"], [], "changed paths of the root file system")


def _read_only(case):
    bundle = case.bundle()
    bundle.config["root"]["readonly"] = True
    bundle.linux["maskedPaths"] += ["/etc/plain", "/data", "/etc/missing"]
    bundle.linux["readonlyPaths"] += ["/dev/shm"]
    (bundle.root / "data/secret").write_text("secret\n")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    before = tree_snapshot.take(bundle.root)
    report = ask(case, bundle, {
        "write": "echo x >/new; echo x >>/etc/group; rm /etc/group; touch /etc",
        "dev": "echo x >/dev/new && cat /dev/new",
        "masked": "cat /etc/plain; ls -A /data; echo x >/data/new",
        "readonly": "echo x >/dev/shm/new; echo 1 >/proc/sys/kernel/printk",
        "sysctl": "cat /proc/sys/net/ipv4/ip_forward",
        "devices": "cd /dev && ls -l null zero full random urandom tty ptmx fd stdin stdout stderr",
        "null": "echo x >/dev/null; head -c 3 /dev/zero | wc -c; echo x >/dev/full",
    })
    return report, tree_snapshot.difference(before, tree_snapshot.take(bundle.root))


@test("mounts: nothing can be written on a read-only root, and nothing was")
def read_only_root(case):
    report, changed = case.once(_read_only)
    answers = report["write"].splitlines()
    expect_equal(len(answers), 4, f"refusals {answers}")
    for answer in answers:
        expect_in("Read-only file system", answer, "refusal")
    expect_equal(changed, [], "changed paths")


@test("mounts: /dev stays writable on a read-only root, with its devices and links")
def devices(case):
    report, _ = case.once(_read_only)
    expect_equal(report["dev"], "x", "a file in /dev")
    names = [line.split(" -> ")[0].split()[-1] for line in report["devices"].splitlines()]
    expect_equal(sorted(names), sorted("null zero full random urandom tty ptmx fd stdin stdout stderr".split()), "names")
    expect_equal(report["null"].splitlines()[0], "3", "bytes of /dev/zero")
    expect_in("No space left", report["null"], "/dev/full")


@test("mounts: masked files are empty, masked directories are empty and read-only, missing ones are no error")
def masked(case):
    report, _ = case.once(_read_only)
    lines = report["masked"].splitlines()
    expect_equal(len(lines), 1, f"answers {lines}")
    expect_in("Read-only file system", lines[0], "write in a masked directory")


@test("mounts: read-only paths refuse writes, sysctls are set")
def read_only_paths(case):
    report, _ = case.once(_read_only)
    answers = report["readonly"].splitlines()
    expect_equal(len([a for a in answers if "Read-only file system" in a]), 2, f"refusals in {answers}")
    expect_equal(report["sysctl"], "1", "net.ipv4.ip_forward")


@test("mounts: a devices entry is created with its numbers and mode")
def device_entry(case):
    bundle = case.bundle().script("stat -c '%F %t %T %a %u' /dev/mine /dev/deep/pipe; head -c 2 /dev/mine | wc -c")
    bundle.linux["devices"] = [
        {"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 0, "gid": 0},
        {"path": "/dev/deep/pipe", "type": "p", "fileMode": 0o600, "uid": 0, "gid": 0}]
    result = case.run(bundle)
    expect_equal(result.text.splitlines(), ["character special file 1 5 640 0", "fifo 0 0 600 0", "2"], "devices")
    expect(stat.S_ISDIR(bundle.root.stat().st_mode), "the root is gone")


@test("mounts: a device outside /dev is there on a read-only root, and nothing is left in the image", vm_only=True)
def device_elsewhere(case):
    bundle = case.bundle().script("stat -c '%F %t %T %a %u:%g' /opt/dev/zero /data/pipe; head -c 2 /opt/dev/zero | wc -c; rm /data/pipe")
    bundle.config["root"]["readonly"] = True
    bundle.linux["devices"] = [
        {"path": "/opt/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 0, "gid": 8},
        {"path": "/data/pipe", "type": "p", "fileMode": 0o600, "uid": 0, "gid": 0}]
    result = case.run(bundle)
    expect_equal(result.text.splitlines(), ["character special file 1 5 640 0:8", "fifo 0 0 600 0:0", "2"], f"devices ({result.error})")
    expect_in("Read-only file system", result.error, "rm")
    expect_equal((sorted(path.name for path in (bundle.root / "data").iterdir()), (bundle.root / "opt").exists()), ([], False), "the image")
