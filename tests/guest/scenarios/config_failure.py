# SPDX-License-Identifier: Apache-2.0
"""A config.json that cannot be honoured fails `create` before anything is made, and names the place."""
import json
import os

from suite import expect, expect_equal, expect_in, test


def _set(path, value):
    """A change of the configuration: the member at `path`, dots between names, becomes `value`."""

    def change(config):
        *parents, last = path.split(".")
        for name in parents:
            config = config.setdefault(name, {})
        config[last] = value

    return change


def _add_namespace(**namespace):
    return lambda config: config["linux"]["namespaces"].append(namespace)


# (what is wrong, the change, the words of the error)
_kChanges = [
    ("process is a string", _set("process", "sh"), "process: must be an object, is a string"),
    ("args is an object", _set("process.args", {}), "process.args: must be an array"),
    ("args is empty", _set("process.args", []), "process.args: must have at least one element"),
    ("an argument is a number", _set("process.args", ["sh", 1]), "process.args[1]: must be a string"),
    ("uid is negative", _set("process.user.uid", -1), "process.user.uid: must be an integer"),
    ("uid is too large", _set("process.user.uid", 1 << 32), "process.user.uid: must be an integer"),
    ("uid is the number for no change", _set("process.user.uid", (1 << 32) - 1), "process.user.uid: must be below 4294967295"),
    ("gid is the number for no change", _set("process.user.gid", (1 << 32) - 1), "process.user.gid: must be below 4294967295"),
    ("uid is a name", _set("process.user.uid", "root"), "process.user.uid: must be a number, is a string"),
    ("uid is a fraction", _set("process.user.uid", 0.5), "process.user.uid: must be an integer"),
    ("an empty program name", _set("process.args", [""]), "process.args[0]: must not be empty"),
    ("an unknown scheduler", _set("process.scheduler", {"policy": "SCHED_FAIR"}), "process.scheduler.policy: unknown policy"),
    ("a priority without a real-time scheduler", _set("process.scheduler", {"policy": "SCHED_OTHER", "priority": 1}),
     "process.scheduler.priority"),
    ("an unknown I/O class", _set("process.ioPriority", {"class": "IOPRIO_CLASS_FAST"}), "process.ioPriority.class: unknown class"),
    ("a user namespace without maps", _add_namespace(type="user"), "a user namespace needs uidMappings and gidMappings"),
    ("time offsets without a namespace", _set("linux.timeOffsets", {"boottime": {"secs": 1}}), "linux.timeOffsets"),
    ("seccomp's notify", _set("linux.seccomp", {"defaultAction": "SCMP_ACT_NOTIFY"}), "linux.seccomp.defaultAction"),
    ("an unknown seccomp operator", _set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_ABOUT"}]}]}),
     "linux.seccomp.syscalls[0].args[0].op"),
    ("a masked path that is relative", _set("linux.maskedPaths", ["etc"]), "linux.maskedPaths[0]: must be an absolute path"),
    ("an unknown personality", _set("linux.personality", {"domain": "SOLARIS"}), "linux.personality.domain"),
    ("an unknown propagation", _set("linux.rootfsPropagation", "sideways"), "linux.rootfsPropagation: unknown propagation"),
    ("an id-mapped mount",
     _set("mounts", [{"destination": "/data", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]}]),
     "mounts[0].options"),
    ("cwd is relative", _set("process.cwd", "tmp"), "process.cwd: must be an absolute path"),
    ("terminal is a word", _set("process.terminal", "yes"), "process.terminal: must be a boolean"),
    ("an unknown capability", _set("process.capabilities.bounding", ["CAP_FLY"]), "process.capabilities.bounding[0]"),
    ("an unknown rlimit", _set("process.rlimits", [{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}]),
     "process.rlimits[0].type: unknown rlimit"),
    ("a duplicate rlimit", _set("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2),
     "process.rlimits[1].type: must not be listed twice"),
    ("soft above hard", _set("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]), "process.rlimits[0]"),
    ("an unknown namespace", _add_namespace(type="galaxy"), "linux.namespaces[5].type: unknown namespace type"),
    ("a duplicate namespace", _add_namespace(type="uts"), "linux.namespaces[5].type: must not be listed twice"),
    ("a missing namespace file", _set("linux.namespaces", [{"type": "network", "path": "/nowhere/ns"}]), "/nowhere/ns"),
    ("a namespace of another type", _set("linux.namespaces", [{"type": "network", "path": "/proc/self/ns/uts"}]),
     "/proc/self/ns/uts"),
    ("no root", lambda config: config.pop("root"), "root"),
    ("a missing root file system", _set("root.path", "nowhere"), "nowhere"),
    ("no version", lambda config: config.pop("ociVersion"), "ociVersion"),
    ("version 2", _set("ociVersion", "2.0.0"), "ociVersion"),
    ("a relative mount", _set("mounts", [{"destination": "data", "type": "tmpfs", "source": "x"}]),
     "mounts[0].destination: must be an absolute path"),
    ("a missing bind source",
     _set("mounts", [{"destination": "/data", "type": "bind", "source": "/nowhere/source", "options": ["rbind"]}]),
     "/nowhere/source"),
    ("an unknown seccomp action", _set("linux.seccomp", {"defaultAction": "SCMP_ACT_SING"}), "linux.seccomp.defaultAction"),
    ("a hook without an absolute path", _set("hooks.createRuntime", [{"path": "true"}]), "hooks.createRuntime[0].path"),
    ("a sysctl out of its tree", _set("linux.sysctl", {"net/../kernel/x": "1"}), "linux.sysctl"),
]

# (what is wrong, the bytes of config.json, the words of the error)
_kTexts = [
    ("an empty file", b"", "config.json"),
    ("not JSON", b"{ \"ociVersion\": ", "config.json"),
    ("text after the end", b"{} {}", "config.json"),
    ("an array", b"[]", "config.json"),
    ("nested 100000 deep", b"[" * 100000, "nested deeper than"),
    ("objects nested 5000 deep", b'{"annotations":' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "nested deeper than"),
    ("64 MiB of spaces", b" " * (64 << 20), "config.json"),
    ("a NUL byte in a string", b'{"hostname":"a\\u0000b"}', "NUL"),
    ("bytes that are not UTF-8", b'{"hostname":"\xff\xfe"}', "UTF-8"),
]


def _refused(case, container, words):
    result = container.create()
    expect(result.status not in (0, 126, 127), f"status {result.status}, stderr {result.error!r}")
    expect_in(words, result.error, "stderr")
    expect_equal(len(result.error.splitlines()), 1, f"lines on stderr ({result.error[:300]!r})")
    expect_equal([message for message in container.log() if words in message], container.log(), "log")
    expect_equal(len(container.log()), 1, f"messages in the log ({container.log()})")
    expect(not container.pid_path.exists(), "a pid file was written")
    expect_equal(case.left_behind(), [], "containers after the failure")


def _register_change(what, change, words):
    @test(f"config: {what}", vm_only=True)
    def changed(case):
        bundle = case.bundle()
        change(bundle.config)
        _refused(case, case.container(bundle), words)


def _register_text(what, text, words):
    @test(f"config: {what}", vm_only=True)
    def written(case):
        bundle = case.bundle()
        (bundle.path / "config.json").write_bytes(text)
        _refused(case, case.container(bundle), words)


for _what, _change, _words in _kChanges:
    _register_change(_what, _change, _words)
for _what, _text, _words in _kTexts:
    _register_text(_what, _text, _words)


@test("config: none at all", vm_only=True)
def missing(case):
    bundle = case.bundle()
    os.symlink("/nowhere", bundle.path / "config.json")
    _refused(case, case.container(bundle), "config.json")


@test("config: a FIFO does not keep create waiting", vm_only=True)
def fifo(case):
    bundle = case.bundle()
    os.mkfifo(bundle.path / "config.json")
    _refused(case, case.container(bundle), "config.json")


@test("config: members nobody knows are no error", vm_only=True)
def unknown_members(case):
    bundle = case.bundle("/bin/true")
    bundle.config["x-vendor"] = {"deep": [1, 2, {"a": None}]}
    bundle.process["future"] = 1
    result = case.run(bundle)
    expect_equal((result.status, result.err), (0, b""), "status and stderr")


@test("config: it is read once, at create")
def snapshot(case):
    bundle = case.bundle("/bin/sh", "-c", "echo first")
    container = case.container(bundle).created()
    bundle.script("echo second")
    (bundle.path / "config.json").write_text(json.dumps(bundle.config))
    container.must("start", "box")
    expect_equal(container.wait(), 0, "status")
    expect_equal(container.out_path.read_bytes(), b"first\n", "stdout")
    container.must("delete", "box")
