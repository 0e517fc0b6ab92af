# SPDX-License-Identifier: Apache-2.0
"""podman: pods, and what is played from a Kubernetes file."""
import re

from clients.comparing import scenario
from clients.podman import Podman, kImage, kNoNetwork

# Not before the container's program has said what it says.
_kRunning = "while ! grep -q ^sleep /proc/1/cmdline; do sleep 0.1; done"
_kLook = f"""{_kRunning}
id -u; cat /sys/fs/cgroup/memory.max; echo x >/data/file"""
_kPod = f"""apiVersion: v1
kind: Pod
metadata:
  name: played
  annotations: {{io.podman.annotations.init.container.type: always}} # else podman removes it, and complains at times
spec:
  hostname: played
  restartPolicy: Never
  initContainers:
    - name: first
      image: {kImage}
      command: [/bin/sh, -c, "echo from the first >/volume/first"]
      volumeMounts: [{{name: volume, mountPath: /volume}}]
  containers:
    - name: box
      image: {kImage}
      command: [/bin/sh, -c, "echo $WORD; hostname; cat /volume/file; exec sleep 1000"]
      env: [{{name: WORD, value: value}}]
      resources: {{limits: {{memory: 256Mi, cpu: 500m}}}}
      securityContext: {{runAsUser: 1000, readOnlyRootFilesystem: true}}
      volumeMounts: [{{name: volume, mountPath: /volume}}]
    - name: second
      image: {kImage}
      command: [/bin/sh, -c, "cat /volume/first; hostname; echo x >/volume/second; exec sleep 2000"]
      volumeMounts: [{{name: volume, mountPath: /volume, readOnly: true}}]
    - name: third
      image: {kImage}
      command: [/bin/sh, -c, "exit 6"]
  volumes:
    - name: volume
      hostPath: {{path: DIRECTORY, type: Directory}}
"""


@scenario("podman", "--pod", slow=True)
def pods(stage):
    with Podman(stage) as podman:
        podman.see("pod", "create", kNoNetwork, "--share-parent=false", "--name", "pod")
        podman.see("run", "--rm", "--pod", "pod", kImage, "sh", "-c", "hostname; echo in a pod; exit 4")
        podman.see("run", "-d", "--pod", "pod", "--name", "box", kImage, "sleep", "1000")
        podman.see("ps", "--pod", "--format", "{{.PodName}} {{.State}} {{.Command}}", "--sort", "command", step="ps --pod")
        podman.see("pod", "stop", "--time", "0", "pod")
        podman.see("pod", "start", "pod")
        podman.see("exec", "box", "echo", "again")
        podman.see("pod", "rm", "--force", "--time", "0", "pod")
        podman.see("ps", "-aq")


@scenario("podman", "play kube")
def played(stage):
    (stage.directory / "volume").mkdir()
    (stage.directory / "volume/file").write_text("from the host\n")
    file = stage.directory / "pod.yaml"
    file.write_text(_kPod.replace("DIRECTORY", str(stage.directory / "volume")))
    with Podman(stage) as podman:
        done = podman.run("play", "kube", kNoNetwork, file)
        # podman starts containers in any order.
        complaints = " / ".join(sorted(re.sub("[0-9a-f]{64}", "(id)", done.error).splitlines()))
        stage.note("play kube", f"status {done.status}; {complaints}")
        podman.see("exec", "played-box", "/bin/sh", "-c", _kLook, step="exec in its container")
        podman.see("logs", "played-box")
        podman.see("exec", "played-second", "/bin/sh", "-c", f"{_kRunning}; id -u", step="exec in another")
        podman.see("logs", "played-second")
        if done.status == 0:  # else it waits for ever
            podman.see("wait", "played-third")
        podman.see("ps", "-a", "--pod", "--format", "{{.PodName}} {{.Names}} {{.State}}", "--sort", "names", step="ps --pod")
        podman.see("play", "kube", "--down", file, step="play kube --down")
        podman.see("ps", "-aq")
