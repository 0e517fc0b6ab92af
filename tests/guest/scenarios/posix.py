# SPDX-License-Identifier: Apache-2.0
"""Files behave in a container as they do on the host's file system that holds them: posix_suite, run on both and compared."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

from bundle import Bundle
from suite import Skip, expect, expect_equal, test

_kTree = pathlib.Path(__file__).resolve().parents[3]
sys.path += [str(_kTree / "tests/posix"), str(_kTree / "bench/e2e")]
import compare  # noqa: E402  (found by the path above)
from peer_share import make_share  # noqa: E402

_kProgram = _kTree / "build/tests/posix/posix_suite"
_kMachine = _kTree / "build/bench/e2e/qemu_machine"
_kSample = 7  # of large tables one case in this many, when there is no time for all; prime, so that no column is left out
_kCapabilities = """AUDIT_WRITE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL LEASE LINUX_IMMUTABLE MKNOD
    NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_CHROOT""".split()
_kTimeout = 900  # seconds, for all places in an emulated computer


@contextlib.contextmanager
def disk(case):
    """An empty ext4 file system: a directory."""
    image, place = case.directory / "disk.img", case.directory / "disk"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    for module in ("loop", "ext4"):
        subprocess.run(["/sbin/modprobe", "--quiet", module])
    if subprocess.run(["mount", "-o", "loop", image, place]).returncode:
        raise Skip("no loop devices here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@contextlib.contextmanager
def memory(case):
    place = case.directory / "memory"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def with_all_capabilities(bundle):
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind] = ["CAP_" + name for name in _kCapabilities]
    bundle.process["noNewPrivileges"] = False
    return bundle


def _on_host(directory, one_in):
    directory.mkdir()
    run = subprocess.run([_kProgram, directory, str(one_in)], capture_output=True, text=True, errors="backslashreplace")
    expect_equal((run.returncode, run.stderr), (0, ""), f"the suite on the host, {run.stdout[-300:]}")
    return compare.observations(run.stdout)


def _in_container(case, root, binds, one_in):
    """Place -> observations, from one container: its root, which lies in `root`, and bind mounts."""
    bundle = with_all_capabilities(Bundle(root / "bundle", ["/bin/true"], case.lab.probe).privileged())
    bundle.config["annotations"] = {"krun-oci.acl": "yes"}
    shutil.copy(_kProgram, bundle.root / "bin/posix_suite")
    places = {"root": "/data"}
    for name, source in binds.items():
        source.mkdir()
        places[name] = f"/mnt/{name}"
        bundle.bind(source, places[name])
    bundle.script("; ".join(f"posix_suite {place} {one_in} >/tmp/{name}; echo $?" for name, place in places.items()))
    result = case.run(bundle, timeout=_kTimeout)
    expect_equal((result.text, result.error), ("0\n" * len(places), ""), "how the suite ended")
    for source in binds.values():
        expect_equal(os.listdir(source), [], "what is left")
    return {name: compare.observations((bundle.root / "tmp" / name).read_text(errors="backslashreplace")) for name in places}


def _behind_virtiofsd(case, root):
    """The observations in QEMU's microvm, with the same kernel and init, from a share in `root`."""
    bundle = with_all_capabilities(Bundle(root / "peer", ["/bin/true"], case.lab.probe).privileged())
    shutil.copy(_kProgram, bundle.root / "bin/posix_suite")
    bundle.script("posix_suite /data 1 >/tmp/peer")
    share = root / "share"
    make_share(share, bundle.write(), _kTree / "build/bin/krun-config-gen", _kTree / "build/init/krun-init.stripped")
    subprocess.run(["/sbin/modprobe", "--quiet", "vhost_vsock"])
    done = subprocess.run([_kMachine, "--acl", share, os.environ["KRUN_OCI_KERNEL"], "1024"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=_kTimeout)
    expect_equal(done.returncode, 0, f"how the suite ended behind virtiofsd ({done.stderr[-300:]})")
    return compare.observations((share / "rootfs/tmp/peer").read_text(errors="backslashreplace"))


def _sample(case):
    if not _kProgram.exists():
        raise Skip("posix_suite is not built")
    with disk(case) as on_disk:
        wanted = _on_host(on_disk / "host", _kSample)
        seen = _in_container(case, on_disk, {"volume": on_disk / "volume"}, _kSample)
    return {place: (wanted, seen[place]) for place in seen}


def _all(case):
    if not _kProgram.exists():
        raise Skip("posix_suite is not built")
    with disk(case) as on_disk, memory(case) as in_memory:
        wanted = {"root": _on_host(on_disk / "host", 1), "memory": _on_host(in_memory / "host", 1)}
        wanted["volume"] = wanted["root"]
        seen = _in_container(case, on_disk, {"volume": on_disk / "volume", "memory": in_memory / "volume"}, 1)
        if _kMachine.exists():
            wanted["virtiofsd"] = wanted["root"]
            seen["virtiofsd"] = _behind_virtiofsd(case, on_disk)
    return {place: (wanted[place], seen[place]) for place in seen}


def _expect_the_same(place, wanted, seen):
    different = compare.differences(place, wanted, seen, compare.waivers())
    print(f"# posix: {len(seen)} observations on {place}, {len(different)} differ", flush=True)
    for line in different:
        print(f"# {line}", flush=True)
    expect(not different, f"{len(different)} differences")


@test("posix: the root file system is as the host's file system below it, in a sample of cases")
def root(case):
    _expect_the_same("root", *case.once(_sample)["root"])


@test("posix: a bind mount is as the host's file system below it, in a sample of cases")
def volume(case):
    _expect_the_same("volume", *case.once(_sample)["volume"])


@test("posix: the root, binds of a disk and of memory, and a root behind QEMU and virtiofsd are as what lies below, in all cases", vm_only=True, slow=True)
def all_cases(case):
    rows = compare.waivers()
    places = case.once(_all)
    for place, (wanted, seen) in places.items():
        compare.differences(place, wanted, seen, rows)
    for place, (wanted, seen) in places.items():
        _expect_the_same(place, wanted, seen)
    left = [row.pattern for row in rows if not row.used and (row.place == "*" or row.place in places)]
    expect_equal(left, [], "rows of waivers.txt that nothing needs")
