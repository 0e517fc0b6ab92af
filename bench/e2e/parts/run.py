# SPDX-License-Identifier: Apache-2.0
"""A whole container, start to reaped end; and the way out alone."""
import statistics

import table
from bench import command, kRamMib, kRuntimes


def _whole(bench, repeats):
    rows = {f"{name} run": command(name, "run", "--bundle", "/bundle", "box") for name in kRuntimes}
    peer = "QEMU microvm + virtiofsd"
    rows[peer] = ["/usr/bin/qemu_machine", "/share", "/usr/lib/krun-oci/vmlinux", str(kRamMib)]
    times = bench.interleaved(rows, repeats)
    table.head(f"A container that runs a static `true`, start to reaped end, median of {repeats}",
               "", "virtual ms", "spread", "of crun run", f"of {peer}")
    for name, samples in times.items():
        table.row(name, samples, times["crun run"], times[peer])
    ours = times["krun-oci run"]
    table.judge("krun-oci run, virtual ms", statistics.median(ours) / 1e6, 120)
    table.judge(f"krun-oci run, of {peer}", table.ratio(ours, times[peer]), 0.35)


def _way_out(bench, repeats):
    """Nothing but the payload's exit happens after its input has ended."""
    bench.make_idle_bundle("/waiting", ["/bin/cat"])
    times = bench.interleaved({f"{name} run": command(name, "run", "--bundle", "/waiting", "box") for name in kRuntimes},
                              repeats, until_input_ends=True)
    table.head(f"From the end of `cat`'s input to the reaped end of `run`, the container's removal included, median of {repeats}",
               "", "virtual ms", "spread", "of runc's")
    for name, samples in times.items():
        table.row(name, samples, times["runc run"])


def measure(bench, repeats):
    _whole(bench, repeats)
    _way_out(bench, repeats)
