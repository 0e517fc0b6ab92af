# SPDX-License-Identifier: Apache-2.0
"""One container, by the command line that engines use."""
import json
import os
import pathlib
import signal
import subprocess
import time

from suite import Failed

_kTimeout = 90  # seconds; a microVM boots in 3 to 5 in an emulated computer


class Result:
    """How a command ended: status as a shell sees it, stdout and stderr as bytes."""

    def __init__(self, status, out, err):
        self.status = status if status >= 0 else 128 - status
        self.out = out
        self.err = err

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def error(self):
        return self.err.decode(errors="replace")

    def __repr__(self):
        return f"status {self.status}, stdout {self.out[-300:]}, stderr {self.err[-300:]}"


class Container:
    def __init__(self, runtime, state, directory, bundle, name, environment):
        self.runtime = runtime
        self.state_directory = state
        self.bundle = bundle
        self.name = name
        self.environment = dict(os.environ, **(environment or {}))
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.pid_path = pathlib.Path(directory) / f"{name}.pid"
        self.out_path = pathlib.Path(directory) / f"{name}.out"
        self.err_path = pathlib.Path(directory) / f"{name}.err"

    def argv(self, *words):
        return [self.runtime, "--root", str(self.state_directory), "--log", str(self.log_path),
                "--log-format", "json", *map(str, words)]

    def command(self, *words, stdin=b"", timeout=_kTimeout):
        """Any sub-command, its output captured."""
        process = subprocess.Popen(self.argv(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment, start_new_session=True)
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.discard()  # the container process has the streams too
            out, err = process.communicate(timeout=_kTimeout)
            raise Failed(f"{words[0]} did not end in {timeout} s; stdout {out[-200:]}, stderr {err[-200:]}") from None
        return Result(process.returncode, out, err)

    def run(self, **options):
        return self.command("run", "--bundle", self.bundle.write(), self.name, **options)

    def create(self, stdin=subprocess.DEVNULL):
        """The container's streams are the files out_path and err_path."""
        words = self.argv("create", "--bundle", self.bundle.write(), "--pid-file", self.pid_path, self.name)
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            done = subprocess.run(words, stdin=stdin, stdout=out, stderr=err, env=self.environment,
                                  timeout=_kTimeout, check=False)
        return Result(done.returncode, self.out_path.read_bytes(), self.err_path.read_bytes())

    def must(self, *words):
        """A command that has to succeed, and to print nothing on stderr."""
        result = self.command(*words)
        if result.status != 0 or result.err:
            raise Failed(f"{words[0]}: {result}")
        return result

    def created(self, **options):
        result = self.create(**options)
        if result.status != 0 or result.err:
            raise Failed(f"create: {result}")
        return self

    def started(self, **options):
        self.created(**options).must("start", self.name)
        return self

    @property
    def pid(self):
        return int(self.pid_path.read_text())

    def state(self):
        return json.loads(self.must("state", self.name).out)

    def wait(self, timeout=30):
        """The container process's exit status, by wait(2)."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            time.sleep(0.02)
        raise Failed(f"the container process {self.pid} is alive after {timeout} s")

    def wait_for_output(self, text, timeout=30):
        end = time.monotonic() + timeout
        while text not in self.out_path.read_bytes():
            if time.monotonic() > end:
                raise Failed(f"no {text} on stdout: {self.out_path.read_bytes()[-300:]}, "
                             f"stderr {self.err_path.read_bytes()[-300:]}")
            time.sleep(0.02)
        return self

    def log(self):
        """The messages in the log file."""
        if not self.log_path.exists():
            return []
        return [json.loads(line)["msg"] for line in self.log_path.read_text().splitlines()]

    def discard(self):
        subprocess.run(self.argv("delete", "--force", self.name), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_kTimeout, check=False)
