# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md: written from the rows of a comparison, and read back to be compared with them."""
import os
import pathlib
import re

import comparison
import reasons
from markdown import cell as _cell

_kPage = pathlib.Path(__file__).resolve().parents[2] / "docs/conformance.md"
# (world, property), regular expressions that match the whole of either: what another run or a machine with another memory
# would change, so that of it the verdict alone is compared.
_kChanging = [
    ("podman's default", "environment: HOSTNAME"),  # made up
    ("time namespace", "how the container ended"),  # crun says whichever of its two processes was first
    (".*", "limit: (processes|pending signals)"),  # of the memory, as are the sizes that follow
    (".*", "mount: /proc/(kcore|keys|timer_list)"),
    ("places", "mount: /etc/plain"),
    ("mount types", "mount: (/t/percent|/b/null)"),
    ("user namespace", "mount: /dev/(null|zero|full|tty|random|urandom)"),
]
_kHead = """# The payload's world, compared with crun

Written by `hack/conformance`; do not edit. Each bundle below ran once on crun and once on krun-oci in the same test machine,
and its payload told what it sees. A row is a property; where the two differ, the row says why. The test `conformance` of
tests/guest fails on a difference without a reason and when this page lists other properties or values than were compared.

"""


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


def _key_of(line):
    return re.split(r"(?<!\\)\|", line)[1].strip()


def _verdict_of(line):
    """Whether they are the same, and why not."""
    _, _, _, found, reason, _ = re.split(r"(?<!\\)\|", line)
    return found.strip() == "same", reason


def _lines(text):
    """{(world, property): line}."""
    world, found = None, {}
    for line in text.splitlines():
        if line.startswith("## "):
            world = line[3:]
        elif line.startswith("| ") and world and not line.startswith("| property |"):
            found[world, _key_of(line)] = line
    return found


def _same_line(key, one, other):
    if any(re.fullmatch(world, key[0]) and re.fullmatch(name, key[1]) for world, name in _kChanging):
        return _verdict_of(one) == _verdict_of(other)
    return one == other


def difference(rows):
    """(what the page lacks, what only the page has, what it has with another value)."""
    page = _lines(_kPage.read_text(encoding="utf-8")) if _kPage.exists() else {}
    wanted = {(row.world, _key_of(_line(row))): _line(row) for row in rows}
    changed = [key for key in wanted if key in page and not _same_line(key, page[key], wanted[key])]
    return sorted(set(wanted) - set(page)), sorted(set(page) - set(wanted)), changed
