# SPDX-License-Identifier: Apache-2.0
"""A config.json that cannot be honoured fails `create` before anything is made, and names the place."""
import json
import os

from suite import expect, expect_equal, expect_in, test
import wrong_process
from wrong_process import put


def _add_namespace(**namespace):
    return lambda config: config["linux"]["namespaces"].append(namespace)


# (what is wrong, the change, the words of the error)
_kChanges = [
    ("process is a string", put("process", "sh"), "process: must be an object, is a string"),
    ("a user namespace without maps", _add_namespace(type="user"), "a user namespace needs uidMappings and gidMappings"),
    ("time offsets without a namespace", put("linux.timeOffsets", {"boottime": {"secs": 1}}), "linux.timeOffsets"),
    ("seccomp's notify", put("linux.seccomp", {"defaultAction": "SCMP_ACT_NOTIFY"}), "linux.seccomp.defaultAction"),
    ("an unknown seccomp operator", put("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_ABOUT"}]}]}),
     "linux.seccomp.syscalls[0].args[0].op"),
    ("a masked path that is relative", put("linux.maskedPaths", ["etc"]), "linux.maskedPaths[0]: must be an absolute path"),
    ("an unknown personality", put("linux.personality", {"domain": "SOLARIS"}), "linux.personality.domain"),
    ("an unknown propagation", put("linux.rootfsPropagation", "sideways"), "linux.rootfsPropagation: unknown propagation"),
    ("an id-mapped mount",
     put("mounts", [{"destination": "/data", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]}]),
     "mounts[0].options"),
    ("a user namespace that is none", _add_namespace(type="user", path="/proc/self/ns/uts"), "linux.namespaces: user"),
    ("an unknown namespace", _add_namespace(type="galaxy"), "linux.namespaces[5].type: unknown namespace type"),
    ("a duplicate namespace", _add_namespace(type="uts"), "linux.namespaces[5].type: must not be listed twice"),
    ("a missing namespace file", put("linux.namespaces", [{"type": "network", "path": "/nowhere/ns"}]), "/nowhere/ns"),
    ("a namespace of another type", put("linux.namespaces", [{"type": "network", "path": "/proc/self/ns/uts"}]),
     "/proc/self/ns/uts"),
    ("no root", lambda config: config.pop("root"), "root"),
    ("a missing root file system", put("root.path", "nowhere"), "nowhere"),
    ("no version", lambda config: config.pop("ociVersion"), "ociVersion"),
    ("version 2", put("ociVersion", "2.0.0"), "ociVersion"),
    ("a relative mount", put("mounts", [{"destination": "data", "type": "tmpfs", "source": "x"}]),
     "mounts[0].destination: must be an absolute path"),
    ("a missing bind source",
     put("mounts", [{"destination": "/data", "type": "bind", "source": "/nowhere/source", "options": ["rbind"]}]),
     "/nowhere/source"),
    ("an unknown seccomp action", put("linux.seccomp", {"defaultAction": "SCMP_ACT_SING"}), "linux.seccomp.defaultAction"),
    ("a hook without an absolute path", put("hooks.createRuntime", [{"path": "true"}]), "hooks.createRuntime[0].path"),
    ("a sysctl out of its tree", put("linux.sysctl", {"net/../kernel/x": "1"}), "linux.sysctl"),
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
for _what, _change, _words in wrong_process.kChanges:
    _register_change(_what, lambda config, change=_change: change(config["process"]), "process." + _words)
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
