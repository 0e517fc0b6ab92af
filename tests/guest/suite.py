# SPDX-License-Identifier: Apache-2.0
"""Collects the tests of the scenarios, runs them in order, and prints one line for each."""
import os
import shutil
import traceback

import census

_tests = []


class Skip(Exception):
    """This test cannot say anything here; its text says why."""


class Failed(Exception):
    """An expectation was not met; its text says which."""


class Test:
    def __init__(self, name, function, vm_only, slow, systemd, cgroup_v1, needs):
        self.name = name
        self.function = function
        self.vm_only = vm_only
        self.slow = slow
        self.systemd = systemd
        self.cgroup_v1 = cgroup_v1
        self.needs = needs


def test(name, vm_only=False, slow=False, systemd=False, cgroup_v1=False, needs=None):
    """Registers a function that takes a Case. vm_only: it means nothing for a runtime without virtual machines. slow:
    it takes most of a minute or more, and runs only with KRUN_GUEST_SLOW=1 or when a filter is its whole name. systemd: it
    runs on a computer that systemd manages, and only there; the others run elsewhere. cgroup_v1: it runs where there is no cgroup
    v2 alone; so do those of the others that a filter names. needs: needs(case) is called once before
    the first of its tests, and what it makes stays."""

    def register(function):
        _tests.append(Test(name, function, vm_only, slow, systemd, cgroup_v1, needs))
        return function

    return register


def expect(condition, why):
    if not condition:
        raise Failed(why)


def expect_equal(actual, wanted, what):
    if actual != wanted:
        raise Failed(f"{what}: got {_short(actual)}, want {_short(wanted)}")


def expect_in(part, whole, what):
    if part not in whole:
        raise Failed(f"{what}: no {_short(part)} in {_short(whole)}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + "..."


def selected(filters):
    with_slow = os.environ.get("KRUN_GUEST_SLOW") == "1"
    with_systemd = os.path.isdir("/run/systemd/system")  # sd_booted(3)
    with_v1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    here = [t for t in _tests if t.systemd == with_systemd and t.cgroup_v1 <= with_v1]
    named = [t for t in here if (any(word in t.name for word in filters) if filters else t.cgroup_v1 == with_v1)]
    return [t for t in named if not t.slow or with_slow or t.name in filters]


def run(tests, lab):
    """Returns the exit status: 1 if a test failed."""
    counts = {"ok": 0, "not ok": 0, "skipped": 0}
    for one in tests:
        word, why = _outcome(one, lab)
        counts[word] += 1
        print(f"{word} {one.name}{': ' if why else ''}{' '.join(why.split())}", flush=True)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skipped']} skipped", flush=True)
    return 1 if counts["not ok"] else 0


def _outcome(one, lab):
    if one.vm_only and not lab.is_vm:
        return "skipped", f"{lab.name} runs no virtual machine"
    case = lab.case()
    before = set()
    try:
        if one.needs:
            lab.once(one.needs)
        before = census.take()
        one.function(case)
        left = case.left_behind()
        expect(not left, f"containers are left: {left}")
        word, why = "ok", ""
    except Skip as skip:
        word, why = "skipped", str(skip)
    except Failed as failed:
        word, why = "not ok", str(failed)
    except Exception as error:  # a broken test is a failed test, not the end of the suite
        where = traceback.extract_tb(error.__traceback__)[-1]
        word, why = "not ok", f"{type(error).__name__} at {where.name}:{where.lineno}: {error}"
    case.end()
    shutil.rmtree(case.directory, ignore_errors=True)
    residue = census.residue(before)
    if residue and word == "ok":
        word, why = "not ok", f"left behind: {residue}"
    return word, why
