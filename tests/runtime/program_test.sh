#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program itself, on what needs no machine: streams, exit statuses and what is left behind.
# Usage: program_test.sh PATH-OF-KRUN-OCI
krun=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# check NAME STATUS STDERR-LINES COMMAND…: runs it, its streams go to $work/out and $work/err.
check() {
    name=$1 status=$2 lines=$3
    shift 3
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    got_lines=$(wc -l <"$work/err")
    if [ "$got" != "$status" ] || [ "$got_lines" != "$lines" ]; then
        echo "FAIL $name: status $got, want $status; $got_lines lines on stderr, want $lines:"
        cat "$work/err"
        failures=$((failures + 1))
    fi
}
# expect NAME FILE PATTERN: the file has it.
expect() {
    grep -q -- "$3" "$2" || { echo "FAIL $1: no \"$3\" in:"; cat "$2"; failures=$((failures + 1)); }
}
empty() {
    [ ! -s "$2" ] || { echo "FAIL $1: not empty:"; cat "$2"; failures=$((failures + 1)); }
}

mkdir -p "$work/bundle/rootfs"

check "version" 0 0 "$krun" --version
expect "version" "$work/out" "^krun-oci version "
check "features" 0 0 "$krun" features
expect "features" "$work/out" '"ociVersionMin"'
check "no such flag" 1 1 "$krun" --invalidflag
expect "no such flag" "$work/err" "^unknown option --invalidflag$"
check "no such container" 1 1 "$krun" --root "$work/state" state web
empty "no such container" "$work/out"
expect "no such container" "$work/err" '^container "web" does not exist$'
check "force on nothing" 0 0 "$krun" --root "$work/state" delete --force web

check "no config" 1 1 "$krun" --root "$work/state" create --bundle "$work/bundle" --pid-file "$work/pid" web
expect "no config" "$work/err" "config.json: No such file or directory$"
echo '{"ociVersion": 1}' >"$work/bundle/config.json"
check "wrong type" 1 1 "$krun" --root "$work/state" create --bundle "$work/bundle" --pid-file "$work/pid" web
expect "wrong type" "$work/err" "ociVersion"
check "id with a newline" 1 1 "$krun" --root "$work/state" create --bundle "$work/bundle" "we
b"
[ ! -e "$work/pid" ] || { echo "FAIL a pid file is left"; failures=$((failures + 1)); }
[ -z "$(ls -A "$work/state" 2>/dev/null)" ] || { echo "FAIL a state is left"; failures=$((failures + 1)); }

# The log is made by every command, and the error in it is the one on stderr.
check "log" 1 1 "$krun" --log "$work/log" --log-format json --root "$work/state" start web
expect "log" "$work/log" '"level":"error","msg":"container \\"web\\" does not exist"'
check "full log" 1 1 "$krun" --log /dev/full --root "$work/state" state web

# A caller that cannot be answered gets a failure; closed streams are never taken by our own files.
"$krun" --version >/dev/full 2>/dev/null && { echo "FAIL full stdout: succeeded"; failures=$((failures + 1)); }
"$krun" --log "$work/closed" --root "$work/state" state web <&- >&- 2>&-
[ "$(wc -l <"$work/closed")" = 1 ] || { echo "FAIL closed streams: log has other lines"; failures=$((failures + 1)); }

# A state directory that another user could change is refused.
mkdir -m 777 "$work/shared" && chmod 777 "$work/shared"
check "shared root" 1 1 "$krun" --root "$work/shared" list
ln -s state "$work/link"
check "linked root" 1 1 "$krun" --root "$work/link" list

[ "$failures" = 0 ]
