# SPDX-License-Identifier: Apache-2.0
"""An image as podman saves it, made into a bundle by krun-config-gen and run, compared with podman on crun."""
import pathlib
import shutil
import subprocess

from bundle import make_root
from suite import expect_equal, expect_in, test

_kBase = "localhost/krun-unpack-base"
_kImage = "localhost/krun-unpack:1"
_kReference = "/usr/bin/crun"
_kScript = ("id -u; id -g; pwd; echo $NAME; cat /data/new; test -e /etc/plain || echo hidden; readlink /data/link; "
            "stat -c '%a %u:%g %Y %h' /data/owned /data/again /data/old; exit 42")
# The second layer: a file is hidden, one replaced, others are made.
_kChange = ("rm /etc/plain; echo new >/data/new; ln -s new /data/link; echo x >/data/owned; chown 1000:2000 /data/owned; "
            "chmod 4750 /data/owned; ln /data/owned /data/again; echo more >>/data/old; touch -d @1000000 /data/owned /data/old")


def _podman(case, *words):
    argv = ["podman", "--cgroup-manager=cgroupfs", "--runtime", _kReference, *map(str, words)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          cwd=case.directory, check=False)
    return done.returncode, done.stdout, done.stderr[-300:]


def _must(case, *words):
    status, out, error = _podman(case, *words)
    expect_equal(status, 0, f"podman {words[0]} ({error})")
    return out


def _image(case):
    """Two layers and a configuration; podman's own lasting files are made here, before a test's census."""
    root = case.directory / "root"
    make_root(root, case.lab.probe)
    (root / "data/old").write_text("old\n")
    subprocess.run(["tar", "-C", root, "-cf", case.directory / "root.tar", "."], check=True)
    _must(case, "import", case.directory / "root.tar", _kBase)
    _must(case, "run", "--name", "change", "--network=none", _kBase, "/bin/sh", "-c", _kChange)
    _must(case, "commit", "--change", "USER user", "--change", "WORKDIR /data", "--change", "ENV NAME=value",
          "--change", 'ENTRYPOINT ["/bin/sh", "-c"]', "--change", f'CMD ["{_kScript}"]', "change", _kImage)
    _must(case, "rm", "change")
    return _podman(case, "run", "--rm", "--network=none", _kImage)[:2]


class _Unpacked:
    """What a Container needs of a bundle."""

    def __init__(self, path):
        self.path = path

    def write(self):
        return self.path


def _unpack(case, image, *words):
    beside = pathlib.Path(case.lab.runtime).parent / "krun-config-gen"
    program = shutil.which("krun-config-gen") or beside
    bundle = case.directory / "unpacked"
    done = subprocess.run([program, "unpack", image, "--bundle", bundle, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    expect_equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), "unpack")
    return _Unpacked(bundle)


def _register(image_format):
    @test(f"unpack: what podman saves as {image_format} runs as podman runs it")
    def saved(case):
        wanted = case.once(_image)
        expect_equal(wanted[0], 42, "status of the reference")
        expect_in(b"hidden\nnew\n4750 1000:2000 1000000 2\n", wanted[1], "output of the reference")
        _must(case, "save", "--format", image_format, "--output", "saved", _kImage)
        result = case.run(_unpack(case, case.directory / "saved"))
        expect_equal((result.status, result.out, result.err), (*wanted, b""), "result, compared with podman on crun")


for _format in ("docker-archive", "oci-archive", "oci-dir"):
    _register(_format)


@test("unpack: a tar of a root file system runs the words that it was unpacked with")
def exported(case):
    root = case.directory / "root"
    make_root(root, case.lab.probe)
    subprocess.run(["tar", "-C", root, "-czf", case.directory / "root.tar.gz", "."], check=True)
    bundle = _unpack(case, case.directory / "root.tar.gz", "--", "/bin/sh", "-c", "ls /; id -u; exit 7")
    result = case.run(bundle)
    expect_equal((result.status, result.err), (7, b""), "status and stderr")
    expect_equal(result.text.split(), sorted(path.name for path in root.iterdir()) + ["0"], "output")
