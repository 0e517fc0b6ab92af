#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on an include that crosses a layer it may not cross, and on any cycle between files.

The allowed edges are the picture in ARCHITECTURE.md: a folder may include itself and what is listed here.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# folder -> what it may include besides itself: folders and single files.
ALLOWED = {
    "base": [],
    "oci": ["base"],
    "config-gen": ["oci", "base"],
    "fs": ["base"],
    "vmm": ["fs", "base"],
    "runtime/host": ["base"],
    "runtime/control": ["runtime/host", "base"],
    "runtime/cgroup": ["runtime/host", "oci", "base"],
    "runtime/network": ["runtime/cgroup", "runtime/control", "runtime/host", "vmm", "oci", "config-gen", "base"],
    "runtime/exec": ["runtime/cgroup", "runtime/control", "runtime/host", "base"],
    "runtime/state": ["runtime/network", "runtime/cgroup", "runtime/control", "runtime/host", "oci", "vmm", "fs",
                      "config-gen", "base"],
    "runtime/isolation": ["runtime/state", "oci", "vmm", "base"],
    "runtime/process": ["runtime/isolation", "runtime/state", "runtime/exec", "runtime/network", "runtime/cgroup",
                        "runtime/control", "runtime/host", "oci", "vmm", "fs", "config-gen", "base", "init/blob.h"],
    "runtime/cli": ["runtime/process", "runtime/state", "runtime/exec", "runtime/network", "runtime/cgroup",
                    "runtime/control", "runtime/host", "oci", "vmm", "config-gen", "base"],
    "runtime/systemd": ["base"],
    "init": ["base", "config-gen/krun_config.h", "config-gen/exec_config.h",
             "config-gen/control_protocol.h", "config-gen/user_names.h"],
}
# Libraries that no other file may know.
ONLY_IN = {
    "yajl/": {"base/json.cc"},
    "seccomp.h": {"config-gen/seccomp.cc"},
    "archive.h": {"config-gen/image/archive_reader.cc"},
    "archive_entry.h": {"config-gen/image/archive_reader.cc"},
    "nettle/": {"config-gen/image/digest.cc"},
    "zlib.h": {"vmm/boot/compressed.cc", "vmm/disk/qcow2_packed.cc"},
    "zstd.h": {"vmm/boot/compressed.cc", "vmm/disk/qcow2_packed.cc"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def sources():
    for layer in sorted({folder.split("/")[0] for folder in ALLOWED}):
        for path in sorted((ROOT / layer).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path


def folder_of(name):
    """The row that rules a file; None for one that stands outside all of them."""
    return next((folder for folder in ALLOWED if name.startswith(folder + "/")), None)


def allowed(folder, target):
    return any(target == rule or target.startswith(rule + "/") for rule in [folder, *ALLOWED[folder]])


def check_edges(graph, library_includes):
    problems = []
    for name, targets in graph.items():
        folder = folder_of(name)
        if folder is None:
            problems.append(f"{name}: no row of ALLOWED says what it may include")
            continue
        for target in targets:
            if not allowed(folder, target):
                problems.append(f"{name}: {folder}/ must not include {target}")
    for name, libraries in library_includes.items():
        for library in libraries:
            for prefix, owners in ONLY_IN.items():
                if library.startswith(prefix) and name not in owners:
                    problems.append(f"{name}: only {', '.join(sorted(owners)) or 'no file'} may include <{library}>")
    return problems


def find_cycle(graph):
    state = {}
    stack = []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for target in graph.get(node, ()):
            if state.get(target) == "open":
                return stack[stack.index(target):] + [target]
            if target not in state:
                cycle = visit(target)
                if cycle:
                    return cycle
        stack.pop()
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state:
            cycle = visit(node)
            if cycle:
                return cycle
    return None


def main():
    graph, library_includes = {}, {}
    for path in sources():
        name = str(path.relative_to(ROOT))
        includes = INCLUDE.findall(path.read_text(encoding="utf-8"))
        graph[name] = [target for kind, target in includes if kind == '"']
        library_includes[name] = [target for kind, target in includes if kind == "<"]
        for target in graph[name]:
            if not (ROOT / target).exists() and folder_of(target):
                print(f"{name}: includes {target}, which does not exist", file=sys.stderr)
                return 1
    problems = check_edges(graph, library_includes)
    cycle = find_cycle(graph)
    if cycle:
        problems.append("cycle: " + " -> ".join(cycle))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    edges = sum(len(targets) for targets in graph.values())
    print(f"layers: {len(graph)} files, {edges} includes, no forbidden edge, no cycle")
    return 0


sys.setrecursionlimit(10000)
sys.exit(main())
