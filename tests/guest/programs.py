# SPDX-License-Identifier: Apache-2.0
"""Programs of this computer's in a root file system, with the libraries that they are linked with."""
import os
import pathlib
import re
import shutil
import subprocess


def put_file(root, source, target=None):
    """A copy of a file, at the same path unless told otherwise; the path."""
    place = pathlib.Path(root) / str(target or source).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(os.path.realpath(source), place)
    return str(target or source)


def put_program(root, source, target=None):
    listing = subprocess.run(["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listing):
        put_file(root, library)
    return put_file(root, source, target)
