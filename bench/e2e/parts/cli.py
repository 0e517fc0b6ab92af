# SPDX-License-Identifier: Apache-2.0
"""Commands one by one, as the engine that calls them sees them: those that only look, and a container's life."""
import statistics
import time

import table
from bench import command, kRuntimes

_kWithoutMachine = {"annotations": {"io.kubernetes.cri.container-type": "sandbox"}}
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


def _creations_without_boot(bench, repeats):
    """{"krun-oci create…": [ns]}: of a pod's sandbox container, which is all that a container is but for the machine."""
    bench.make_idle_bundle("/pod", ["/bin/sleep", "100000"], **_kWithoutMachine)
    samples = []
    for turn in range(repeats + 1):
        ns = bench.time(command("krun-oci", "create", "--bundle", "/pod", "pod"))
        bench.call(*command("krun-oci", "delete", "--force", "pod"))
        samples += [ns] if turn else []
    return {"krun-oci create, no machine": samples}


def _say_boot(times):
    """create returns when the guest has booted, so that start is one message and no engine waits there."""
    whole, without = (statistics.median(times[f"krun-oci create{what}"]) / 1e6 for what in ("", ", no machine"))
    print(f"\nOf krun-oci's create {whole - without:.1f} virtual ms are the machine and its boot; nothing of it is left for start.")


def measure(bench, repeats):
    times = _looks(bench, repeats) | _lives(bench, repeats) | _creations_without_boot(bench, repeats)
    table.head(f"Commands, median of {repeats}", "", "virtual ms", "spread", "of crun's")
    for name, samples in times.items():
        table.row(name, samples, times[f"crun {name.split()[1].rstrip(',')}"])
    _say_boot(times)
    for verb in ("state", "--version"):
        table.judge(f"krun-oci {verb}, of crun's", table.ratio(times[f"krun-oci {verb}"], times[f"crun {verb}"]), 0.5)
