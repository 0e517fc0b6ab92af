# SPDX-License-Identifier: Apache-2.0
"""A payload that cannot be executed fails `create` with 1, in words from which engines derive 126 and 127."""
import re

from suite import expect, expect_equal, expect_in, test

# How podman tells the two apart, in the text of the error.
_kNotFound = re.compile("executable file not found in|no such file or directory|open executable", re.IGNORECASE)
_kNotAllowed = re.compile("permission denied|operation not permitted", re.IGNORECASE)


def _fails(case, args, pattern, words):
    """create fails with `words` on stderr and in the log, leaves no pid file and no container; run says the same."""
    container = case.container(case.bundle(*args))
    result = container.create()
    expect(result.status != 0, "create succeeded")
    expect(pattern.search(result.error), f"engines do not understand {result.error!r}")
    expect(not container.pid_path.exists(), "a pid file was written")
    expect_equal(case.left_behind(), [], "containers after the failure")
    expect_equal(len(container.log()), 1, f"messages in the log ({container.log()})")
    expect(pattern.search(container.log()[0]), f"the log says {container.log()}")
    if case.is_vm:
        expect_equal(result.status, 1, "status of create")
        expect_in(words, result.error, "stderr")
        expect_in(words, container.log()[0], "log")


@test("command: a name that is not on PATH is 127")
def not_on_path(case):
    _fails(case, ["nowhere"], _kNotFound, 'exec: "nowhere": executable file not found in $PATH')


@test("command: an absolute path that does not exist is 127")
def absolute(case):
    _fails(case, ["/bin/nowhere"], _kNotFound, 'exec: "/bin/nowhere": stat /bin/nowhere: no such file or directory')


@test("command: a file without the x bit is 126")
def not_executable(case):
    _fails(case, ["/etc/plain"], _kNotAllowed, 'exec: "/etc/plain": permission denied')


@test("command: a directory is 126")
def directory(case):
    # crun finds out at start; its text for a directory is the kernel's.
    if not case.is_vm:
        container = case.container(case.bundle("/etc"))
        expect(_kNotAllowed.search(container.run().error), "engines do not understand the text")
        return
    _fails(case, ["/etc"], _kNotAllowed, 'exec: "/etc": is a directory')


@test("command: a relative name is found by the payload's own PATH and working directory")
def own_path(case):
    bundle = case.bundle("tool")
    bundle.process["env"] = ["PATH=/nowhere:/data"]
    (bundle.root / "data/tool").write_text("#!/bin/sh\nexit 33\n")
    (bundle.root / "data/tool").chmod(0o755)
    expect_equal(case.run(bundle).status, 33, "status")


@test("command: `run` fails as `create` does")
def run_fails(case):
    container = case.container(case.bundle("nowhere"))
    result = container.run()
    expect(_kNotFound.search(result.error), f"stderr {result.error!r}")
    expect_equal(result.status, 1, "status of run")
    expect_equal(case.left_behind(), [], "containers after the failure")
