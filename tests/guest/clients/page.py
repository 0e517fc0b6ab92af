# SPDX-License-Identifier: Apache-2.0
"""docs/clients.md: written from the rows of all scenarios, and read back to see whether it is current."""
import os
import pathlib
import subprocess

from clients import reasons
from clients.comparing import scenarios
from clients.setup import kSetup
from markdown import cell
from podman_client import kImage

_kPage = pathlib.Path(__file__).resolve().parents[3] / "docs/clients.md"
_kLongest = 100
_kHead = """# Clients

Written by `hack/clients`; do not edit. Real clients ran each scenario once on crun and once on krun-oci in the same test
machine, with the cgroupfs manager, as root and without a network. A row is a step: what was typed, and how it ended and what
it printed. Where the two differ, the row says why. The test `clients` of tests/guest fails on a difference without a reason,
and when this page does not say what was seen.

"""
# client: the commands whose first line is its version.
_kVersions = {
    "podman": ("podman", "conmon"),
    "buildah": ("buildah",),
    "containerd": ("containerd",),
    "CRI-O": ("conmon",),
}
_kNotes = {
    "containerd": "By ctr, and its CRI plugin by the calls of a kubelet (clients/cri.proto).",
    "CRI-O": "CRI-O is no package of Debian 12: its command lines are replayed with conmon, and read as it reads them.",
}


def _line(row):
    why = "" if row.same else reasons.reason_for(row) or "**no reason known**"
    found = "same" if row.same else cell(row.found, _kLongest)
    return f"| {cell(row.name.replace(kImage, 'IMAGE'), _kLongest)} | {cell(row.wanted, _kLongest)} | {found} | {why} |\n"


def _section(one, rows):
    lines = "".join(_line(row) for row in rows)
    return f"### {one.title}\n\n| step | crun | krun-oci | why they differ |\n|---|---|---|---|\n{lines}"


def _version(program):
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True)
    first = done.stdout.decode().splitlines()[0].replace(" version", "").replace("github.com/containerd/containerd ", "")
    return " ".join(first.split()[:2])


def _client(name, parts):
    where, lines = kSetup[name]
    versions = ", ".join(_version(program) for program in _kVersions[name])
    note = _kNotes.get(name, "")
    return (f"## {name}\n\nTested: {versions}. {note}".rstrip() + f"\n\nSet up in {where}:\n\n```\n{lines}```\n\n" +
            "\n".join(_section(one, rows) for one, rows in parts))


def _text(parts):
    """parts: [(scenario, rows)]"""
    rows = [row for _, of_one in parts for row in of_one]
    different = sum(not row.same for row in rows)
    counts = f"Compared with {_version('crun')}: {len(rows)} steps, {len(rows) - different} the same, {different} differ.\n\n"
    clients = [_client(name, [part for part in parts if part[0].client == name]) for name in kSetup]
    return _kHead + counts + "\n".join(clients)


def write_if_asked(parts):
    """KRUN_CLIENTS_PAGE names the file that hack/clients wants. It has all scenarios or none."""
    path = os.environ.get("KRUN_CLIENTS_PAGE")
    if path and len(parts) == len(scenarios()):
        pathlib.Path(path).write_text(_text(parts), encoding="utf-8")


def stale(parts):
    """The titles of the scenarios of which the page says something else."""
    text = _kPage.read_text(encoding="utf-8") if _kPage.exists() else ""
    return [one.title for one, rows in parts if _section(one, rows) not in text]
