# SPDX-License-Identifier: Apache-2.0
"""A virtual machine process's private memory beyond its guest's RAM, from /proc/PID/smaps."""
import re

_kHead = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$")


class _Area:
    def __init__(self, match):
        self.begin, self.end = (int(match.group(n), 16) for n in (1, 2))
        self.name = match.group(4)
        self.private_kib = 0

    @property
    def size(self):
        return self.end - self.begin


def _areas(pid):
    areas = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            head = _kHead.match(line)
            if head:
                areas.append(_Area(head))
            elif line.startswith(("Private_Clean:", "Private_Dirty:")):
                areas[-1].private_kib += int(line.split()[1])
    return areas


def _guest_ram(areas, ram_bytes):
    """The largest area, and those that touch it from below, nameless or a kernel's file, up to the RAM's size."""
    largest = max(areas, key=lambda area: area.size)
    ram, first = [largest], largest.begin
    for area in reversed(areas[:areas.index(largest)]):
        is_guests = not area.name or "vmlinux" in area.name
        if area.end != first or not is_guests or largest.end - area.begin > ram_bytes:
            break
        ram.append(area)
        first = area.begin
    return ram


def private_kib_beyond_ram(pid, ram_mib):
    areas = _areas(pid)
    ram = _guest_ram(areas, ram_mib << 20)
    return sum(area.private_kib for area in areas if area not in ram)


def private_kib(pid):
    return sum(area.private_kib for area in _areas(pid))
