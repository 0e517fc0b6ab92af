# SPDX-License-Identifier: Apache-2.0
"""Payloads whose PID 1 is an init: catatonit and tini as engines add them, and systemd."""
import os
import shutil
import signal
import time

from suite import Failed, Skip, expect, expect_equal, expect_in, test

_kInits = {"catatonit": "/usr/bin/catatonit", "tini": "/usr/bin/tini-static"}
# podman's defaults: no SYS_ADMIN and no SYS_BOOT.
_kCapabilities = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
                  "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]


def _with_init(case, name, text):
    bundle = case.bundle("/bin/init", "--", "/bin/sh", "-c", text)
    try:
        shutil.copy(_kInits[name], bundle.root / "bin/init")
    except FileNotFoundError as error:
        raise Skip(f"no {error.filename} here") from error
    return bundle


def _register(name):
    @test(f"PID 1: {name} passes a status on, and reaps what the payload leaves")
    def status(case):
        result = case.run(_with_init(case, name, "(sleep 0.2 &); (sleep 0.2 &); sleep 1; ps -o stat,comm; exit 42"))
        expect_equal(result.status, 42, "status")
        expect("Z" not in [line.split()[0][0] for line in result.text.splitlines()], f"a zombie: {result.text}")
        expect_in("init", result.text, "processes")

    @test(f"PID 1: {name} passes a signal on")
    def signals(case):
        container = case.container(_with_init(case, name, "exec probe signals")).started()
        container.wait_for_output(b"ready\n")
        container.must("kill", "box", "TERM")
        expect_equal(container.wait(), 7, "status")
        expect_equal(container.out_path.read_bytes(), b"ready\nsignal 15\n", "stdout")
        container.must("delete", "box")


for _name in _kInits:
    _register(_name)


def make_systemd_root(root, service):
    """Makes a root file system one for systemd, to which the machine's own /usr belongs, with one service of ours as its target."""
    if not os.path.exists("/usr/lib/systemd/systemd"):
        raise Skip("no systemd here")
    shutil.rmtree(root / "bin")
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("var/log", "var/lib", "etc/systemd/system", "etc/systemd/network"):
        (root / name).mkdir(parents=True)
    (root / "etc/machine-id").write_text("")
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc/systemd/system/ours.target").write_text("[Unit]\nRequires=ours.service basic.target\nAfter=ours.service basic.target\n")
    (root / "etc/systemd/system/ours.service").write_text(
        f"[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '{service}'\n"
        "ExecStop=/bin/sh -c 'echo stopped >/data/stopped'\n")
    (root / "etc/systemd/system/default.target").symlink_to("ours.target")


def _systemd(case, service):
    """A container of it as podman --systemd makes it."""
    bundle = case.bundle("/usr/lib/systemd/systemd", "--show-status=false", "--log-level=info", "--log-target=console")
    make_systemd_root(bundle.root, service)
    bundle.bind("/usr", "/usr", "ro")
    for place in ("/run", "/run/lock", "/tmp", "/var/log/journal"):
        bundle.tmpfs(place, "nosuid", "nodev", "mode=755", "size=32m")
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                    "options": ["nosuid", "noexec", "nodev", "rw", "private"]})
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.process["capabilities"] = {kind: _kCapabilities for kind in ("bounding", "effective", "permitted")}
    bundle.process["env"] += ["container=oci", "container_uuid=00000000000000000000000000000001"]
    bundle.process["noNewPrivileges"] = False
    return bundle


def _wait_for(path, container, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise Failed(f"no {path.name} after {seconds} s; stdout {container.out_path.read_bytes()[-500:]}, "
                         f"stderr {container.err_path.read_bytes()[-500:]}")
        time.sleep(0.1)


@test("PID 1: systemd reaches its target, and its stop signal ends it with 0 after its services have stopped")
def systemd(case):
    bundle = _systemd(case, "cat /proc/1/comm >/data/reached")
    container = case.container(bundle).started()
    _wait_for(bundle.root / "data/reached", container)
    time.sleep(0.5)
    container.must("kill", "box", int(signal.SIGRTMIN) + 3)
    expect_equal(container.wait(), 0, "status")
    expect_equal((bundle.root / "data/stopped").read_text(), "stopped\n", "the service's last word")
    container.must("delete", "box")


@test("PID 1: the status that a service gives systemd is the container's")
def systemd_exit(case):
    bundle = _systemd(case, "systemctl exit 42")
    container = case.container(bundle).started()
    try:
        status = container.wait(60)
    except Failed as failed:
        raise Failed(f"{failed}; {container.out_path.read_bytes()[-800:]} {container.err_path.read_bytes()[-800:]}") from None
    expect_equal(status, 42, "status")
    container.must("delete", "box")
