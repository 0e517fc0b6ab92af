# SPDX-License-Identifier: Apache-2.0
"""Several callers at once on the same containers: every result must be explained by some order of the commands.

Callers run random commands. What each said, and when it began and ended, is a history. It is accepted if the commands'
steps can be put into one order that agrees with the clock (no step of a command comes before the end of one that
ended before it began) in which the specification below gives each command the result it had. The search is Wing and
Gong's, with the visited states remembered. A command that is one step to its caller may be several here: a name is
taken before its container exists, and freed after it has gone. Containers are independent: each has a history.

KRUN_MODEL_SEED=N repeats a run's choices (not its timing); KRUN_MODEL_SECONDS is how long it runs (20).
Usage: model_test.py PATH-OF-KRUN_OCI_FAKE
"""
import collections
import concurrent.futures
import json
import os
import random
import re
import sys
import time

from command_line import CommandLine, Failure

_kCallers = 4
_kStepsEach = 10  # of a round
_kNames = ["web", "db"]
_kWords = ["create", "create", "create", "start", "start", "kill TERM", "kill KILL", "delete", "delete --force",
           "state", "state", "exec", "list"]

# One command of one caller. `result` is None for one that has not ended in the part of a history that is looked at.
Event = collections.namedtuple("Event", "caller word begin end result")

# --- The specification: what every command does, step by step -------------------------------------------------------

ABSENT, CLAIMED, CREATING, CREATED, RUNNING, STOPPED = "absent", "claimed", "creating", "created", "running", "stopped"
REMOVING = "removing"
# `life` counts the containers that had the name. `started`: the payload runs, if the record says so or not. `ending`:
# something that ends it is on its way. `locked`: a delete is at work.
State = collections.namedtuple("State", "status life started ending locked")
_kNothing = State(ABSENT, 0, False, False, False)

_kExists = "container with given ID already exists"
_kNoContainer = "does not exist"
_kNotRunning = "container not running"
_kLive = (CREATED, RUNNING)


def _seen(state):
    """As a command that reads the record sees it."""
    return ABSENT if state.status in (CLAIMED, REMOVING) else state.status


def _create(state, stage, _exits):
    if stage is None:
        if state.status != ABSENT:
            yield _kExists, None, state
        else:
            yield None, ("claimed", state.life + 1), state._replace(status=CLAIMED, life=state.life + 1)
        return
    step, life = stage
    if state.locked:
        return
    if step == "claimed":
        if state.status == CLAIMED:  # perhaps by another who came after a delete: the first record decides
            yield None, ("creating", state.life), state._replace(status=CREATING)
        elif state.status != ABSENT:
            yield _kExists, None, state
        if state.life != life or state.status == ABSENT:
            yield _kNoContainer, None, state
    elif (state.status, state.life) == (CREATING, life):
        yield "ok", None, state._replace(status=CREATED)


def _killed_create(state, stage, _exits):
    """By a forced delete, which has found its record."""
    if stage and stage[0] == "creating" and (state.life != stage[1] or state.status != CREATING):
        yield "killed", None, state


def _start(state, stage, exits):
    if stage is None:
        if _seen(state) == ABSENT:
            yield _kNoContainer, None, state
        elif state.status == CREATED:
            yield None, ("ask", state.life), state
        else:
            yield f"cannot start a container that is {state.status}", None, state
        return
    step, life = stage
    same = state.life == life
    if step == "ask":
        if same and state.status in _kLive:
            yield None, ("again" if state.started else "record", life), state._replace(
                started=True, ending=state.ending or exits)
        if not same or state.status not in _kLive or state.ending:
            yield _kNotRunning, None, state
    elif not state.locked:
        here = same and state.status in (*_kLive, STOPPED)
        result = "ok" if step == "record" else "cannot start a container that is running"
        after = state._replace(status=RUNNING) if here and state.status == CREATED else state
        yield (result if here else _kNoContainer), None, after


