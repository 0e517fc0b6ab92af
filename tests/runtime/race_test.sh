#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Commands that meet on one container, and commands that are killed half way. The program under test is
# krun-oci with fake_vm.cc instead of a machine.
# Usage: race_test.sh PATH-OF-PROGRAM
krun=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
root=$work/state
fail() {
    echo "FAIL $*"
    exit 1
}
k() { "$krun" --root "$root" --cgroup-manager disabled "$@"; }
create() { k create --bundle "$work/bundle" "$1"; }
# The container processes of this test that live: those whose program and command line are ours.
living() {
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe" 2>/dev/null)" = "$krun" ] || continue
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q -- "--root $root " || continue
        # One that is gone meanwhile has no status to be read.
        grep -q '^State:.[^ZX]' "$process/status" 2>/dev/null && printf '%s ' "${process#/proc/}"
    done
}
nothing_left() {
    [ -z "$(ls -A "$root")" ] || fail "$1: the state has $(ls -AR "$root")"
    # A process that a signal has reached may need a while to end.
    tries=0
    while left=$(living) && [ -n "$left" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "$1: processes $left are left"
        sleep 0.1
    done
}
krun=$(readlink -f "$krun")
mkdir -p "$work/bundle/rootfs"
echo '{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"/","args":["wait"]}}' \
    >"$work/bundle/config.json"

# Of many creates at once one succeeds; the others say why not.
for round in 1 2 3 4 5; do
    for i in 1 2 3 4 5 6; do
        (create web 2>"$work/err.$i" && echo made >"$work/ok.$i") &
    done
    wait
    [ "$(cat "$work"/ok.* | wc -l)" = 1 ] || fail "round $round: $(cat "$work"/ok.* | wc -l) creates succeeded"
    [ "$(cat "$work"/err.* | grep -c -x 'container with given ID already exists')" = 5 ] ||
        fail "round $round: $(cat "$work"/err.*)"
    rm -f "$work"/ok.* "$work"/err.*
    k delete --force web || fail "delete after round $round"
    nothing_left "round $round"
done

# Of many starts at once one succeeds.
create web || fail "create"
for i in 1 2 3 4 5 6; do (k start web 2>/dev/null && echo ok >"$work/ok.$i") & done
wait
[ "$(cat "$work"/ok.* | wc -l)" = 1 ] || fail "$(cat "$work"/ok.* | wc -l) starts succeeded"
[ "$(k state web | grep -c '"status": "running"')" = 1 ] || fail "it does not run"
rm -f "$work"/ok.*

# Of many forced deletes at once all succeed.
for i in 1 2 3 4 5 6; do (k delete --force web || echo failed >"$work/bad.$i") & done
wait
[ -z "$(ls "$work"/bad.* 2>/dev/null)" ] || fail "a forced delete failed"
nothing_left "forced deletes"

# A create that is killed anywhere leaves what a forced delete removes, and then the name is free.
for delay in 0 0.001 0.002 0.003 0.005 0.008 0.012 0.02; do
    # Not through a function: the process to be killed would be its shell, and not the program.
    "$krun" --root "$root" --cgroup-manager disabled create --bundle "$work/bundle" web 2>/dev/null &
    creator=$!
    sleep "$delay"
    kill -KILL "$creator" 2>/dev/null
    wait "$creator" 2>/dev/null
    k delete --force web || fail "delete after a create killed at $delay s"
    nothing_left "create killed at $delay s"
    create web || fail "create again after one killed at $delay s"
    k delete web || fail "delete the second"
done

# A forced delete that meets a create: afterwards there is a whole container or none.
for round in 1 2 3 4 5 6; do
    create web 2>/dev/null &
    k delete --force web || fail "delete that meets a create"
    wait
    status=$(k state web 2>/dev/null | sed -n 's/.*"status": "\(.*\)",/\1/p')
    case $status in "" | created) ;; *) fail "a container that is $status" ;; esac
    k delete --force web || fail "last delete"
    nothing_left "delete that meets a create"
done
echo "all races ended well"
