# SPDX-License-Identifier: Apache-2.0
"""Why a client shows something else than with crun, where it does."""
from reason_table import ReasonTable

_kWords = "the runtime's words, which are runc's where there are any; the status is the same"

# (scenario, step, reason), as ReasonTable has them.
_kReasons = [
    ("podman: .*", "(run|exec) .*(nowhere|no-such-program|/etc/plain|/data|/nowhere box pwd)", _kWords),
    ("buildah: .*", "run of a command that is not there", _kWords),
    ("containerd: .*", "(run|task exec) .* box (nowhere|/etc/plain)|task checkpoint box", _kWords),
    ("containerd: ctr run", "run with flags: OOM score adjustment",
     "crun's payload inherits that of containerd's shim; ours leaves the machine's on the host, and the guest's is its own"),
    ("containerd: tasks: .*", "processes that task ps lists",
     "containerd lists the host's: the machine, and one that stands for each executed process"),
    ("containerd: CRI: .*", "ExecSync of nowhere|(StartContainer|ContainerStatus) of (nowhere|/etc/plain)", _kWords),
    ("containerd: CRI: .*", "UpdateContainerResources to more|its limits, to more",
     "a machine gets no more memory while it runs than it was made with: the kubelet is told, and nothing changes"),
    ("CRI-O: a container's life", "features (has what is required|offers rro, idmap)", "crun 1.8.1 has no such command"),
    ("CRI-O: a container's life", "kill KILL of an ended one counts as gone", "crun 1.8.1 says so in other words than CRI-O knows"),
    ("CRI-O: killed, .*", "processes that are left of a streaming exec, SIGKILL",
     "crun's goes on when the command that started it is killed; ours ends with it"),
    ("CRI-O: a command that cannot be run", "create: why", _kWords),
    ("podman: play kube", "play kube|logs .*|exec in .*|wait .*|ps --pod",
     "podman 4.3's cgroup for a pod allows no device with this manager; crun makes nodes below it, ours are the guest's own"),
    ("podman: --userns of another container", "container:plain, .*",
     "podman names the host's own namespace, and maps one id: crun cannot enter it, ours has that id"),
    ("podman: diff, commit, export", "what export holds .*", "nothing is made in the image, mount points neither"),
    ("podman: cp", "cp (into|from) a tmpfs of a running container",
     "podman copies on the host, and a tmpfs is the machine's own memory: refused, as nothing would arrive"),
    ("podman: cp", "(cp into one whose directory the image lacks|volume/other, as it arrived)",
     "nothing is made in the image, so the host has no place for it: podman says so"),
    ("podman: inspect, top, stats", "top box user pid ppid args",
     "podman reads /proc in the container's mount namespace on the host, where the machine has no processes; with options of ps(1), "
     "as in top box -ef, it runs the image's own, which has them"),
    ("podman: inspect, top, stats", "stats", "the host counts the machine's threads"),
]

_table = ReasonTable(_kReasons)
reason_for = _table.reason_for
unused = _table.unused
