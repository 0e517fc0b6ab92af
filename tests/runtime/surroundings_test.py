# SPDX-License-Identifier: Apache-2.0
"""Commands where something around them is short or broken: success, or status 1, one line of reason, and nothing left.

Usage: surroundings_test.py PATH-OF-KRUN_OCI_FAKE
"""
import os
import re
import resource
import shutil
import sys

from command_line import CommandLine, Failure

_kNobody = 61234  # no process but ours has this user


def _whole_life(lab, may_lack=None):
    """A create succeeded: the container lives and dies as any other; start may lack what it names."""
    for words in (["start", "web"], ["kill", "web", "KILL"], ["delete", "--force", "web"]):
        ended = lab.krun(*words)
        if ended.status != 0 and not (words[0] == "start" and may_lack and may_lack in ended.err):
            raise Failure(f"{words[0]}: {ended}")
    lab.expect_left([], [])


def _fails(lab, ended, reason):
    if ended.status != 1 or not re.fullmatch(r"[^\n]+\n", ended.err) or reason not in ended.err:
        raise Failure(f"{ended}, not status 1 and one line with {reason!r}")
    lab.expect_left([], [])


def _create_limited(lab, limit, value, **options):
    return lab.run(lab.create_line("web"), preexec_fn=lambda: resource.setrlimit(limit, (value, value)), **options)


def sixty_four_descriptors_are_enough(lab):
    if (ended := _create_limited(lab, resource.RLIMIT_NOFILE, 64)).status != 0:
        raise Failure(str(ended))
    _whole_life(lab)


def any_number_of_descriptors_is_enough_or_named(lab):
    outcomes = set()
    for number in range(4, 16):
        ended = _create_limited(lab, resource.RLIMIT_NOFILE, number)
        outcomes.add(ended.status)
        if ended.status == 0:
            _whole_life(lab, may_lack="Too many open files")
        else:
            _fails(lab, ended, "Too many open files")
    if outcomes != {0, 1}:
        raise Failure(f"the numbers tried had the outcomes {outcomes}, not both")


def file_that_may_not_grow_is_a_failure(lab):
    # As long as the reason, which goes to a file too; the record is longer.
    _fails(lab, _create_limited(lab, resource.RLIMIT_FSIZE, 64), "File too large")


def half_a_gibibyte_of_address_space_is_enough(lab):
    if (ended := _create_limited(lab, resource.RLIMIT_AS, 512 << 20)).status != 0:
        raise Failure(str(ended))
    _whole_life(lab)


def user_without_a_process_left_is_told(lab):
    if os.geteuid() != 0:
        return "skipped: only root can be another user"
    lab.program = shutil.copy(lab.program, lab.directory)
    lab.root.mkdir(mode=0o700)
    for path in (lab.directory, lab.root):
        os.chown(path, _kNobody, _kNobody)
    _fails(lab, _create_limited(lab, resource.RLIMIT_NPROC, 1, user=_kNobody), "Resource temporarily unavailable")
    if (ended := _create_limited(lab, resource.RLIMIT_NPROC, 10, user=_kNobody)).status != 0:
        raise Failure(str(ended))
    if (ended := lab.run(lab.line("delete", "--force", "web"), user=_kNobody)).status != 0:
        raise Failure(str(ended))
    return lab.expect_left([], [])


def full_log_stops_nothing(lab):
    for words in (["create", "--bundle", str(lab.bundle), "web"], ["start", "web"]):
        if (ended := lab.krun("--log", "/dev/full", "--log-level", "debug", *words)).status != 0:
            raise Failure(f"{words[0]}: {ended}")
    if (ended := lab.krun("--log", "/dev/full", "start", "web")).status != 1:
        raise Failure(str(ended))
    lab.krun("delete", "--force", "web")
    lab.expect_left([], [])


def log_that_nobody_reads_is_an_error_and_no_wait(lab):
    fifo = lab.directory / "fifo"
    os.mkfifo(fifo)
    _fails(lab, lab.krun("--log", str(fifo), "create", "--bundle", str(lab.bundle), "web"), f"log file: open {fifo}")


def pid_file_that_cannot_be_written_stops_the_creation(lab):
    (lab.directory / "file").touch()
    for path in (lab.directory / "none/pid", lab.directory / "file/pid", "/proc/self/pid", lab.directory):
        _fails(lab, lab.create("web", "--pid-file", str(path)), f"write pid file {path}")


_kTests = [sixty_four_descriptors_are_enough, any_number_of_descriptors_is_enough_or_named,
           file_that_may_not_grow_is_a_failure, half_a_gibibyte_of_address_space_is_enough,
           user_without_a_process_left_is_told, full_log_stops_nothing, log_that_nobody_reads_is_an_error_and_no_wait,
           pid_file_that_cannot_be_written_stops_the_creation]


def main():
    failed = 0
    for test in _kTests:
        with CommandLine(sys.argv[1]) as lab:
            try:
                print(f"{test.__name__}: {test(lab) or 'ok'}")
            except Failure as failure:
                failed += 1
                print(f"FAIL {test.__name__}: {failure}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
