# SPDX-License-Identifier: Apache-2.0
"""Hooks of each kind: where they run, as whom, and what they are told. Each writes a file of its own, which tells their order."""
import json
import os

from comparison import kOutcome, world

_kInGuest = "startContainer"
_kKinds = ("prestart", "createRuntime", "createContainer", _kInGuest, "poststart", "poststop")
_kAlone = ", a path alone"
_kOfShells = {"PWD", "OLDPWD", "SHLVL", "_"}
_kOfState = ("ociVersion", "id", "status", "bundle", "annotations")

_kTellNamespaces = """for n in cgroup ipc mnt net pid user uts; do echo "namespace $n=$(readlink /proc/self/ns/$n)"; done\n"""
# Lines "key=value". /proc is asked for its reader alone: it may be that of another pid namespace.
_kTell = r"""file="SEEN/$(ls SEEN | wc -l).KIND"
exec 4>&1 5>&2 >"$file" 2>&1
echo "arguments=$0 $*"
echo "working directory=$(readlink /proc/self/cwd)"
cat /proc/self/environ | tr '\0' '\n' | sed 's/^/environment: /'
echo "standard input=$(readlink /proc/self/fd/0)"
echo "standard output=$(readlink /proc/self/fd/4)"
echo "standard error=$(readlink /proc/self/fd/5)"
for fd in 3 6 7 8 9 10 11 12; do to=$(readlink /proc/self/fd/$fd) && echo "descriptor $fd=$to"; done
sed -n 's/[\t ]\+/ /g;s/^\(Umask\|[UG]id\|Groups\|SigBlk\|SigIgn\|CapEff\|CapBnd\|CapAmb\|NoNewPrivs\|Seccomp\): */\1=/p' /proc/self/status
""" + _kTellNamespaces + r"""echo "state=$(tr -d '\n')"
"""


def _hooks(directory, seen, kind):
    """One with all that a hook may have, and one that is a path alone."""

    def script(name):
        return _kTell.replace("SEEN", str(seen)).replace("KIND", name)

    alone = directory / f"bin/{kind}-hook"
    alone.parent.mkdir(exist_ok=True)
    alone.write_text("#!/bin/sh\n" + script(kind + _kAlone))
    alone.chmod(0o755)
    path = f"/bin/{alone.name}" if kind == _kInGuest else str(alone)
    return [{"path": "/bin/sh", "args": ["sh", "-c", script(kind), "first", "second  word"],
             "env": ["PATH=/usr/bin:/bin", "ONLY=this"], "timeout": 60}, {"path": path}]


def _of_state(text):
    state = json.loads(text)
    told = {f"state: {key}": json.dumps(state.get(key, "absent")) for key in _kOfState}
    pid = state.get("pid", "absent")
    told["state: pid"] = "a process's" if isinstance(pid, int) and pid > 1 else str(pid)
    return {**told, "state: other members": " ".join(sorted(set(state) - {*_kOfState, "pid"}))}


def _environment(own):
    """One that it is given is told, without what a shell adds; one that is its caller's is only named."""
    inherited = [key for key, value in os.environ.items() if own.get(key) == value]
    if len(inherited) > len(os.environ) / 2:
        return {"environment": "the caller's"}
    return {f"environment: {key}": value for key, value in own.items() if key not in _kOfShells}


def _read(path, payload):
    """{property: value} of one hook's file. payload: {namespace: the payload's}, for a hook of the guest."""
    found, own = {}, {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        kind, _, name = key.partition(" ")
        if kind == "state":
            found.update(_of_state(value))
        elif kind == "namespace":
            other = payload[key] if payload else os.readlink(f"/proc/self/ns/{name}")
            found[key] = ("the payload's" if payload else "the caller's") if value == other else "another"
        elif kind == "environment:":
            own[name] = value
        else:
            found[key] = value.split(":")[0]  # of a pipe, without its number
    return {**found, **_environment(own)}


def _told(seen, result):
    payload = dict(line.split("=", 1) for line in result.text.splitlines())
    files = sorted(seen.iterdir(), key=lambda path: int(path.name.split(".")[0]))
    kinds = [path.name.split(".", 1)[1] for path in files]
    # crun runs poststart hooks beside startContainer's.
    found = {kOutcome: f"status {result.status}", "order": "; ".join(kind for kind in kinds if not kind.startswith(_kInGuest))}
    for path, kind in sorted(zip(files, kinds), key=lambda one: _kKinds.index(one[1].split(",")[0])):
        of_hook = _read(path, payload if kind.startswith(_kInGuest) else None)
        found.update({f"{kind}: {key}": value for key, value in of_hook.items()})
    return found


@world("hooks", "A hook of each kind with arguments and environment, and one that is a path alone; the payload is an ordinary user's")
def hooks(_, bundle):
    seen = bundle.path / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    bundle.bind(seen, str(seen))
    bundle.script(_kTellNamespaces)
    bundle.process.update({"user": {"uid": 1000, "gid": 1001, "additionalGids": [10], "umask": 0o27}, "cwd": "/data"})
    bundle.process["env"].append("PAYLOADS=own")
    bundle.config["annotations"] = {"org.example.one": "1", "org.example.two": "a \"b\""}
    bundle.config["hooks"] = {kind: _hooks(bundle.root if kind == _kInGuest else bundle.path, seen, kind) for kind in _kKinds}
    return lambda result: _told(seen, result)
