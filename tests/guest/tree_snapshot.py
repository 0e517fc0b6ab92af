# SPDX-License-Identifier: Apache-2.0
"""A directory tree as comparable data: kind, mode, owner, times, attributes and content of every file."""
import hashlib
import os
import stat


def take(root):
    """{relative path: description}. Access times are left out: reading is allowed."""
    tree = {".": _describe(root)}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            tree[os.path.relpath(path, root)] = _describe(path)
    return tree


def difference(before, after):
    """The paths that differ, sorted; empty if the trees are the same."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _describe(path):
    info = os.lstat(path)
    attributes = {name: os.getxattr(path, name, follow_symlinks=False)
                  for name in os.listxattr(path, follow_symlinks=False)}
    content = None
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(info.st_mode):
        content = os.readlink(path)
    return (info.st_ino, info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_size, info.st_rdev,
            info.st_mtime_ns, info.st_ctime_ns, sorted(attributes.items()), content)
