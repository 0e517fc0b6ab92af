# SPDX-License-Identifier: Apache-2.0
"""podman: what its flags ask for the process, seen from inside."""
import json

from clients.comparing import scenario
from clients.podman import Podman, kImage, kNoNetwork

_kStatus = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"
_kRun = ("run", "--rm", kNoNetwork)


@scenario("podman", "flags of the process")
def process(stage):
    with Podman(stage) as podman:
        podman.ask(*_kRun, "--user", "1000:1000", "--group-add", "2000", "--workdir", "/data", "--env", "NAME=value",
                   "--hostname", "name", "--read-only", "--tmpfs", "/scratch:size=1m,mode=1777", "--ulimit", "nofile=100:200",
                   "--ulimit", "core=0", "--umask", "0077", "--add-host", "other:192.0.2.1", kImage,
                   step="run with many flags", questions={
                       "--user, --group-add": "id",
                       "--workdir": "pwd",
                       "--env": "echo $NAME; echo $HOME; echo $PATH; echo $container",
                       "--hostname": "hostname; cat /etc/hostname; echo",
                       "--read-only": "echo x >/data/file; echo x >/tmp/file && echo /tmp may be written",
                       "--tmpfs": "echo x >/scratch/file && stat -c '%a %u' /scratch; grep -o '/scratch.*size=[^ ,]*' /proc/mounts",
                       "--ulimit": "grep -E 'open files|core' /proc/self/limits",
                       "--umask": "umask",
                       "--add-host": "grep other /etc/hosts",
                       "capabilities and seccomp": _kStatus,
                       "mounts": "cut -d' ' -f2 /proc/mounts | grep -vE '^/(proc|sys|dev)' | sort",
                       "devices": "ls /dev | sort",
                   })


@scenario("podman", "capabilities and --security-opt")
def security(stage):
    profile = stage.directory / "seccomp.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}))
    with Podman(stage) as podman:
        podman.ask(*_kRun, "--cap-drop", "all", "--cap-add", "NET_ADMIN,SYS_ADMIN", "--security-opt", "no-new-privileges",
                   "--security-opt", "seccomp=unconfined", "--security-opt", "unmask=/proc/kcore:/sys/firmware",
                   "--security-opt", "mask=/etc/passwd", "--device", "/dev/null:/dev/mine", "--device", "/dev/full:/dev/half:r",
                   kImage, step="run with few powers", questions={
                       "capabilities and seccomp": _kStatus,
                       "mask": "wc -c </etc/passwd",
                       "--device": "ls -l /dev/mine | cut -c 1; echo x >/dev/mine && echo written; head -c 1 /dev/half | wc -c",
                       "--device, read only": "echo x >/dev/half",
                       "a mount by root": "mount -t tmpfs none /data && echo mounted",
                   })
        podman.ask(*_kRun, "--security-opt", f"seccomp={profile}", kImage, step="run with a seccomp profile", questions={
            "mkdir": "mkdir /data/new", "anything else": "touch /data/file && echo made"})
        podman.ask(*_kRun, "--privileged", kImage, step="run --privileged", questions={
            "capabilities and seccomp": _kStatus,
            "masked paths": "cut -d' ' -f2 /proc/mounts | grep -E '^/(proc|sys)/' | sort",
            "/sys": "grep -o ' /sys sysfs r[ow]' /proc/mounts"})


@scenario("podman", "--memory, --cpus, --pids-limit")
def limits(stage):
    with Podman(stage) as podman:
        podman.ask(*_kRun, "--memory", "256m", "--memory-reservation", "200m", "--cpus", "0.5", "--pids-limit", "50",
                   "--cpu-shares", "512", kImage, step="run with limits", questions={
                       "memory.max": "cat /sys/fs/cgroup/memory.max",
                       "memory.low": "cat /sys/fs/cgroup/memory.low",
                       "cpu.max": "cat /sys/fs/cgroup/cpu.max",
                       "cpu.weight": "cat /sys/fs/cgroup/cpu.weight",
                       "pids.max": "cat /sys/fs/cgroup/pids.max",
                       "processes that fit": "(for i in $(seq 60); do sleep 1000 & done) 2>/dev/null; set -- /proc/[0-9]*; echo $#"})
        podman.see("run", kNoNetwork, "--name", "big", "--memory", "32m", kImage, "sh", "-c", "x=x; while :; do x=$x$x; done",
                   step="run of a program that wants more than --memory 32m")
        podman.see("inspect", "--format", "{{.State.OOMKilled}}", "big", step="inspect: OOMKilled")
        podman.remove("big")
        podman.start("box", "--memory", "256m", "--pids-limit", "50", kImage, "sleep", "1000")
        podman.see("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.State.Running}}", "box")
        podman.remove("box")
