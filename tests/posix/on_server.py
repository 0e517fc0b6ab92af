#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""on_server.py BUILD DIRECTORY: posix_suite on DIRECTORY's file system and, by way of the file server and this kernel's FUSE
client, on the same; then file_exerciser. Exits with 77 where there is no FUSE, with 1 for a difference without a reason."""
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import compare  # noqa: E402  (found by the path above)

_kSkipped = 77
_kSeeds = (1,)
_kOperations = 20_000


def _output(*command, cwd=None):
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, errors="backslashreplace", cwd=cwd)
    if run.returncode == _kSkipped:
        print(run.stdout, end="")
        sys.exit(_kSkipped)
    if run.returncode or run.stderr:
        sys.exit(f"{command[0]}: status {run.returncode}, {run.stdout[-300:]}{run.stderr}")
    return run.stdout


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(dir=sys.argv[2], prefix="krun-posix.") as work:
        source, place = pathlib.Path(work, "source"), pathlib.Path(work, "place")
        source.mkdir()
        place.mkdir()
        mounted = [programs / "fuse_mount", source, place]
        for seed in _kSeeds:
            _output(*mounted, "/bin/sh", "-c", f"cd {place} && {programs}/file_exerciser {seed} {_kOperations}")
        seen = compare.observations(_output(*mounted, programs / "posix_suite", place))
        wanted = compare.observations(_output(programs / "posix_suite", source))
    rows = compare.waivers()
    different = compare.differences("server", wanted, seen, rows)
    unused = [f"not needed: {row.pattern}" for row in rows if row.place in ("*", "server") and not row.used]
    print("\n".join([*different, *unused, f"{len(seen)} observations, {len(different)} differ without a reason"]))
    return 1 if different or unused else 0


sys.exit(main())
