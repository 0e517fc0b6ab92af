# SPDX-License-Identifier: Apache-2.0
"""How often KVM_RUN returns to user space, of all machines on this host: counted by KVM's own tracepoint."""
import pathlib
import re
import subprocess

_kTracing = pathlib.Path("/sys/kernel/tracing")
_kEvent = _kTracing / "events/kvm/kvm_userspace_exit"
_kTrigger = "hist:keys=reason"


class ExitCounter:
    """Counts from its making on."""

    def __init__(self):
        if not _kEvent.exists():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", _kTracing], check=True)
        (_kEvent / "trigger").write_text(_kTrigger)

    def stop(self):
        """The number of exits."""
        hits = re.search(r"Hits: (\d+)", (_kEvent / "hist").read_text())
        (_kEvent / "trigger").write_text("!" + _kTrigger)
        return int(hits.group(1))