def _kill(state, stage, _exits):
    if stage is None:
        if _seen(state) == ABSENT:
            yield _kNoContainer, None, state
        elif state.status == STOPPED:
            yield _kNotRunning, None, state
        elif state.status == CREATING:
            yield "cannot kill a container that is creating", None, state
        else:
            yield None, ("send", state.life), state
        return
    lives = state.life == stage[1] and state.status in _kLive
    if lives:
        yield "ok", None, state._replace(ending=True)
    if not lives or state.ending:
        yield _kNotRunning, None, state


def _exec(state, stage, _exits):
    if stage is None:
        if _seen(state) == ABSENT:
            yield _kNoContainer, None, state
        elif state.status == STOPPED:
            yield _kNotRunning, None, state
        elif state.status == CREATING:
            yield "cannot exec a container that is creating", None, state
        else:
            yield None, ("ask", state.life), state
        return
    lives = state.life == stage[1] and state.status in _kLive
    if stage[0] == "ask" and lives:
        yield "said hello", None, state
        yield None, ("runs", state.life), state
    if not lives or state.ending:
        yield (_kNotRunning if stage[0] == "ask" else "lost its container"), None, state


def _delete(state, stage, _exits, force=False):
    if stage is None:
        if state.locked:
            return
        if state.status == ABSENT or (_seen(state) == ABSENT and not force):
            yield ("ok" if force else _kNoContainer), None, state
        elif force or state.status in (CREATED, STOPPED):
            yield None, "end", state._replace(locked=True)
        else:
            yield f"that is not stopped: {state.status}", None, state
    elif stage == "end":
        stopped = state.status if state.status == CLAIMED else STOPPED
        yield None, "remove", state._replace(status=stopped, started=False, ending=False)
    elif stage == "remove":
        yield None, "free", state._replace(status=REMOVING)
    else:
        yield "ok", None, _kNothing._replace(life=state.life)


def _forced_delete(state, stage, exits):
    return _delete(state, stage, exits, force=True)


def _state(state, _stage, _exits):
    yield (_kNoContainer if _seen(state) == ABSENT else state.status), None, state


def _list(state, _stage, _exits):
    # It reads the names first: one that is gone when its record is read is unknown, as is one without a record.
    if state.status == ABSENT:
        yield "nothing", None, state
    yield ("unknown" if _seen(state) == ABSENT else state.status), None, state


_kSpecification = {
    "create": [_create, _killed_create], "start": [_start], "kill TERM": [_kill], "kill KILL": [_kill],
    "delete": [_delete], "delete --force": [_forced_delete], "state": [_state], "exec": [_exec], "list": [_list],
}


def _steps(word, state, stage, exits):
    """(result or None, next stage, next state) of each step that a command may take now."""
    for part in _kSpecification[word]:
        yield from part(state, stage, exits)


# --- The search -----------------------------------------------------------------------------------------------------


def explained(history, exits):
    """Whether an order explains every result. `exits`: the payload ends by itself once started."""
    lines = [sorted(line, key=lambda event: event.begin) for line in _by_caller(history)]
    start = (tuple((0, None) for _ in lines), _kNothing)
    seen, open_nodes = {start}, [start]
    while open_nodes:
        places, state = open_nodes.pop()
        if _all_done(lines, places):
            return True
        for node in _next_nodes(lines, places, state, exits):
            if node not in seen:
                seen.add(node)
                open_nodes.append(node)
    return False


def _by_caller(history):
    lines = collections.defaultdict(list)
    for event in history:
        lines[event.caller].append(event)
    return lines.values()


def _all_done(lines, places):
    return all(event.result is None for line, (at, _) in zip(lines, places) for event in line[at:])


def _next_nodes(lines, places, state, exits):
    if state.ending and state.status in _kLive:  # nobody's step
        yield places, state._replace(status=STOPPED, ending=False, started=False)
    heads = [line[at] for line, (at, _) in zip(lines, places) if at < len(line)]
    first_end = min((head.end for head in heads), default=0)
    for caller, (at, stage) in enumerate(places):
        if at == len(lines[caller]) or (event := lines[caller][at]).begin > first_end:
            continue
        for result, next_stage, next_state in _steps(event.word, state, stage, exits):
            if result is not None and event.result not in (None, result):
                continue
            place = (at, next_stage) if result is None else (at + 1, None)
            yield (*places[:caller], place, *places[caller + 1:]), next_state


