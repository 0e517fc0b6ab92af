# SPDX-License-Identifier: Apache-2.0
"""The program under test as a caller sees it, in a directory of its own, and the census of what it left."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

TIME_LIMIT_SECONDS = 10  # a command that takes longer hangs
SKIPPED = 77
MARK = "KRUN_OCI_TEST_DIRECTORY"


class Failure(Exception):
    """One sentence about what is not as it should be."""


class Ended:
    """What a caller knows of a command: exit status (negative: the signal that ended it), streams."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return f"status {self.status}, stderr {self.err!r}"


class CommandLine:
    """Used in a `with` statement. Every process of it, and of their children, carries the mark in its environment."""

    def __init__(self, program, args=("wait",)):
        self.program, self.args = os.path.abspath(program), list(args)

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="krun-oci-test."))
        self.root = self.directory / "state"
        self.bundle = self.directory / "bundle"
        self.scratch = self.directory / "tmp"  # TMPDIR, and where pid files go
        (self.bundle / "rootfs").mkdir(parents=True)
        self.scratch.mkdir()
        config = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"cwd": "/", "args": self.args}}
        (self.bundle / "config.json").write_text(json.dumps(config))
        self._environment = {**os.environ, MARK: str(self.directory), "TMPDIR": str(self.scratch)}
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            os.kill(pid, 9)
        shutil.rmtree(self.directory, ignore_errors=True)

    def line(self, *words):
        return [self.program, "--root", str(self.root), "--cgroup-manager", "disabled", *words]

    def create_line(self, name, *flags):
        return self.line("create", "--bundle", str(self.bundle), *flags, name)

    def run(self, line, **options):
        """Files instead of pipes: who waits for the end of a stream waits for the container too."""
        with tempfile.TemporaryFile(dir=self.directory) as out, tempfile.TemporaryFile(dir=self.directory) as err:
            child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     env=self._environment, **options)
            try:
                status = child.wait(TIME_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise Failure(f"hangs: {' '.join(line)}") from None
            return Ended(status, _text(out), _text(err))

    def krun(self, *words):
        return self.run(self.line(*words))

    def create(self, name, *flags):
        return self.run(self.create_line(name, *flags))

    def state(self, name):
        """The status, or None if there is no such container."""
        ended = self.krun("state", name)
        if ended.status == 0:
            return json.loads(ended.out)["status"]
        if ended.err == f'container "{name}" does not exist\n':
            return None
        raise Failure(f"state {name}: {ended}")

    def processes(self):
        """Those of the directory that live."""
        mark = f"{MARK}={self.directory}".encode()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if mark in _environment_of(pid)]

    def expect_left(self, containers, processes):
        """These alone: names in the state directory, pids. A process that was just killed may need a while to end."""
        names = sorted(os.listdir(self.root)) if self.root.exists() else []
        if names != sorted(containers):
            raise Failure(f"the state directory has {names}, not {containers}")
        deadline = time.monotonic() + TIME_LIMIT_SECONDS
        while left := set(self.processes()) - set(processes):
            if time.monotonic() > deadline:
                raise Failure(f"processes are left: {[_command_of(pid) for pid in left]}")
            time.sleep(0.002)
        if files := os.listdir(self.scratch):
            raise Failure(f"files are left: {files}")


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def _environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:  # it has ended, perhaps as a zombie
        return []


def _command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return f"{pid}: " + file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return str(pid)
