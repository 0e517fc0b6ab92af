# SPDX-License-Identifier: Apache-2.0
"""Who had the processor while something was done: from the kernel's record of each switch between threads."""
import pathlib
import re

from exits import tracing

kCommand = "the command"
_kSwitch = re.compile(r" (\d+)\.(\d{6}): sched_switch: .*==> next_comm=(.*) next_pid=(\d+) ")


def _name(comm, tid, container):
    if tid in container:
        return f"container process, {container[tid]}"
    if comm.startswith("krun-oci"):
        return kCommand
    return "idle" if tid == 0 else "all else"


def _turns(text, container):
    """[(who, microseconds)] in order."""
    turns, last = [], None
    for line in text.splitlines():
        match = _kSwitch.search(line)
        if not match:
            continue
        now = int(match.group(1)) * 1_000_000 + int(match.group(2))
        if last:
            turns.append((last[0], now - last[1]))
        last = _name(match.group(3), int(match.group(4)), container), now
    return turns


def _shares(turns):
    """From the command's first turn to its last."""
    own = [place for place, (who, _) in enumerate(turns) if who == kCommand]
    shares = {}
    for who, us in turns[own[0]:own[-1] + 1]:
        shares[who] = shares.get(who, 0) + us
    return shares


def time_shares(action, pid):
    """{who: microseconds}, on a machine with one processor; `pid` is a container process, told by its threads."""
    container = {int(task.name): (task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}
    switch = tracing() / "events/sched/sched_switch/enable"
    (tracing() / "buffer_size_kb").write_text("4096")
    switch.write_text("1")
    action()
    switch.write_text("0")
    text = (tracing() / "trace").read_text()
    (tracing() / "trace").write_text("")
    return _shares(_turns(text, container))
