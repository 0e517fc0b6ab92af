# SPDX-License-Identifier: Apache-2.0
"""Commands one by one, as the engine that calls them sees them: those that only look, and a container's life."""
import time

import table
from bench import command, kRuntimes

_kLife = (("create", "--bundle", "/cli"), ("start",), ("ps", "--format", "json"), ("kill",), ("delete",))


def _looks(bench, repeats):
    for name in kRuntimes:
        bench.call(*command(name, "create", "--bundle", "/bundle", "idle"))
    rows = {}
    for verb in (["state", "idle"], ["--version"]):
        rows.update({f"{name} {verb[0]}": command(name, *verb) for name in kRuntimes})
    times = bench.interleaved(rows, repeats)
    for name in kRuntimes:
        bench.call(*command(name, "delete", "--force", "idle"))
    return times


def _lives(bench, repeats):
    """{"RUNTIME VERB": [ns]}: whole lives of containers, the runtimes in turn; the first turn only warms up."""
    bench.make_idle_bundle("/cli", ["/bin/sleep", "100000"])
    times = {f"{name} {verb}": [] for verb, *_ in _kLife for name in kRuntimes}
    for turn in range(repeats + 1):
        for name in kRuntimes:
            for verb, *flags in _kLife:
                ns = bench.time(command(name, verb, *flags, "life", *(["KILL"] if verb == "kill" else [])))
                if turn:
                    times[f"{name} {verb}"].append(ns)
                time.sleep(0.5)  # until the program runs, or has ended
    return times


def measure(bench, repeats):
    times = _looks(bench, repeats) | _lives(bench, repeats)
    table.head(f"Commands, median of {repeats}", "", "virtual ms", "spread", "of crun's")
    for name, samples in times.items():
        table.row(name, samples, times[f"crun {name.split()[1]}"])
    for verb in ("state", "--version"):
        table.judge(f"krun-oci {verb}, of crun's", table.ratio(times[f"krun-oci {verb}"], times[f"crun {verb}"]), 0.5)
