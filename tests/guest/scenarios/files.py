# SPDX-License-Identifier: Apache-2.0
"""File operations, all that there are: each reaches the host through the container process's system call filter."""
import os
import resource

from suite import expect_equal, test


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
