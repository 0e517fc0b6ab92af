#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests hack/testvm from outside: what its callers rely on. One line per test; needs root, and about two minutes.
set -u

tree=$(dirname "$(dirname "$(dirname "$(realpath "$0")")")")
testvm=$tree/hack/testvm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME CONDITION...: one test; the condition is a command.
check() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$name"
    fi
}

same() {
    [ "$1" = "$2" ] || { printf 'expected [%s], got [%s]\n' "$2" "$1" >&2 && return 1; }
}

# between LEAST NUMBER MOST: NUMBER may have a unit.
between() {
    local number=${2%% *}
    [ -n "$number" ] && [ "$1" -le "$number" ] && [ "$number" -le "$3" ] ||
        { printf '[%s] is not between %s and %s\n' "$2" "$1" "$3" >&2 && return 1; }
}

# left_behind DIRECTORY: the working directory of a testvm, and the processes that name it, if any.
left_behind() {
    local directory=$1 process
    [ ! -e "$directory" ] || printf '%s ' "$directory"
    for process in /proc/[0-9]*; do
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF "$directory" && printf '%s ' "${process#/proc/}"
    done
}

# begin SECONDS COMMAND...: a testvm in the background, waits until it runs the command; sets `machine` and
# `directory`.
begin() {
    local seconds=$1 file
    shift
    rm -f "$work/begun"
    # A shell makes its background commands ignore SIGINT.
    env --default-signal=INT "$testvm" --timeout "$seconds" -- "$@" >"$work/begun" 2>"$work/begun.err" &
    machine=$!
    until [ -s "$work/begun" ] || ! kill -0 "$machine" 2>/dev/null; do sleep 0.1; done
    for file in /tmp/krun-testvm.*/owner; do
        [ "$(cat "$file" 2>/dev/null)" != "$machine" ] || directory=${file%/*}
    done
}

exit_status() {
    "$testvm" -- sh -c 'exit 42'
    check 'exit status of the command is passed on' same "$?" 42
    "$testvm" -- sh -c 'kill -TERM $$'
    check 'a command ended by a signal gives 128 and its number' same "$?" 143
    "$testvm" -- /no/such/program 2>/dev/null
    check 'a command that does not exist gives 127' same "$?" 127
}

output() {
    head -c 3000000 /dev/urandom >"$work/random"
    "$testvm" -- cat "$work/random" >"$work/out" 2>/dev/null
    # The work directory is below /tmp, which the machine hides: the data come in by the current directory.
    check 'a path below /tmp is hidden' test ! -s "$work/out"
    cd "$work" || exit 1
    "$testvm" -- sh -c 'cat random; tail -c 1000000 random >&2' >"$work/out" 2>"$work/err"
    check 'stdout of random bytes arrives unchanged' cmp -s "$work/random" "$work/out"
    tail -c 1000000 "$work/random" >"$work/expected"
    check 'stderr of random bytes arrives unchanged and apart' cmp -s "$work/expected" "$work/err"
    "$testvm" -- printf '%s|' 'a b' $'c\nd' '$HOME' '' 'é"' >"$work/out"
    check 'arguments arrive unchanged' same "$(cat "$work/out")" $'a b|c\nd|$HOME||é"|'
    "$testvm" -- sh -c 'sleep 1000 & echo done' >"$work/out"
    check 'a process left running does not hold the machine' same "$(cat "$work/out")" 'done'
    "$testvm" -- seq 1000000 | head -n 1 >"$work/out"
    check 'a reader that goes away does not hold the machine' same "$(cat "$work/out")" 1
}

surroundings() {
    cd "$work" || exit 1
    KRUN_EXAMPLE='a b' "$testvm" -- sh -c 'echo "$PWD $KRUN_EXAMPLE $(id -u) $(wc -c </dev/stdin)"' >"$work/out"
    check 'directory, KRUN_* variables, root, empty stdin' same "$(cat "$work/out")" "$work a b 0 0"
    KRUN_OCI_BUILD_DIR=$work "$testvm" -- sh -c 'echo "${PATH%%:*}"' >"$work/out"
    check 'the build directory is first on PATH' same "$(cat "$work/out")" "$work/bin"
    "$testvm" -- sh -c 'test -c /dev/kvm && cat /sys/fs/cgroup/cgroup.subtree_control &&
        modprobe -a veth bridge nf_tables tun overlay act_mirred sch_ingress && ip -o link show lo' >"$work/out"
    check '/dev/kvm and modules are there' same "$?" 0
    check 'cgroup v2 controllers are enabled' grep -q 'cpuset cpu io memory .*pids' "$work/out"
    check 'the loopback interface is up' grep -q 'LOOPBACK,UP' "$work/out"
    "$testvm" --cpus 2 --mem 3G -- sh -c 'nproc; sed -n "s/^MemTotal: *//p" /proc/meminfo' >"$work/out"
    check '--cpus gives as many CPUs' same "$(head -n 1 "$work/out")" 2
    check '--mem gives as much memory, but for the kernel' between 2900000 "$(grep -o '[0-9]* kB' "$work/out")" 3145728
    "$testvm" --icount -- sh -c 'nproc; cat /sys/module/kvm_amd/parameters/npt' >"$work/out"
    check '--icount gives one CPU with nested paging' same "$(tr '\n' ' ' <"$work/out")" '1 Y '
}

cgroups() {
    cd "$work" || exit 1
    local file=/sys/fs/cgroup/memory/memory.limit_in_bytes
    "$testvm" --cgroup legacy -- sh -c "test -e $file -a -c /dev/kvm && ! grep -q cgroup2 /proc/mounts && uname -r" >"$work/out"
    check '--cgroup legacy gives cgroup v1 alone, and /dev/kvm' same "$?" 0
    check 'on the older kernel' grep -q '^6\.1\.' "$work/out"
    "$testvm" --cgroup hybrid --systemd -- sh -c "test -e $file -a -e /sys/fs/cgroup/unified/cgroup.procs"
    check '--cgroup hybrid has a v2 beside it, with systemd too' same "$?" 0
    "$testvm" --cgroup other -- true 2>/dev/null
    check 'another cgroup is refused' same "$?" 125
}

persistence() {
    local out=$work/out.d mark=krun-testvm-mark.$$
    KRUN_TESTVM_OUT=$out "$testvm" -- sh -c 'echo lost >"/root/$0"; echo lost >"/usr/$0"; echo lost >"/var/$0"
        head -c 100000 /dev/zero >"$KRUN_TESTVM_OUT/kept"; chmod 640 "$KRUN_TESTVM_OUT/kept"' "$mark"
    check 'nothing written outside KRUN_TESTVM_OUT survives' \
        test ! -e "/root/$mark" -a ! -e "/usr/$mark" -a ! -e "/var/$mark"
    check 'what is written in KRUN_TESTVM_OUT survives' same "$(stat -c '%s %a' "$out/kept" 2>&1)" '100000 640'
}

endings() {
    directory=/none
    begin 8 sh -c 'echo up; sleep 1000'
    wait "$machine"
    check 'a command over its time gives 124' same "$?" 124
    check 'a command over its time is named' grep -q 'not finished after 8 seconds' "$work/begun.err"
    check 'a command over its time leaves nothing' same "$(left_behind "$directory")" ''
    local signal number
    for signal in INT TERM KILL; do
        number=$(kill -l "$signal")
        directory=/none
        begin 100 sh -c 'echo up; sleep 1000'
        kill -"$signal" "$machine"
        wait "$machine" 2>/dev/null
        check "SIG$signal ends the machine" same "$?" "$((128 + number))"
        sleep 0.5
        [ "$signal" != KILL ] || rm -rf "$directory"
        check "SIG$signal leaves nothing" same "$directory $(left_behind "$directory")" "$directory "
        check "SIG$signal: the machine was found running" test "$directory" != /none
    done
}

containers() {
    cat >"$work/podman.sh" <<'TEXT'
mkdir -p /tmp/root/bin && cp /bin/busybox /tmp/root/bin/
tar -C /tmp/root -c . | podman import -q - example >/dev/null
podman --cgroup-manager=cgroupfs --runtime crun run --rm --network=none example /bin/busybox echo from podman
TEXT
    cd "$work" || exit 1
    check 'podman runs a static program with crun' same "$("$testvm" -- sh podman.sh 2>&1)" 'from podman'
}

together() {
    local index pids=() statuses=
    for index in 1 2 3; do
        "$testvm" -- sh -c "exit $index" &
        pids+=($!)
    done
    for index in "${pids[@]}"; do
        wait "$index"
        statuses+=$?
    done
    check 'three machines at once do not disturb one another' same "$statuses" 123
}

[ "$(id -u)" = 0 ] || { echo 'needs root' && exit 77; }
exit_status
output
surroundings
cgroups
persistence
endings
containers
together
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
