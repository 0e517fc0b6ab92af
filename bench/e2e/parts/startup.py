# SPDX-License-Identifier: Apache-2.0
"""What init costs from its first instruction to the payload's execve, step by step, as its debug log tells."""
import json
import re

import table
from bench import command

# Init says this twice at once, so that the table can take off what saying costs.
_kMark = "debug log"
_kWait = "wait for start"
_kLine = re.compile(r"guest: krun-init: (\d+) us: (.*)")


def _steps(bench):
    """[(step, microseconds of the guest's clock at its beginning)]"""
    log = bench.arena.root / "run/startup.log"
    bench.call(*command("krun-oci", "--debug", "--log", "/run/startup.log", "--log-format", "json", "run", "--bundle", "/bundle", "box"))
    messages = (json.loads(line)["msg"] for line in log.read_text().splitlines())
    found = [_kLine.match(message) for message in messages]
    log.unlink()
    return [(match.group(2), int(match.group(1))) for match in found if match]


def measure(bench, _repeats):
    steps = _steps(bench)
    first_mark = next(i for i, (name, _) in enumerate(steps) if name == _kMark)
    line_us = steps[first_mark + 1][1] - steps[first_mark][1]
    executes = next(i for i, (name, _) in enumerate(steps) if name == "execute")
    table.head(f"Init, from its first instruction to the payload's execve, without what its log costs ({line_us} us a line)",
               "step", "thousand instructions")
    total = 0
    for (name, begin), (_, end) in zip(steps[:executes], steps[1:]):
        if name in (_kMark, _kWait):
            continue
        own = max(end - begin - line_us, 0)
        total += own
        print(f"| {name} | {own} |")
    print(f"| **all** | {total} |")
    table.judge("init until the payload's execve, million instructions", total / 1000, 12)
