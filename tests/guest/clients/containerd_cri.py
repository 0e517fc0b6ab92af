# SPDX-License-Identifier: Apache-2.0
"""containerd's CRI plugin, called as a kubelet calls it: pods, their containers, what is logged and counted."""
import os
import subprocess
import time

from bundle import kPath
from clients.comparing import kDigest, scenario
from clients.containerd import Containerd
from clients.cri import Api, Refused
from clients.setup import lines_for
from container import Result
from podman_client import image, kImage, kReference, podman
from report import script
from suite import Failed

_kHandler = "krun-oci"
_kPauseImage = "localhost/krun-guest-test-pause"
_kParent = "/krun-pods"
_kMiB = 1 << 20
_kNode = 2  # NamespaceMode: the host's
_kStates = ("created", "running", "exited", "unknown")  # ContainerState
_kConfig = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{0}/socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{1}:latest"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{0}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
"""
_kNetwork = """{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.88.7.0/24", "dataDir": "DIRECTORY/addresses"}}]}
"""


def _pause_archive(case):
    """An image for the pods' sandboxes, which the CRI plugin wants to have a command."""
    case.once(image)
    path = case.lab.directory / "pause.tar"
    (case.directory / "Containerfile").write_text(f'FROM {kImage}\nENV {kPath}\nCMD ["sleep", "1000000"]\n')
    done = podman(case, kReference, "build", "-q", "--layers=false", "-t", _kPauseImage, case.directory)
    if done.returncode:
        raise Failed(f"podman build: {done.stderr[-300:]}")
    subprocess.run(["podman", "save", "-q", "--format", "docker-archive", "-o", path, _kPauseImage], check=True,
                   stdout=subprocess.DEVNULL)
    return path


class Cri(Containerd):
    """Used in a `with` statement, at whose end nothing of containerd is left."""

    namespace = "k8s.io"

    def __init__(self, stage):
        super().__init__(stage)
        self.archives.append(stage.case.once(_pause_archive))
        self.logs = stage.directory / "logs"
        self._pods = []

    def config(self):
        return _kConfig.format(self.directory, _kPauseImage) + lines_for("containerd", self.stage.runtime)

    def __enter__(self):
        network = self.directory / "cni"
        network.mkdir()
        (network / "10-pods.conflist").write_text(_kNetwork.replace("DIRECTORY", str(self.directory)))
        self.api = Api(self.socket)
        super().__enter__()
        return self

    def pod(self, name, network=_kNode):
        one = Pod(self, name, network)
        self._pods.append(one.id)
        return one

    def __exit__(self, *_):
        for pod in self._pods:
            for call in (self.api.StopPodSandbox, self.api.RemovePodSandbox):
                self.outcome(call, pod_sandbox_id=pod)
        self._end()

    def _end(self):
        self.api.close()
        super()._end()
        if os.path.isdir(f"/sys/fs/cgroup{_kParent}"):
            os.rmdir(f"/sys/fs/cgroup{_kParent}")

    @staticmethod
    def outcome(call, **fields):
        """For a step: what became of a call whose answer is empty."""
        try:
            call(**fields)
        except Refused as refused:
            return str(refused)
        return "done"


class Pod:
    def __init__(self, cri, name, network):
        self.cri = cri
        self.config = {
            "metadata": {"name": name, "uid": f"uid-{name}", "namespace": "tests"},
            "hostname": "" if network == _kNode else name,  # on the host's network it has the host's
            "log_directory": str(cri.logs), "linux": {
                "cgroup_parent": _kParent, "security_context": {"namespace_options": {"network": network}}}}
        self.id = cri.api.RunPodSandbox(config=self.config, runtime_handler=_kHandler).pod_sandbox_id

    def container(self, name, *command, **config):
        return Box(self, name, command, config)

    def run(self, name, *command, **config):
        """One that runs to its end."""
        box = self.container(name, *command, **config)
        self.cri.api.StartContainer(container_id=box.id)
        return box.ended()

    def status(self):
        status = self.cri.api.PodSandboxStatus(pod_sandbox_id=self.id).status
        return f"{('ready', 'not ready')[status.state]}, handler {status.runtime_handler or 'none'}" + (
            ", has an address" if status.network.ip else "")


class Box:
    """A container. config: more fields of ContainerConfig."""

    def __init__(self, pod, name, command, config):
        self.api = pod.cri.api
        self._log = pod.cri.logs / f"{name}.log"
        config = {"metadata": {"name": name}, "image": {"image": f"{kImage}:latest"}, "command": command,
                  "log_path": self._log.name, **config}
        self.id = self.api.CreateContainer(pod_sandbox_id=pod.id, config=config, sandbox_config=pod.config).container_id

    def _status(self):
        return self.api.ContainerStatus(container_id=self.id).status

    def status(self):
        status = self._status()
        times = [name for name in ("started_at", "finished_at") if getattr(status, name)]
        words = [_kStates[status.state], *times, f"exit code {status.exit_code}",
                 status.reason, status.message]
        return ", ".join(word for word in words if word)

    def ended(self, patience=120):
        end = time.monotonic() + patience
        while _kStates[self._status().state] != "exited":
            if time.monotonic() > end:
                raise Failed(f"a container has not ended in {patience} s: {self.status()}")
            time.sleep(0.1)
        return self

    def log_lines(self):
        """[stream, tag, text] of each line, by stream: the two are logged independently."""
        lines = [line.split(" ", 3)[1:] for line in self._log.read_text().splitlines()]
        return sorted(lines, key=lambda line: line[0], reverse=True)

    def log(self):
        return " / ".join(" ".join(line) for line in self.log_lines())

    def exec_sync(self, *command, timeout=0):
        done = self.api.ExecSync(container_id=self.id, cmd=command, timeout=timeout)
        return Result(done.exit_code, done.stdout, done.stderr)

    def stats(self):
        stats = self.api.ContainerStats(container_id=self.id).stats
        used = {"processor time": stats.cpu.usage_core_nano_seconds, "memory": stats.memory.working_set_bytes}
        return ", ".join(f"{name} {'is counted' if number.value else 'unknown'}" for name, number in used.items())


def _see_exec(stage, box, step, *command, **options):
    try:
        stage.note_result(step, box.exec_sync(*command, **options))
    except Refused as refused:
        stage.note(step, str(refused))


_kLook = {
    "working_dir, envs": "pwd; echo $NAME",
    "security_context": "id; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
    "readonly_rootfs": "echo x >/data/file",
    "mounts": "cat /mine/file; echo x >/mine/file",
    "resources": "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.weight",
    "hostname": "hostname",
    "files of the pod": "for file in /etc/hosts /etc/hostname /etc/resolv.conf; do test -e $file && echo $file; done",
    "/dev/shm of the pod": "echo from-box >/dev/shm/word; stat -c %a /dev/shm",
}


def _configured(stage):
    shared = stage.directory / "mine"
    shared.mkdir()
    (shared / "file").write_text("from the host\n")
    return {
        "working_dir": "/data", "envs": [{"key": "NAME", "value": "value"}],
        "mounts": [{"container_path": "/mine", "host_path": str(shared), "readonly": True}],
        "linux": {
            "resources": {"cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "memory_limit_in_bytes": 256 * _kMiB},
            "security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 1000}, "supplemental_groups": [2000],
                                 "readonly_rootfs": True, "no_new_privs": True,
                                 "capabilities": {"drop_capabilities": ["ALL"], "add_capabilities": ["NET_BIND_SERVICE"]}}}}


def _executed(stage, box):
    _see_exec(stage, box, "ExecSync", "sh", "-c", "echo out; echo err >&2; exit 7")
    _see_exec(stage, box, "ExecSync of much", "sh", "-c", f"seq 100000 | {kDigest}; seq 100000 >&2")
    _see_exec(stage, box, "ExecSync of nowhere", "nowhere")
    _see_exec(stage, box, "ExecSync that is killed", "sh", "-c", "kill -9 $$")
    _see_exec(stage, box, "ExecSync with timeout 1", "sleep", "1000", timeout=1)
    stage.note_report("in it", box.exec_sync("sh", "-c", script(_kLook)))


def _updated(stage, box):
    for step, memory, quota in (("to less", 128, 20000), ("to more", 512, 50000)):
        resources = {"memory_limit_in_bytes": memory * _kMiB, "cpu_period": 100000, "cpu_quota": quota}
        stage.note(f"UpdateContainerResources {step}",
                   Cri.outcome(box.api.UpdateContainerResources, container_id=box.id, linux=resources))
        _see_exec(stage, box, f"its limits, {step}", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max")


@scenario("containerd", "CRI: a container's life in a pod")
def life(stage):
    with Cri(stage) as cri:
        ready = [condition.type for condition in cri.api.Status().status.conditions if condition.status]
        stage.note("Status: what is ready", " ".join(sorted(ready)))
        stage.note("ImageStatus", " ".join(cri.api.ImageStatus(image={"image": f"{kImage}:latest"}).image.repo_tags))
        pod = cri.pod("pod")
        stage.note("PodSandboxStatus", pod.status())
        box = pod.container("box", "/bin/probe", "signals", **_configured(stage))
        stage.note("ContainerStatus, created", box.status())
        stage.note("StartContainer", cri.outcome(cri.api.StartContainer, container_id=box.id))
        stage.note("ContainerStatus, running", box.status())
        _executed(stage, box)
        stage.note("ContainerStats", box.stats())
        _updated(stage, box)
        second = pod.run("second", "sh", "-c", "hostname; cat /dev/shm/word")
        stage.note("a second container's log", second.log())
        listed = sorted(f"{one.metadata.name} {_kStates[one.state]}" for one in cri.api.ListContainers().containers)
        stage.note("ListContainers", ", ".join(listed))
        stage.note("StopContainer", cri.outcome(cri.api.StopContainer, container_id=box.id, timeout=60))
        stage.note("ContainerStatus, stopped", box.status())
        stage.note("its log", box.log())
        _see_exec(stage, box, "ExecSync in a stopped one", "true")
        stage.note("RemoveContainer", cri.outcome(cri.api.RemoveContainer, container_id=box.id))
        stage.note("StopPodSandbox", cri.outcome(cri.api.StopPodSandbox, pod_sandbox_id=pod.id))
        stage.note("PodSandboxStatus, stopped", pod.status())
        stage.note("RemovePodSandbox", cri.outcome(cri.api.RemovePodSandbox, pod_sandbox_id=pod.id))


def _limited(mebibytes):
    return {"linux": {"resources": {"memory_limit_in_bytes": mebibytes * _kMiB}}}


@scenario("containerd", "CRI: how containers end, and what is logged", slow=True)
def ends(stage):
    with Cri(stage) as cri:
        pod = cri.pod("pod")
        box = pod.run("status", "sh", "-c", "echo out; echo err >&2; printf unended; exit 42")
        stage.note("exit 42", f"{box.status()}; {box.log()}")
        stage.note("true", pod.run("true", "true").status())
        box = pod.run("hungry", "sh", "-c", "x=x; while :; do x=$x$x; done", **_limited(64))
        stage.note("more memory than its limit", box.status())
        for name, command in (("missing", "nowhere"), ("plain", "/etc/plain")):
            box = pod.container(name, command)
            stage.note(f"StartContainer of {command}", cri.outcome(cri.api.StartContainer, container_id=box.id))
            stage.note(f"ContainerStatus of {command}", box.status())
        box = pod.run("long", "sh", "-c", "seq -s , 5000 | cut -c 1-20000; echo next")
        stage.note("a long line's parts", " / ".join(f"{tag} {len(text)}" for _, tag, text in box.log_lines()))
        box = pod.run("tty", "sh", "-c", "tty; test -t 2 && echo all; exit 3", tty=True)
        stage.note("tty", f"{box.status()}; {box.log()}")
        _stubborn(stage, cri, pod)


def _stubborn(stage, cri, pod):
    """Containers that do not end when they are asked to."""
    boxes = [pod.container(name, "sh", "-c", "trap : TERM; while :; do sleep 1; done") for name in ("first", "second", "third")]
    for box in boxes:
        cri.api.StartContainer(container_id=box.id)
    stage.note("StopContainer with timeout 1", cri.outcome(cri.api.StopContainer, container_id=boxes[0].id, timeout=1))
    stage.note("its ContainerStatus", boxes[0].status())
    stage.note("RemoveContainer of a running one", cri.outcome(cri.api.RemoveContainer, container_id=boxes[1].id))
    stage.note("StopPodSandbox with a running one", cri.outcome(cri.api.StopPodSandbox, pod_sandbox_id=pod.id))
    stage.note("that one's ContainerStatus", boxes[2].status())
    stage.note("RemovePodSandbox with containers", cri.outcome(cri.api.RemovePodSandbox, pod_sandbox_id=pod.id))
    stage.note("containers that are left", str(len(cri.api.ListContainers().containers)))


@scenario("containerd", "CRI: a pod with a network of its own", slow=True)
def network(stage):
    with Cri(stage) as cri:
        pod = cri.pod("pod", network=0)
        stage.note("PodSandboxStatus", pod.status())
        stage.note("a container in it", pod.run("box", "sh", "-c", "hostname; exit 5").status())
        stage.note("StopPodSandbox", cri.outcome(cri.api.StopPodSandbox, pod_sandbox_id=pod.id))
        stage.note("PodSandboxStatus, stopped", pod.status())
        stage.note("RemovePodSandbox", cri.outcome(cri.api.RemovePodSandbox, pod_sandbox_id=pod.id))
