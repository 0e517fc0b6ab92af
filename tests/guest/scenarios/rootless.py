# SPDX-License-Identifier: Apache-2.0
"""The Debian package, installed: podman needs no flag but --runtime krun-oci, as root and as a user without it."""
import os
import pwd
import shutil

from podman_client import kImage, podman
from rootless_user import installed, kHome, kNumber, kUser, must, output_of, podman_as_user, user
from suite import expect, expect_equal, expect_in, test


def _same(*words, **options):
    wanted = podman_as_user(*words, runtime="crun", **options)
    got = podman_as_user(*words, **options)
    expect_equal((got.returncode, got.stdout), (wanted.returncode, wanted.stdout),
                 f"status and stdout, compared with crun (stderr {got.stderr[-300:]})")
    return got


@test("package: installed, podman takes it by its name, with no more flags", systemd=True, vm_only=True, needs=installed)
def by_name(case):
    done = podman(case, "krun-oci", "run", "--rm", "--network=none", "IMAGE", "sh", "-c", "uname -r; exit 42")
    expect_equal(done.returncode, 42, f"status (stderr {done.stderr[-300:]})")
    expect(done.stdout.decode().strip() != os.uname().release, "it ran on the host's kernel")


@test("package: installed, krun is the same program, and needs no environment", systemd=True, vm_only=True, needs=installed)
def alias(case):
    version = output_of("env", "-i", "/usr/bin/krun", "--version")
    expect_equal(version, output_of("/usr/bin/krun-oci", "--version"), "version")
    container = case.container(case.bundle().script("exit 7"), runtime="/usr/bin/krun")
    container.environment = {}
    expect_equal(container.run().status, 7, "status")


@test("package: manual pages, completion and examples are where they belong, and completion knows commands and flags", systemd=True,
      vm_only=True, needs=installed)
def files(case):
    listed = output_of("dpkg", "--listfiles", "krun-oci").split()
    for name in ("/usr/bin/krun-oci", "/usr/bin/krun", "/usr/bin/krun-config-gen", "/usr/lib/krun-oci/vmlinux",
                 "/usr/lib/krun-oci/krun-oci-systemd", "/usr/share/man/man1/krun-oci.1",
                 "/usr/share/man/man1/krun-oci-exec.1",
                 "/etc/containers/containers.conf.d/krun-oci.conf", "/usr/share/bash-completion/completions/krun-oci",
                 "/usr/share/doc/krun-oci/examples/config.toml", "/usr/share/doc/krun-oci/examples/runtimeclass.yaml"):
        expect(name in listed and os.path.lexists(name), f"{name} is missing")
    text = output_of("bash", "-c", "source /usr/share/bash-completion/completions/krun-oci; COMP_WORDS=(krun-oci exec --no-n); "
                               "COMP_CWORD=2; _krun_oci; echo ${COMPREPLY[*]}")
    expect_equal(text.split(), ["--no-new-privs"], "completion of a flag")
    text = output_of("bash", "-c", "source /usr/share/bash-completion/completions/krun-oci; COMP_WORDS=(krun-oci st); "
                               "COMP_CWORD=1; _krun_oci; echo ${COMPREPLY[*]}")
    expect_equal(sorted(text.split()), ["start", "state"], "completion of a command")


@test("rootless: podman run streams, statuses, users and files as with crun", systemd=True, vm_only=True, needs=user)
def run(case):
    got = _same("run", "--rm", "-i", "--network=none", kImage, "sh", "-c", "cat; echo to-err >&2; exit 42", stdin=b"through\n" * 1000)
    expect_equal((got.returncode, len(got.stdout), got.stderr), (42, 8000, b"to-err\n"), "result")
    _same("run", "--rm", "--network=none", "--user", "1000:1000", kImage, "sh", "-c", "id -u; id -g; touch /tmp/x; stat -c %u:%g /tmp/x /")
    expect_equal(_same("run", "--rm", "--network=none", kImage, "nowhere").returncode, 127, "status of what is not there")


