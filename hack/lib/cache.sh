# SPDX-License-Identifier: Apache-2.0
# Where the scripts in hack/ keep what is slow to make: outside the tree, one directory for all working copies.

# cache_dir NAME: prints the directory of one kind of thing. It need not exist.
cache_dir() {
    printf '%s/%s\n' "${KRUN_OCI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/krun-oci}" "$1"
}
