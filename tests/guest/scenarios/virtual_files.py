# SPDX-License-Identifier: Apache-2.0
"""What annotations put into a container that is nowhere on a disk: files, secrets, and what it may know of itself."""
import json
import os
import pathlib
import subprocess

import tree_snapshot
from executed import kWait, running, shell, test
from report import ask
from suite import Skip, expect, expect_equal, expect_in

_kExamples = pathlib.Path(__file__).resolve().parents[3] / "build/examples"


def _injected(case):
    bundle = case.bundle().privileged()
    bundle.tmpfs("/run", "mode=755")
    (bundle.root / "etc/motd").write_text("of the image\n")
    (bundle.root / "etc/motd").chmod(0o600)
    bundle.config["annotations"] = {
        "krun-oci.file./etc/motd": "of the annotation\n",
        "krun-oci.file./run/new/place": "",
        "krun-oci.file./opt/deep/er": "deep\n",
        "krun-oci.secret./run/secrets/token": "hush\n",
    }
    before = tree_snapshot.take(bundle.root)
    report = ask(case, bundle, {
        "motd": "cat /etc/motd; stat -c '%a %u:%g' /etc/motd",
        "empty": "stat -c '%s %F' /run/new/place",
        "deep": "cat /opt/deep/er",
        "write": "echo x >>/etc/motd",
        "mode of the secret": "stat -c '%a %u:%g' /run/secrets/token",
        "secret": "cat /run/secrets/token",
        "secret again": "cat /run/secrets/token",
    })
    return report, tree_snapshot.difference(before, tree_snapshot.take(bundle.root))


@test("virtual files: an annotation lays a file over the image's, and the image keeps its own", vm_only=True)
def over_the_image(case):
    report, changed = case.once(_injected)
    expect_equal(report["motd"], "of the annotation\n444 0:0", "/etc/motd")
    expect_equal(changed, [], "what changed in the rootfs")


@test("virtual files: they are made where nothing is, below a tmpfs too", vm_only=True)
def made(case):
    report, _ = case.once(_injected)
    expect_equal(report["empty"], "0 regular empty file", "/run/new/place")
    expect_equal(report["deep"], "deep", "/opt/deep/er")


@test("virtual files: nobody writes to them", vm_only=True)
def read_only(case):
    report, _ = case.once(_injected)
    expect_in("Read-only file system", report["write"], "the write")


@test("virtual files: a secret is the container's root's, and can be read once", vm_only=True)
def secret(case):
    report, _ = case.once(_injected)
    expect_equal(report["mode of the secret"], "400 0:0", "mode")
    expect_equal(report["secret"], "hush", "the first read")
    expect("hush" not in report["secret again"], f"read again: {report['secret again']}")
    expect_in("No such file", report["secret again"], "the second read")


@test("virtual files: a secret is in no output of state", vm_only=True)
def secret_is_hidden(case):
    bundle = case.bundle().script(kWait)
    bundle.config["annotations"] = {"krun-oci.secret./token": "hush-hush", "kept": "seen"}
    container = case.container(bundle).started()
    annotations = json.loads(container.must("state", container.name).text)["annotations"]
    expect_equal((annotations["krun-oci.secret./token"], annotations["kept"]), ("", "seen"), "annotations")


@test("virtual files: a path that cannot be, or too much of it, is one line", vm_only=True)
def refused(case):
    for key, text, words in (("krun-oci.file.etc/motd", "x", "absolute path"),
                             ("krun-oci.file./a/../b", "x", "absolute path"),
                             ("krun-oci.secret./", "hush-hush", "absolute path"),
                             ("krun-oci.file./big", "x" * (1 << 20) + "x", "1 MiB")):
        bundle = case.bundle()
        bundle.config["annotations"] = {key: text}
        result = case.run(bundle)
        expect(result.status != 0, f"{key} was taken")
        expect_in(words, result.error, key)
        expect_equal(len(result.error.strip().splitlines()), 1, f"lines of {result.error}")
        expect("hush-hush" not in result.error, "the secret is in the message")


@test("virtual files: /run/krun tells limits, annotations and features, and follows an update", vm_only=True)
def info(case):
    bundle = case.bundle().script(kWait)
    bundle.config["annotations"] = {"krun-oci.info": "1", "krun.cpus": "1", "krun-oci.secret./s": "hush"}
    bundle.linux["resources"] = {"pids": {"limit": 100}}
    container = case.container(bundle).started()

    def document(name):
        answer = shell(container, f"cat /run/krun/{name}.json")
        expect_equal(answer.status, 0, f"{name} ({answer})")
        return json.loads(answer.text)

    limits = document("limits")
    expect_equal((limits["vcpus"], limits["cgroup"]["pids.max"]), (1, "100"), "limits")
    expect_equal(document("annotations")["krun-oci.secret./s"], "", "the secret's annotation")
    expect_in("1.0.0", document("features")["ociVersionMin"], "features")
    container.must("update", "--pids-limit", "77", container.name)
    expect_equal(document("limits")["cgroup"]["pids.max"], "77", "after the update")
    expect(shell(container, "echo x >/run/krun/limits.json").status != 0, "the tree was written to")


@test("virtual files: /run/krun is there only for those who ask", vm_only=True)
def no_info(case):
    expect(shell(running(case), "ls /run/krun").status != 0, "/run/krun exists")


@test("example: a guest whose root is entirely virtual", vm_only=True)
def example(case):
    kernel = os.environ.get("KRUN_OCI_KERNEL")
    if not kernel or not (_kExamples / "virtual_root").exists():
        raise Skip("no kernel, or the examples are not built")
    done = subprocess.run([_kExamples / "virtual_root", kernel, _kExamples / "virtual_root_guest"],
                          capture_output=True, timeout=120, check=False)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    expect_equal(done.returncode, 0, f"status ({text} {done.stderr.decode()})")
    for line in ("/greeting: hello from the host\n", "/now: opened 1 times\n", "/now: opened 2 times\n",
                 "/init: No such file or directory\n", "the guest wrote: the guest is here\n"):
        expect_in(line, text, "what it printed")
