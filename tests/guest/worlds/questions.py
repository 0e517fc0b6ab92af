# SPDX-License-Identifier: Apache-2.0
"""Questions that several worlds ask."""
from comparison import Each

# Fields of /proc/PID/status that describe the process, and not how far it has come.
_kStatus = ("Umask Uid Gid Groups NSpid NStgid NSpgid NSsid Threads SigPnd ShdPnd SigBlk SigIgn CapInh CapPrm CapEff CapBnd "
            "CapAmb NoNewPrivs Seccomp Seccomp_filters THP_enabled Speculation_Store_Bypass Cpus_allowed_list").split()

kStatus = Each("sed -n 's/[\\t ]\\+/ /g;s/^\\(" + "\\|".join(_kStatus) + "\\): */\\1=/p' /proc/1/status")
kLimits = Each("sed -n 's/^Max \\(.*[a-z]\\)   *\\([0-9u][^ ]*\\)  *\\([0-9u][^ ]*\\).*/\\1=\\2 \\3/p' /proc/1/limits")
kEnvironment = Each("tr '\\0' '\\n' </proc/1/environ")
# Mount point, then: what of the file system is mounted, options, propagation, type, source, options of the super block.
kMounts = Each("sed 's/^[0-9]* [0-9]* [0-9:]* \\([^ ]*\\) \\([^ ]*\\) /\\2=\\1 /;s/:[0-9]\\+//g' /proc/self/mountinfo")
kDevices = Each("cd /dev && for f in $(find . | sort); do [ -L $f ] && echo \"${f#.}=-> $(readlink $f)\" || "
                "stat -c '%n=%F %t:%T mode %a owner %u:%g' $f | sed 's/^\\.//'; done")
kProcess = {
    "status": kStatus,
    "limit": kLimits,
    "environment": kEnvironment,
    "working directory": "readlink /proc/1/cwd",
    "program": "tr '\\0' ' ' </proc/1/cmdline | cut -c 1-7",
    "session, group, terminal": "cut -d ' ' -f 5,6,7 /proc/1/stat",
    "OOM score adjustment": "cat /proc/1/oom_score_adj",
    "descriptor": Each("world descriptors"),
    "flag": Each("world flags"),
    "scheduling": Each("world scheduling"),
    "name": Each("world names"),
    "clock": Each("world clocks"),
}
