# SPDX-License-Identifier: Apache-2.0
"""Commands that only look."""
import table
from bench import command, kRuntimes


def measure(bench, repeats):
    for name in kRuntimes:
        bench.call(*command(name, "create", "--bundle", "/bundle", "idle"))
    rows = {}
    for verb in (["state", "idle"], ["--version"]):
        rows.update({f"{name} {verb[0]}": command(name, *verb) for name in kRuntimes})
    times = bench.interleaved(rows, repeats)
    for name in kRuntimes:
        bench.call(*command(name, "delete", "--force", "idle"))
    table.head(f"Commands, median of {repeats}", "", "virtual ms", "spread", "of crun's")
    for name, samples in times.items():
        table.row(name, samples, times[f"crun {name.split()[1]}"])
    for verb in ("state", "--version"):
        table.judge(f"krun-oci {verb}, of crun's", table.ratio(times[f"krun-oci {verb}"], times[f"crun {verb}"]), 0.5)
