# SPDX-License-Identifier: Apache-2.0
# Progress on stderr, sourced by the scripts in hack/. A terminal gets one line that is rewritten, anything else
# one plain line per phase, so that logs stay short. Call progress_end before printing other text.

# progress_phase TEXT: a new phase begins.
progress_phase() {
    if [ -t 2 ]; then printf '\r\033[K%s' "$1" >&2; else printf '%s\n' "$1" >&2; fi
}

# progress_count TEXT DONE [TOTAL]: how far the phase has come. Silent unless stderr is a terminal.
progress_count() {
    [ -t 2 ] || return 0
    if [ "${3:-0}" -gt 0 ]; then
        local percent=$(($2 * 100 / $3))
        printf '\r\033[K%s %d%%' "$1" "$((percent > 99 ? 99 : percent))" >&2
    else
        printf '\r\033[K%s %d' "$1" "$2" >&2
    fi
}

# progress_end: takes the rewritten line away.
progress_end() {
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}
