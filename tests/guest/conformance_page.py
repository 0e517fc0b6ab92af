# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md: written from the rows of a comparison, and read back for the names of its properties."""
import os
import pathlib

import comparison
import reasons

_kPage = pathlib.Path(__file__).resolve().parents[2] / "docs/conformance.md"
_kLongest = 72
_kHead = """# The payload's world, compared with crun

Written by `hack/conformance`; do not edit. Each bundle below ran once on crun and once on krun-oci in the same test machine,
and its payload told what it sees. A row is a property; where the two differ, the row says why. The test `conformance` of
tests/guest fails on a difference without a reason and when this page lists other properties than were compared.

"""


def _cell(value):
    text = " ".join(value.split()) if value.strip() else "(empty)"
    if len(text) > _kLongest:
        text = text[:_kLongest - 1] + "…"
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _line(row):
    if row.same:
        return f"| {_cell(row.name)} | {_cell(row.wanted)} | same | |"
    return f"| {_cell(row.name)} | {_cell(row.wanted)} | {_cell(row.found)} | {reasons.reason_for(row) or '**no reason known**'} |"


def _text(rows):
    different = [row for row in rows if not row.same]
    out = [_kHead, f"{len(rows)} properties: {len(rows) - len(different)} are the same, {len(different)} differ.\n"]
    for one in comparison.worlds():
        out.append(f"\n## {one.name}\n\n{one.title}.\n\n| property | crun | krun-oci | why they differ |\n|---|---|---|---|\n")
        out += [_line(row) + "\n" for row in rows if row.world == one.name]
    return "".join(out)


def write_if_asked(rows):
    """KRUN_CONFORMANCE_PAGE names the file that hack/conformance wants."""
    path = os.environ.get("KRUN_CONFORMANCE_PAGE")
    if path:
        pathlib.Path(path).write_text(_text(rows), encoding="utf-8")


def _names(text):
    world, names = None, []
    for line in text.splitlines():
        if line.startswith("## "):
            world = line[3:]
        elif line.startswith("| ") and world and not line.startswith("| property |"):
            names.append((world, line[2:].split(" | ")[0]))
    return names


def difference(rows):
    """(what the page lacks, what only the page has)."""
    found = _names(_kPage.read_text(encoding="utf-8")) if _kPage.exists() else []
    wanted = [(row.world, _cell(row.name)) for row in rows]
    return sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
