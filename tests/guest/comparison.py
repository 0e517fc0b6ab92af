# SPDX-License-Identifier: Apache-2.0
"""The same bundle on crun and on the runtime under test: what its payload sees, property by property."""
import json
import os
import re
import shutil

from container import Result
from report import Report, script
from terminal import Terminal

kReference = "crun"
kOutcome = "how the container ended"
_kName = "box"
# In which the two runs, and two pages, would differ for nothing.
_kTestDirectory = re.compile(r"(/tmp)?/krun-guest-test\.[^/]+/[0-9]+(/bundle[0-9]+)?")
_worlds = {}


class Each(str):
    """A command whose lines "key=value" are a property each, named by the question and the key."""


class World:
    def __init__(self, name, make, title, executed, terminal):
        self.name = name
        self.make = make
        self.title = title
        self.executed = executed
        self.terminal = terminal


class Row:
    """One property in one world."""

    def __init__(self, world, name, wanted, found):
        self.world = world
        self.name = name
        self.wanted = wanted  # crun's
        self.found = found    # ours

    @property
    def same(self):
        return self.wanted == self.found


def world(name, title, executed=False, terminal=False):
    """Registers make(case, bundle): changes a fresh bundle, and returns {question: shell command}, or a function from
    the Result of a run to {property: value} when the payload is not a shell. executed: a process that is executed
    beside the payload answers, and what is asked of process 1 is asked of it. terminal: whoever answers has one."""

    def register(make):
        assert name not in _worlds, name
        _worlds[name] = World(name, make, title, executed, terminal)
        return make

    return register


def worlds():
    return list(_worlds.values())


def _run(case, runtime, one):
    """(questions, {property: value})"""
    bundle = case.bundle()
    shutil.copy(case.lab.world, bundle.root / "bin/world")
    questions = one.make(case, bundle)
    container = case.container(bundle, _kName, runtime=runtime)
    if one.executed:
        questions = {name: type(command)(command.replace("/proc/1/", "/proc/$$/")) for name, command in questions.items()}
        result = _executed(container, script(questions), one.terminal)
    else:
        if not callable(questions):
            bundle.script(script(questions))
        bundle.process["terminal"] = one.terminal
        result = _command(container, one.terminal, "run", "--bundle", bundle.write(), container.name)
    _forget_cgroup(runtime, result)
    found = {kOutcome: _outcome(result)}
    found.update(questions(result) if callable(questions) else _properties(questions, Report(result)))
    return {name: _kTestDirectory.sub("(host)", value) for name, value in found.items()}


def _command(container, terminal, *words):
    if not terminal:
        return container.command(*words)
    # A caller without a size, so that consoleSize decides.
    with Terminal(container.argv(*words), rows=0, columns=0, environment=container.environment) as caller:
        status = caller.status()
        while caller.read(0.1):
            pass
        return Result(status, caller.seen, b"")


def _executed(container, text, terminal):
    """As engines do it: the whole process in a file."""
    process = {**container.bundle.process, "args": ["/bin/sh", "-c", text], "terminal": terminal}
    container.bundle.process["args"] = ["/bin/sleep", "100000"]  # it starts no processes, whose numbers would be others each time
    container.started()
    path = container.pid_path.with_suffix(".process")
    path.write_text(json.dumps(process))
    result = _command(container, terminal, "exec", "--process", path, container.name)
    container.must("delete", "--force", container.name)
    return result


def _forget_cgroup(runtime, result):
    """crun leaves one when it fails."""
    path = f"/sys/fs/cgroup/{_kName}"
    if result.status and os.path.basename(runtime) == kReference and os.path.isdir(path):
        os.rmdir(path)


def _outcome(result):
    return f"status {result.status}" + (f", {result.error.splitlines()[-1]}" if result.err else "")


def _properties(questions, report):
    found = {}
    for name, command in questions.items():
        if name not in report:
            continue
        if not isinstance(command, Each):
            found[name] = report[name]
            continue
        for line in report[name].splitlines():
            key, _, value = line.partition("=")
            found[f"{name}: {key}"] = value
    return found


def compare(case, one):
    """The rows of a world, in the order in which the payload told them; what only ours told comes last."""
    wanted = _run(case, shutil.which(kReference), one)
    found = _run(case, case.lab.runtime, one)
    names = list(wanted) + [name for name in found if name not in wanted]
    return [Row(one.name, name, wanted.get(name, "absent"), found.get(name, "absent")) for name in names]
