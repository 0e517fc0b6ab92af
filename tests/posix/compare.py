# SPDX-License-Identifier: Apache-2.0
"""What posix_suite observed on two file systems, compared. A difference needs a row in waivers.txt."""
import fnmatch
import pathlib

_kWaivers = pathlib.Path(__file__).resolve().parent / "waivers.txt"


class Waiver:
    """One row: where it holds (a word for the file system, or *), which observations, and why."""

    def __init__(self, place, pattern, reason):
        self.place = place
        self.pattern = pattern
        self.reason = reason
        self.used = False

    def covers(self, place, name):
        return self.place in ("*", place) and fnmatch.fnmatchcase(name, self.pattern)


def waivers():
    rows = [line.split(" | ") for line in _kWaivers.read_text().splitlines() if line and not line.startswith("#")]
    return [Waiver(*(cell.strip() for cell in row)) for row in rows]


def observations(text):
    """Name -> value. Raises ValueError if the program did not come to its end, or said something twice."""
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        raise ValueError(f"the suite did not end: {lines[-3:]}")
    found = {}
    for line in lines[:-1]:
        name, _, value = line.partition(" = ")
        if name in found:
            raise ValueError(f"observed twice: {name}")
        found[name] = value
    return found


def differences(place, wanted, seen, rows):
    """Lines of what differs and no row covers. Marks the rows that were needed."""
    lines = []
    for name in sorted(wanted.keys() | seen.keys()):
        if wanted.get(name) == seen.get(name):
            continue
        covering = [row for row in rows if row.covers(place, name)]
        for row in covering:
            row.used = True
        if not covering:
            lines.append(f"{name}: {seen.get(name)}, and not {wanted.get(name)}")
    return lines
