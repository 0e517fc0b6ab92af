# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the runtime under test, the payload programs, and a directory each."""
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile

from bundle import Bundle
from container import Container

_kTree = pathlib.Path(__file__).resolve().parents[2]
_kSetChildSubreaper = 36  # prctl(2)


def _find_runtime():
    wanted = os.environ.get("RUNTIME", "krun-oci")
    found = shutil.which(wanted) or shutil.which(wanted, path=str(_kTree / "build/bin"))
    if not found:
        raise SystemExit(f"tests/guest/run: no {wanted} on PATH nor in build/bin; run hack/build")
    return found


class Lab:
    """Used in a `with` statement. The container processes re-parent to this process, as to an engine's monitor."""

    def __init__(self):
        self.runtime = _find_runtime()
        self.name = os.path.basename(self.runtime)
        self.is_vm = self.name.startswith("krun")
        self._results = {}
        self._cases = 0

    def __enter__(self):
        ctypes.CDLL(None).prctl(_kSetChildSubreaper, 1)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="krun-guest-test."))
        self.probe = self._built("probe", "payload")
        self.world = self._built("world", "payload/world")
        return self

    def _built(self, name, folder):
        """A static program of the folder's sources: a root file system needs nothing else."""
        program = self.directory / name
        sources = sorted((pathlib.Path(__file__).parent / folder).glob("*.c"))
        subprocess.run(["gcc", "-static", "-O1", "-o", program, *sources], check=True)
        return program

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def case(self):
        self._cases += 1
        directory = self.directory / str(self._cases)
        directory.mkdir()
        return Case(self, directory)

    def once(self, make):
        """make(case), called by the first test that asks; later tests get the same result, or the same failure."""
        if make not in self._results:
            case = self.case()
            try:
                self._results[make] = (make(case), None)
            except Exception as error:
                self._results[make] = (None, error)
            finally:
                case.end()
                shutil.rmtree(case.directory, ignore_errors=True)
        result, error = self._results[make]
        if error:
            raise error
        return result


class Case:
    """One test's own directory, state directory, bundles and containers."""

    def __init__(self, lab, directory):
        self.lab = lab
        self.directory = directory
        self.state = directory / "state"
        self._containers = []
        self._bundles = 0

    @property
    def is_vm(self):
        return self.lab.is_vm

    def once(self, make):
        return self.lab.once(make)

    def bundle(self, *args):
        """A new bundle whose payload is `args`, /bin/true if there are none."""
        self._bundles += 1
        directory = self.directory / f"bundle{self._bundles}"
        return Bundle(directory, list(args) or ["/bin/true"], self.lab.probe)

    def container(self, bundle, name="box", environment=None, runtime=None):
        one = Container(runtime or self.lab.runtime, self.state, self.directory, bundle, name, environment)
        self._containers.append(one)
        return one

    def run(self, bundle, **options):
        """`run` to its end: a Result."""
        return self.container(bundle).run(**options)

    def left_behind(self):
        """The ids the runtime still knows."""
        return sorted(path.name for path in self.state.iterdir()) if self.state.exists() else []

    def end(self):
        """Removes what a failed test left."""
        for one in self._containers:
            one.discard()
