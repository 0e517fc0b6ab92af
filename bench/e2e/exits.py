# SPDX-License-Identifier: Apache-2.0
"""How often KVM_RUN returns to user space, of all machines on this host: counted by KVM's own tracepoint."""
import pathlib
import re
import subprocess

_kTracing = pathlib.Path("/sys/kernel/tracing")
_kTrigger = "hist:keys=reason"


def tracing():
    """The directory of the kernel's tracer, mounted."""
    if not (_kTracing / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", _kTracing], check=True)
    return _kTracing


class ExitCounter:
    """Counts from its making on."""

    def __init__(self):
        self._event = tracing() / "events/kvm/kvm_userspace_exit"
        (self._event / "trigger").write_text(_kTrigger)

    def stop(self):
        """The number of exits."""
        hits = re.search(r"Hits: (\d+)", (self._event / "hist").read_text())
        (self._event / "trigger").write_text("!" + _kTrigger)
        return int(hits.group(1))
