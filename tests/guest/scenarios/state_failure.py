# SPDX-License-Identifier: Apache-2.0
"""A state directory that is full, damaged or not ours, and ids that are no ids."""
import os
import subprocess

from suite import expect, expect_equal, expect_in, test

_kIds = ["..", ".", "a/b", "../box", "-x", "x\n", "a b", "x" * 2000, "ü", "", "a;b", ".hidden"]


@test("state: ids that could be paths, options or worse are refused before anything is looked at", vm_only=True)
def ids(case):
    container = case.container(case.bundle())
    path = container.bundle.write()
    for name in _kIds:
        for words in (["create", "--bundle", path, "--", name], ["state", "--", name], ["delete", "--force", "--", name]):
            result = container.command(*words)
            expect(result.status != 0, f"{words[0]} accepted {name[:20]!r}")
            expect_in("invalid container id", result.error, f"stderr of {words[0]} {name[:20]!r}")
    expect_equal(case.left_behind(), [], "containers")
    expect(not (case.directory / "box").exists(), "something was made outside the state directory")


@test("state: the longest id and every kind of character work", vm_only=True)
def long_id(case):
    name = "aZ9_+-." + "x" * 200
    container = case.container(case.bundle("/bin/true"), name)
    result = container.run()
    expect_equal((result.status, result.err), (0, b""), "status and stderr")


def _mounted_state(case, options):
    case.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", case.state], check=True)


@test("state: a full state directory fails create with a word about space", vm_only=True)
def full(case):
    _mounted_state(case, "size=8k,mode=700")
    try:
        try:
            with open(case.state / ".fill", "wb", buffering=0) as fill:
                while fill.write(b"x" * 4096):
                    pass
        except OSError:
            pass
        container = case.container(case.bundle())
        result = container.create()
        expect(result.status not in (0, 126, 127), f"create: {result}")
        expect_in("space", result.error, "stderr")
        expect(not container.pid_path.exists(), "a pid file was written")
        os.remove(case.state / ".fill")
        expect_equal(case.left_behind(), [], "containers after the failure")
    finally:
        subprocess.run(["umount", case.state], check=True)


@test("state: no inode left fails create with a word about space", vm_only=True)
def no_inodes(case):
    _mounted_state(case, "nr_inodes=1,mode=700")
    try:
        container = case.container(case.bundle())
        result = container.create()
        expect(result.status not in (0, 126, 127), f"create: {result}")
        expect_in("space", result.error, "stderr")
    finally:
        subprocess.run(["umount", case.state], check=True)


def _damaged(case, damage, words):
    """Damages the record of a stopped container: state names the damage, delete --force clears it away."""
    container = case.container(case.bundle("/bin/true")).started()
    container.wait()
    record = case.state / "box/state.json"
    expect(record.is_file(), "no state.json")
    damage(record)
    for words_of_command in (["state", "box"], ["start", "box"], ["kill", "box"], ["delete", "box"]):
        result = container.command(*words_of_command)
        expect(result.status != 0, f"{words_of_command[0]} succeeded")
        expect_in(words, result.error, f"stderr of {words_of_command[0]}")
    expect_equal(container.command("list").status, 0, "status of list")
    result = container.command("delete", "--force", "box")
    expect_equal(result.status, 0, f"status of delete --force ({result.error!r})")
    expect_equal(case.left_behind(), [], "containers")


@test("state: a truncated state.json", vm_only=True)
def truncated(case):
    _damaged(case, lambda record: record.write_text(record.read_text()[:40]), "corrupt state for box")


@test("state: an empty state.json", vm_only=True)
def emptied(case):
    _damaged(case, lambda record: record.write_text(""), "corrupt state for box")


@test("state: another container's state.json", vm_only=True)
def swapped(case):
    _damaged(case, lambda record: record.write_text(record.read_text().replace('"box"', '"fox"')), "corrupt state for box")


@test("state: a symbolic link for a state.json", vm_only=True)
def linked(case):
    def damage(record):
        record.rename(case.directory / "elsewhere.json")
        record.symlink_to(case.directory / "elsewhere.json")

    _damaged(case, damage, "corrupt state for box")


@test("state: a state directory that another user owns is left alone", vm_only=True)
def foreign(case):
    (case.state / "box").mkdir(parents=True, mode=0o700)
    case.state.chmod(0o700)
    (case.state / "box/state.json").write_text("{}")
    os.chown(case.state / "box", 1000, 1000)
    container = case.container(case.bundle())
    for words in (["state", "box"], ["kill", "box"], ["delete", "box"], ["delete", "--force", "box"]):
        result = container.command(*words)
        expect(result.status != 0, f"{words[0]} succeeded")
        expect_in("not ours", result.error, f"stderr of {words[0]}")
    expect((case.state / "box/state.json").exists(), "the foreign file was removed")
    subprocess.run(["rm", "-r", case.state / "box"], check=True)


@test("state: a state directory that is a symbolic link is refused", vm_only=True)
def link(case):
    (case.directory / "target").mkdir(mode=0o700)
    case.state.symlink_to(case.directory / "target")
    result = case.container(case.bundle()).run()
    expect(result.status != 0, "run succeeded")
    expect_in("not ours", result.error, "stderr")
    expect_equal(os.listdir(case.directory / "target"), [], "files made behind the link")
