#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program prints for a bundle what the guest would get, and says in one line what is wrong with one.
# Usage: program_test.sh PATH-OF-KRUN-CONFIG-GEN DIRECTORY-OF-EXPECTATIONS
program=$1 golden=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL $*"
    failures=$((failures + 1))
}

for name in runc_spec terminal; do
    cp "$golden/$name.config.json" "$work/config.json"
    "$program" "$work" >"$work/out" 2>"$work/err" || fail "$name: status $?: $(cat "$work/err")"
    diff "$golden/$name.krun.json" "$work/out" || fail "$name: prints something else"
    grep -q '^machine: [0-9]* vCPUs, [0-9]* MiB$' "$work/err" || fail "$name: does not tell the machine's size"
done

echo '{' >"$work/config.json"
"$program" "$work" >"$work/out" 2>"$work/err" && fail 'a broken config.json is accepted'
[ ! -s "$work/out" ] || fail 'a broken config.json prints something on stdout'
[ "$(wc -l <"$work/err")" = 1 ] || fail "a broken config.json is worth one line: $(cat "$work/err")"

exit "$((failures != 0))"
