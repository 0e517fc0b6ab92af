# SPDX-License-Identifier: Apache-2.0
"""What config.json's process must not be, the same at create and in the file of `exec --process`."""


def put(path, value):
    """A change of a dictionary: the member at `path`, dots between names, becomes `value`."""

    def change(config):
        *parents, last = path.split(".")
        for name in parents:
            config = config.setdefault(name, {})
        config[last] = value

    return change


# (what is wrong, the member of process, its value, the words of the error: a JSON path below process, and a reason)
_kMembers = [
    ("args is an object", "args", {}, "args: must be an array"),
    ("args is empty", "args", [], "args: must have at least one element"),
    ("an argument is a number", "args", ["sh", 1], "args[1]: must be a string"),
    ("uid is negative", "user.uid", -1, "user.uid: must be an integer"),
    ("uid is too large", "user.uid", 1 << 32, "user.uid: must be an integer"),
    ("uid is the number for no change", "user.uid", (1 << 32) - 1, "user.uid: must be below 4294967295"),
    ("gid is the number for no change", "user.gid", (1 << 32) - 1, "user.gid: must be below 4294967295"),
    ("uid is a name", "user.uid", "root", "user.uid: must be a number, is a string"),
    ("uid is a fraction", "user.uid", 0.5, "user.uid: must be an integer"),
    ("an empty program name", "args", [""], "args[0]: must not be empty"),
    ("an unknown scheduler", "scheduler", {"policy": "SCHED_FAIR"}, "scheduler.policy: unknown policy"),
    ("a priority without a real-time scheduler", "scheduler", {"policy": "SCHED_OTHER", "priority": 1},
     "scheduler.priority"),
    ("an unknown I/O class", "ioPriority", {"class": "IOPRIO_CLASS_FAST"}, "ioPriority.class: unknown class"),
    ("cwd is relative", "cwd", "tmp", "cwd: must be an absolute path"),
    ("terminal is a word", "terminal", "yes", "terminal: must be a boolean"),
    ("an unknown capability", "capabilities.bounding", ["CAP_FLY"], "capabilities.bounding[0]"),
    ("an unknown rlimit", "rlimits", [{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}], "rlimits[0].type: unknown rlimit"),
    ("a duplicate rlimit", "rlimits", [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2,
     "rlimits[1].type: must not be listed twice"),
    ("env is a string", "env", "A=b", "env: must be an array"),
    ("a variable is a number", "env", ["A=b", 1], "env[1]: must be a string"),
    ("cwd is a number", "cwd", 1, "cwd: must be a string"),
    ("user is an array", "user", [], "user: must be an object"),
    ("an additional group is a name", "user.additionalGids", [1, "more"], "user.additionalGids[1]: must be a number"),
    ("capabilities is an array", "capabilities", [], "capabilities: must be an object"),
    ("rlimits is an object", "rlimits", {}, "rlimits: must be an array"),
    ("noNewPrivileges is a number", "noNewPrivileges", 1, "noNewPrivileges: must be a boolean"),
    ("oomScoreAdj is a string", "oomScoreAdj", "1", "oomScoreAdj: must be a number"),
    ("consoleSize is an array", "consoleSize", [24, 80], "consoleSize: must be an object"),
    ("soft above hard", "rlimits", [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}], "rlimits[0]"),
]

# (what is wrong, the change of a process object, the words of the error without the "process" before them)
kChanges = [(what, put(member, value), words) for what, member, value, words in _kMembers]
