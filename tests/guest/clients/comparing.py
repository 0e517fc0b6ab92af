# SPDX-License-Identifier: Apache-2.0
"""The same commands of a container client on crun and on the runtime under test: what a person sees, step by step."""
import re
import shlex
import shutil
import subprocess

from comparison import Row, kReference
from container import Result
from report import Report, script
from suite import Failed

kDigest = "sha256sum | cut -c 1-40"  # of stdin; a whole digest would pass for an id
_kTimeout = 180  # seconds for one command of a client
_kLongestName = 90
_scenarios = {}
# In which two runs differ for nothing.
_kSame = [
    (re.compile(rb"/tmp/krun-guest-test\.[^/ ]+/[0-9]+/(crun|ours)"), b"(test)"),
    (re.compile(rb"\b(sha256:)?[0-9a-f]{64}\b"), rb"\1(id)"),
    (re.compile(rb"\b[0-9a-f]{12}\b|(?<=--> )[0-9a-f]{11}\b"), b"(id)"),
    (re.compile(rb"/proc/[0-9]+/ns/"), b"/proc/(pid)/ns/"),
    (re.compile(rb"Up [\w ]+ ago"), b"Up (time) ago"),
    (re.compile(rb"(Exited \([0-9]+\)) [\w ]+ ago"), rb"\1 (time) ago"),
    (re.compile(rb"\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+( ?(Z|[+-][0-9:]+( UTC)?))?"), b"(time)"),
]


class Scenario:
    def __init__(self, client, name, play, slow):
        self.client = client
        self.name = name
        self.play = play
        self.slow = slow

    @property
    def title(self):
        return f"{self.client}: {self.name}"


def scenario(client, name, slow=False):
    """Registers play(stage), which runs the client's commands and notes what they show. slow: not for every change; hack/test
    clients runs it."""

    def register(play):
        one = Scenario(client, name, play, slow)
        assert one.title not in _scenarios, one.title
        _scenarios[one.title] = one
        return play

    return register


def scenarios():
    return list(_scenarios.values())


def scenario_called(title):
    return _scenarios[title]


class Stage:
    """One scenario on one runtime: a directory, and the steps in their order."""

    def __init__(self, case, runtime, label):
        self.case = case
        self.runtime = runtime
        self.directory = case.directory / label
        self.directory.mkdir()
        self.steps = {}

    def note(self, name, value):
        """A step's value, which is text for the page."""
        if name in self.steps:
            raise Failed(f"two steps are called {name}")
        self.steps[name] = self._same(value.encode()).decode(errors="replace")

    def note_report(self, name, result):
        """Each answer of a payload that ran report.script() is a step."""
        self.note(f"{name}: status", str(result.status))
        for question, answer in Report(result).items():
            self.note(f"{name}: {question}", answer)

    def note_result(self, name, result, columns=False):
        """columns: runs of spaces, by which tables are aligned, count as one."""
        streams = [("out", result.text), ("err", result.error)]
        shown = [f"{label} {shorten(text, columns)}" for label, text in streams if text.strip()]
        self.note(name, "; ".join([f"status {result.status}", *shown]))

    def _same(self, value):
        for runtime in {self.runtime.encode(), shutil.which(kReference).encode()}:
            value = value.replace(runtime, b"(runtime)")
        value = re.sub(rb"\b(crun|krun-oci): ", b"(runtime): ", value)
        for pattern, word in _kSame:
            value = pattern.sub(word, value)
        return value


def shorten(text, columns):
    lines = [" ".join(line.split()) if columns else line.rstrip() for line in text.replace("\r", "").splitlines()]
    return " / ".join(line for line in lines if line)


class Client:
    """A command line client. `prefix` is what no reader needs to see of its commands."""

    name = ""

    def __init__(self, stage):
        self.stage = stage

    environment = None  # a client's whole environment, or None for ours

    def argv(self, words):
        raise NotImplementedError

    def run(self, *words, stdin=b"", timeout=_kTimeout):
        """One command, its output captured."""
        try:
            done = subprocess.run(self.argv([str(word) for word in words]), input=stdin, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=timeout, cwd=self.stage.directory,
                                  env=self.environment, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{shlex.join(map(str, words))} did not end in {timeout} s: {late.stderr}") from None
        return Result(done.returncode, done.stdout, done.stderr)

    def must(self, *words, **options):
        """A command that has to succeed, and is no step."""
        result = self.run(*words, **options)
        if result.status != 0:
            raise Failed(f"{self.name} {words[0]} on {self.stage.runtime}: {result}")
        return result

    def see(self, *words, step=None, columns=False, **options):
        """One command as a step, called by its own words unless `step` names it."""
        result = self.run(*words, **options)
        self.stage.note_result(step or self._typed(words), result, columns)
        return result

    def ask(self, *words, questions, step, **options):
        """A command whose payload is the script of `questions`, each of which is a step."""
        self.stage.note_report(step, self.run(*words, "sh", "-c", script(questions), **options))

    def _typed(self, words):
        text = shlex.join(str(word) for word in words if str(word) != "--network=none")
        return text if len(text) <= _kLongestName else text[:_kLongestName] + "…"


def _play(case, one, runtime, label):
    stage = Stage(case, runtime, label)
    try:
        one.play(stage)
    except Failed as failed:
        raise Failed(f"on {runtime}: {failed}") from failed
    return stage.steps


def compare(case, one):
    """The rows of a scenario."""
    wanted = _play(case, one, shutil.which(kReference), "crun")
    found = _play(case, one, case.lab.runtime, "ours")
    names = list(wanted) + [name for name in found if name not in wanted]
    return [Row(one.title, name, wanted.get(name, "absent"), found.get(name, "absent")) for name in names]
