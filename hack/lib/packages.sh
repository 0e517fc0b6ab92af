# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages a script needs, when it may.

# need_packages PACKAGE...: returns when all are installed; installs missing ones as root, else ends the script.
need_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        printf '%s: missing packages; as root: apt-get install %s\n' "${0##*/}" "${missing[*]}" >&2
        exit 1
    fi
    printf '%s: installing %s\n' "${0##*/}" "${missing[*]}" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2 ||
        { apt-get update >&2 &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2; } ||
        exit 1
}
