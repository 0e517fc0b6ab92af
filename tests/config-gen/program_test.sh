#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program prints for a bundle what the guest would get, makes a bundle of an image, and says in one line what is
# wrong with either.
# Usage: program_test.sh PATH-OF-KRUN-CONFIG-GEN DIRECTORY-OF-EXPECTATIONS
program=$1 golden=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL $*"
    failures=$((failures + 1))
}

# ---- What a guest would get. ----

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

# ---- An image, made here by tar, gzip and sha256sum. ----

layout=$work/layout
mkdir -p "$layout/blobs/sha256" "$work/root/etc" "$work/root/ro" "$work/root/closed/sub" "$work/upper/etc" "$work/bundles"

# blob TYPE FILE: moves it into the layout, and prints its descriptor.
blob() {
    digest=$(sha256sum <"$2" | cut -d ' ' -f 1)
    printf '{"mediaType":"%s","digest":"sha256:%s","size":%s}' "$1" "$digest" "$(wc -c <"$2")"
    mv "$2" "$layout/blobs/sha256/$digest"
}

echo 'user:x:1000:1001::/:/bin/sh' >"$work/root/etc/passwd"
echo program >"$work/root/program"
chmod 4755 "$work/root/program"
echo kept >"$work/root/ro/kept"
chmod 555 "$work/root/ro"
chmod 500 "$work/root/closed/sub"
chmod 0 "$work/root/closed"
touch -d '2001-02-03 04:05:06Z' "$work/root/ro"
echo gone >"$work/root/etc/gone"
: >"$work/upper/etc/.wh.gone"
tar -C "$work/root" -cf "$work/layer1.tar" .
tar -C "$work/upper" -cf "$work/layer2.tar" etc/.wh.gone
diff_ids=$(sha256sum "$work/layer1.tar" "$work/layer2.tar" | sed 's/ .*/"/; s/^/"sha256:/' | paste -sd ,)
gzip "$work/layer2.tar"
cat >"$work/config" <<JSON
{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [$diff_ids]},
 "config": {"User": "user", "Entrypoint": ["/program"], "Cmd": ["word"], "Env": ["NAME=value"], "Labels": {"krun.cpus": "9"}}}
JSON
config=$(blob application/vnd.oci.image.config.v1+json "$work/config")
layer1=$(blob application/vnd.oci.image.layer.v1.tar "$work/layer1.tar")
layer2=$(blob application/vnd.oci.image.layer.v1.tar+gzip "$work/layer2.tar.gz")
echo "{\"schemaVersion\": 2, \"config\": $config, \"layers\": [$layer1, $layer2]}" >"$work/manifest"
manifest=$(blob application/vnd.oci.image.manifest.v1+json "$work/manifest")
echo "{\"schemaVersion\": 2, \"manifests\": [$manifest]}" >"$layout/index.json"
echo '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"

"$program" unpack "$layout" --bundle "$work/bundles/one" -- other >"$work/out" 2>"$work/err" || fail "unpack: status $?: $(cat "$work/err")"
[ ! -s "$work/out" ] || fail "unpack prints $(cat "$work/out")"
diff - "$work/err" <<'TEXT' || fail 'unpack tells something else'
krun-config-gen: warning: 1 labels are left out: as annotations they would configure a runtime; the first is "krun.cpus"
TEXT
rm "$work/root/etc/gone"
diff -r "$work/root" "$work/bundles/one/rootfs" || fail 'the root file system is another'
[ "$(stat -c '%a %Y' "$work/bundles/one/rootfs/ro")" = '555 981173106' ] || fail "a directory's mode or time is lost"
"$program" "$work/bundles/one" >"$work/out" 2>"$work/err" || fail "the bundle cannot be read: $(cat "$work/err")"
for line in '"/program",' '"other"' '"NAME=value",' '"uid": 1000,' '"gid": 1001'; do
    grep -qF "$line" "$work/out" || fail "the guest does not get $line"
done

# ---- A plain user. ----

user_can() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if [ "$(id -u)" != 0 ] || ! user_can test -x "$program"; then
    echo 'skipped: nobody else can run the program here'
else
    chmod 755 "$work" "$work/bundles"
    mkdir "$work/bundles/theirs" && chown 65534 "$work/bundles/theirs"
    user_can "$program" unpack "$layout" -b "$work/bundles/theirs/two" 2>"$work/err" || fail "a plain user: $(cat "$work/err")"
    found=$(cd "$work/bundles/theirs/two/rootfs" && stat -c '%a %u' program ro ro/kept)
    [ "$found" = '755 65534
555 65534
644 65534' ] || fail "a plain user has $found"
    user_can "$program" unpack "$layout" -b "$work/bundles/theirs/two" 2>"$work/err" && fail 'a full bundle is overwritten'
    # This fails last, when directories have their modes already.
    tar -C "$work/root" -cf "$work/root.tar" .
    user_can "$program" unpack "$work/root.tar" -b "$work/bundles/theirs/late" -- '' 2>"$work/err" && fail 'an empty word is accepted'
    grep -q 'config.json: process.args\[0\]: must not be empty$' "$work/err" || fail "it says $(cat "$work/err")"
    echo x >>"$layout/blobs/sha256/$(echo "$layer2" | sed 's/.*sha256:\([0-9a-f]*\).*/\1/')"
    user_can "$program" unpack "$layout" -b "$work/bundles/theirs/three" 2>"$work/err" && fail 'a changed layer is accepted'
    grep -q 'layer 2 of 2: sha256:[0-9a-f]*: content is not of [0-9]* bytes$' "$work/err" || fail "it says $(cat "$work/err")"
    [ "$(ls -A "$work/bundles/theirs")" = two ] || fail "it leaves $(ls -A "$work/bundles/theirs")"
fi

# ---- An end that comes early. ----

# The header of a file of 40 GiB, and its content as a hole: long to unpack, and nothing to store.
mkdir "$work/bundles/early"
truncate -s 40G "$work/zeros"
tar -C "$work" --format=gnu -cf - zeros 2>/dev/null | head -c 512 >"$work/big.tar"
truncate -s $((40 * 1024 * 1024 * 1024 + 2048)) "$work/big.tar"
"$program" unpack "$work/big.tar" -b "$work/bundles/early/bundle" 2>"$work/err" &
tries=0
until [ -n "$(ls -A "$work/bundles/early")" ] || [ $((tries += 1)) -gt 1000 ]; do sleep 0.01; done
kill -TERM $! 2>/dev/null
wait $! && fail 'a bundle was made in spite of SIGTERM'
grep -q 'interrupted$' "$work/err" || fail "SIGTERM: it says $(cat "$work/err")"
[ -z "$(ls -A "$work/bundles/early")" ] || fail "SIGTERM leaves $(ls -A "$work/bundles/early")"

# ---- Mistakes and help. ----

for words in "unpack" "unpack $layout" "unpack --bundle $work/x" "unpack $work/nowhere -b $work/x" "--no-such-flag"; do
    # shellcheck disable=SC2086 # words
    "$program" $words >"$work/out" 2>"$work/err" && fail "accepted: $words"
    [ "$(wc -l <"$work/err")" = 1 ] && [ ! -s "$work/out" ] || fail "$words: $(cat "$work/out" "$work/err")"
done
"$program" unpack --help | grep -q 'usage: krun-config-gen unpack' || fail 'no help'
"$program" --help | grep -q 'krun-config-gen unpack' || fail 'the help does not tell of unpack'

exit "$((failures != 0))"