def _until(history, moment):
    """What was known then: commands that had not ended may yet have any result."""
    return [event if event.end <= moment else event._replace(end=float("inf"), result=None)
            for event in history if event.begin <= moment]


def first_unexplained(history, exits):
    """The shortest beginning of a history that no order explains, as lines."""
    for moment in sorted(event.end for event in history):
        part = _until(history, moment)
        if not explained(part, exits):
            zero = min(event.begin for event in history)
            return [f"{(event.begin - zero) * 1000:9.2f} … {(event.end - zero) * 1000:9.2f} ms  "
                    f"{event.caller}: {event.word}: {event.result}"
                    for event in sorted(part, key=lambda event: event.end)[-16:]]
    return []


# --- The callers ----------------------------------------------------------------------------------------------------

_kKnown = [_kExists, _kNoContainer, _kNotRunning, r"cannot (?:start|kill|exec) a container that is \w+", r"that is not stopped: \w+"]


def _result_of(word, name, ended):
    if word == "list" and ended.status == 0:
        rows = {row["id"]: row["status"] for row in json.loads(ended.out)}
        return rows.get(name, "nothing")
    if word == "exec" and (ended.status, ended.out) == (0, "hello"):
        return "said hello"
    if word == "exec" and ended.status == 137:
        return "lost its container"
    if word == "create" and ended.status == -9:
        return "killed"
    if ended.status == 0 and not ended.err:
        return json.loads(ended.out)["status"] if word == "state" else "ok"
    for known in _kKnown:
        if match := re.search(known, ended.err):
            return match[0]
    return str(ended)  # which nothing explains


def _line(lab, word, name):
    if word == "create":
        return lab.create_line(name)
    if word == "list":
        return lab.line("list", "--format", "json")
    if word.startswith("kill"):
        return lab.line("kill", name, word.split()[1])
    return lab.line(*word.split(), name, *(["say", "hello"] if word == "exec" else []))


def _call(lab, caller, choices):
    """{name: events} of one caller."""
    events = collections.defaultdict(list)
    for word, name in choices:
        begin = time.monotonic()
        ended = lab.run(_line(lab, word, name))
        end = time.monotonic()
        for about in _kNames if word == "list" else [name]:
            events[about].append(Event(caller, word, begin, end, _result_of(word, about, ended)))
    return events


def _choices(randomness):
    return [(randomness.choice(_kWords), randomness.choices(_kNames, [4, 1])[0]) for _ in range(_kStepsEach)]


def _round(lab, pool, randomness):
    """{name: history}. It ends with no container."""
    calls = [pool.submit(_call, lab, caller, _choices(randomness)) for caller in range(_kCallers)]
    histories = collections.defaultdict(list)
    for call in calls:
        for name, events in call.result().items():
            histories[name] += events
    for name in _kNames:
        histories[name] += _call(lab, 0, [("delete --force", name), ("state", name)])[name]
    lab.expect_left([], [])
    return histories


def _play(program, seed, deadline):
    """How many commands were explained, and of how many histories."""
    randomness, commands, rounds = random.Random(seed), 0, 0
    with (CommandLine(program, ["wait"]) as waits, CommandLine(program, ["exit", "0"]) as exits,
          concurrent.futures.ThreadPoolExecutor(_kCallers) as pool):
        while time.monotonic() < deadline:
            lab = exits if rounds % 4 == 3 else waits
            for name, history in _round(lab, pool, randomness).items():
                if not explained(history, lab is exits):
                    raise Failure(f"round {rounds}, container {name}: no order explains the end of\n" +
                                  "\n".join(first_unexplained(history, lab is exits)))
                commands += len(history)
            rounds += 1
    return commands, rounds


def main():
    seed = int(os.environ.get("KRUN_MODEL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KRUN_MODEL_SEED={seed}", flush=True)
    deadline = time.monotonic() + float(os.environ.get("KRUN_MODEL_SECONDS", "20"))
    try:
        commands, rounds = _play(sys.argv[1], seed, deadline)
    except Failure as failure:
        sys.exit(f"FAIL {failure}")
    print(f"{commands} results in {rounds} rounds, all explained")


if __name__ == "__main__":
    main()