@test("rootless: a volume's files belong to the user outside and to root inside", systemd=True, vm_only=True, needs=user)
def volume(case):
    shared = kHome / "shared"
    shared.mkdir()
    os.chown(shared, kNumber, kNumber)
    _same("run", "--rm", "--network=none", "-v", f"{shared}:/mine", kImage, "sh", "-c",
          "stat -c %u:%g /mine; echo x >/mine/file$$; stat -c %u:%g /mine/file$$; touch /mine/other; chown 7:8 /mine/other")
    owners = {path.name: path.stat().st_uid for path in shared.iterdir()}
    expect_equal(owners["other"], 100000 + 7 - 1, "owner outside of what the payload gave away")
    expect_equal({owner for name, owner in owners.items() if name != "other"}, {kNumber}, "owner outside")
    shutil.rmtree(shared)


_kOwners = "id -u; id -g; stat -c %u:%g / /mine; touch /mine/x && stat -c %u:%g /mine/x"
_kMaps = "cat /proc/self/uid_map /proc/self/gid_map"
# Of --userns, and how the user's own ids are used for it.
_kUsers = (("--userns=host",), ("--userns=keep-id",), ("--userns=nomap",), ("--userns=auto:size=500",),
           ("--uidmap=0:1:500", "--gidmap=0:1:500"), (f"--subuidname={kUser}", f"--subgidname={kUser}"))


@test("rootless: --userns in each form has the ids and owners that it has with crun", systemd=True, vm_only=True, needs=user)
def user_namespaces(case):
    for flags in _kUsers:
        shared = kHome / "shared"
        shared.mkdir()
        os.chown(shared, kNumber, kNumber)
        shared.chmod(0o777)
        # The host's is podman's own namespace, of which the machine's kernel knows nothing.
        question = _kOwners if flags == ("--userns=host",) else f"{_kMaps}; {_kOwners}"
        _same("run", "--rm", "--network=none", *flags, "-v", f"{shared}:/mine", kImage, "sh", "-c", question)
        shutil.rmtree(shared)


@test("rootless: a container in another's user namespace has its ids", systemd=True, vm_only=True, needs=user)
def joined(case):
    seen = []
    for runtime in ("crun", "krun-oci"):
        must("run", "-d", "--name", "box", "--network=none", "--userns=keep-id", kImage, "sleep", "1000", runtime=runtime)
        done = podman_as_user("run", "--rm", "--network=none", "--userns=container:box", kImage, "sh", "-c",
                              "cat /proc/self/uid_map; id -u", runtime=runtime)
        seen.append((done.returncode, done.stdout))
        must("rm", "--force", "--time=0", "box", runtime=runtime)
    expect_equal(seen[1], seen[0], "compared with crun")


@test("rootless: limits, exec, pause, stop and a forced removal, in a scope of the user's own systemd", systemd=True, vm_only=True, needs=user)
def lifecycle(case):
    _same("run", "--rm", "--network=none", "--memory=128m", kImage, "cat", "/sys/fs/cgroup/memory.max")
    name = must("run", "-d", "--network=none", kImage, "/bin/probe", "signals").strip()
    pid = must("inspect", "--format", "{{.State.Pid}}", name).strip()
    with open(f"/proc/{pid}/cgroup") as file:
        expect_in(f"/user@{kNumber}.service/", file.read(), "cgroup")
    expect_equal(pwd.getpwuid(os.stat(f"/proc/{pid}").st_uid).pw_name, kUser, "whose process it is")
    expect_equal(podman_as_user("exec", name, "sh", "-c", "echo inside; exit 5").returncode, 5, "status of exec")
    must("pause", name)
    must("unpause", name)
    must("stop", name)
    expect_equal(must("wait", name), "7\n", "status after stop")
    must("rm", name)
    name = must("run", "-d", "--network=none", kImage, "sleep", "1000").strip()
    must("rm", "--force", "--time=0", name)


@test("rootless: a user who may not use /dev/kvm is told so, and the container is not there", systemd=True, vm_only=True, needs=user)
def no_permission(case):
    os.chmod("/dev/kvm", 0o600)
    try:
        done = podman_as_user("run", "--rm", "--network=none", kImage, "true")
    finally:
        os.chmod("/dev/kvm", 0o660)
    expect(done.returncode not in (0, 127), f"status {done.returncode}, stderr {done.stderr[-300:]}")
    expect_in(b"/dev/kvm", done.stderr, "stderr")
    expect_equal(must("ps", "-aq"), "", "containers")
