# SPDX-License-Identifier: Apache-2.0
"""A process more in a container that runs, and who takes which part of its time."""
import table
from bench import command, kRuntimes
from shares import time_shares


def _parts(bench, argv):
    pid = int((bench.arena.root / "run/pid").read_text())
    shares = time_shares(lambda: bench.time(argv), pid)
    whole = sum(shares.values())
    table.head("Who runs from the first turn of krun-oci exec to its last", "", "virtual ms", "part")
    for name, us in sorted(shares.items(), key=lambda item: -item[1]):
        print(f"| {name} | {us / 1000:.2f} | {us / whole:.2f} |")


def measure(bench, repeats):
    bench.make_idle_bundle("/idle", ["/bin/sleep", "100000"])
    for name in kRuntimes:
        bench.call(*command(name, "create", "--bundle", "/idle", "--pid-file", "/run/pid" if name == "krun-oci" else "/run/other", "busy"))
        bench.call(*command(name, "start", "busy"))
    rows = {f"{name} exec": command(name, "exec", "busy", "/bin/true") for name in kRuntimes}
    times = bench.interleaved(rows, repeats)
    table.head(f"exec of a static `true` in a running container, median of {repeats}", "", "virtual ms", "spread", "of runc exec")
    for name, samples in times.items():
        table.row(name, samples, times["runc exec"])
    table.judge("krun-oci exec, of runc's", table.ratio(times["krun-oci exec"], times["runc exec"]), 0.7)
    _parts(bench, rows["krun-oci exec"])
    for name in kRuntimes:
        bench.call(*command(name, "delete", "--force", "busy"))
