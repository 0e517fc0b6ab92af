# SPDX-License-Identifier: Apache-2.0
"""Why the runtime under test and the one that it is compared with differ, where they do."""
import re


class ReasonTable:
    """rows: (world, property, reason), of which the first two are regular expressions that match the whole of either."""

    def __init__(self, rows):
        self._rows = [(re.compile(world, re.DOTALL), re.compile(name, re.DOTALL), reason) for world, name, reason in rows]

    def reason_for(self, row):
        for world, name, reason in self._rows:
            if world.fullmatch(row.world) and name.fullmatch(row.name):
                return reason
        return None

    def unused(self, rows):
        different = [row for row in rows if not row.same]
        return [f"{world.pattern}: {name.pattern}" for world, name, _ in self._rows
                if not any(world.fullmatch(row.world) and name.fullmatch(row.name) for row in different)]
