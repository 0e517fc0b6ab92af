# SPDX-License-Identifier: Apache-2.0
"""A terminal, as whoever has it sees it."""
from comparison import Each, world
from worlds import questions

_kQuestions = {
    "session, group, terminal": questions.kProcess["session, group, terminal"],
    "environment": questions.kEnvironment,
    "descriptor": questions.kProcess["descriptor"],
    "terminal": Each("world terminal"),
    "size for a program": "stty size",
    "settings for a program": "stty -a | tail -n +2",
    "mount": questions.kMounts,
    "device": questions.kDevices,
}


def _other_user(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1001}
    bundle.process["consoleSize"] = {"height": 17, "width": 71}
    bundle.config["mounts"][2]["options"] += ["gid=5"]


@world("terminal", "process.terminal for root, with the devpts of `runc spec`", terminal=True)
def root(_, bundle):
    return _kQuestions


@world("terminal, user", "process.terminal for an ordinary user, with a consoleSize and a devpts with a group", terminal=True)
def user(_, bundle):
    _other_user(bundle)
    return _kQuestions


@world("terminal, executed process", "The same for a process that `exec` runs beside a payload without one", terminal=True, executed=True)
def executed(_, bundle):
    _other_user(bundle)
    return _kQuestions
