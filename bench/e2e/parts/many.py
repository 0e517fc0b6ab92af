# SPDX-License-Identifier: Apache-2.0
"""A hundred containers that run at once: what each costs in time and in the host's memory."""
import table
from bench import command, kRuntimes

_kCount = 100


def _available_kib():
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable:"))


def measure(bench, repeats):
    bench.make_idle_bundle("/many", ["/bin/sleep", "100000"])
    table.head(f"{_kCount} containers at once", "", "create and start, virtual ms each", "the last ten", "memory of the host, MiB each")
    for name in kRuntimes:
        before = _available_kib()
        times = []
        for i in range(_kCount):
            times.append(sum(bench.time(command(name, *words)) for words in
                             (("create", "--bundle", "/many", f"many{i}"), ("start", f"many{i}"))))
        mib = (before - _available_kib()) / 1024 / _kCount
        print(f"| {name} | {sum(times) / _kCount / 1e6:.1f} | {sum(times[-10:]) / 10 / 1e6:.1f} | {mib:.1f} |")
        for i in range(_kCount):
            bench.call(*command(name, "delete", "--force", f"many{i}"))
