# SPDX-License-Identifier: Apache-2.0
# The test machine's own kernel: Debian's newest 6.12 cloud kernel, unpacked into the cache, not installed.
# It has virtio-pci, virtio-console and virtio-fs built in, so the machine starts without an initramfs.

readonly kMachineKernelPackage=linux-image-6.12-cloud-amd64

# The vmlinux inside a bzImage: the emulator starts it by its PVH entry, which saves emulating the decompressor.
# Offsets: Documentation/arch/x86/boot.rst, setup_sects, payload_offset, payload_length.
extract_vmlinux() {
    local image=$1 setup_sects offset length
    setup_sects=$(od -An -tu1 -j 497 -N1 "$image")
    offset=$(od -An -tu4 -j 584 -N4 "$image")
    length=$(od -An -tu4 -j 588 -N4 "$image")
    # The last four bytes of the payload are its unpacked size, not part of the compressed stream.
    tail -c "+$(((setup_sects + 1) * 512 + offset + 1))" "$image" 2>/dev/null | head -c "$((length - 4))" | zstd -dcq
}

# fetch_machine_kernel DIR: downloads, unpacks, and lays out DIR/{vmlinux,version,overlay.ko,lib/modules}.
fetch_machine_kernel() {
    local result=$1 work package version
    mkdir -p "${result%/*}"
    work=$(mktemp -d "${result%/*}/fetch.XXXXXX")
    # The meta package names the version; it may be older than the index, hence the second try after an update.
    package=$(machine_kernel_name) || { apt-get update >&2 && package=$(machine_kernel_name); } || return 1
    (cd "$work" && apt-get download -q "$package" >/dev/null 2>"$work/log") ||
        (apt-get update >&2 && cd "$work" && apt-get download -q "$package" >&2) || return 1
    dpkg -x "$work"/*.deb "$work/root"
    version=${package#linux-image-}
    mkdir "$work/result"
    printf '%s\n' "$version" >"$work/result/version"
    mv "$work/root/lib" "$work/result/lib"
    extract_vmlinux "$work/root/boot/vmlinuz-$version" >"$work/result/vmlinux"
    xz -dc "$work/result/lib/modules/$version/kernel/fs/overlayfs/overlay.ko.xz" >"$work/result/overlay.ko"
    /sbin/depmod -b "$work/result" "$version"
    # Another machine may have been faster: then its result is used.
    mv -T "$work/result" "$result" 2>/dev/null || true
    rm -rf "$work"
}

machine_kernel_name() {
    apt-cache depends "$kMachineKernelPackage" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9]\)/\1/p' |
        grep . | head -n 1
}

# machine_kernel: prints the directory, fetching it the first time.
machine_kernel() {
    local result
    result=$(cache_dir testvm)/$kMachineKernelPackage
    if [ ! -e "$result/vmlinux" ]; then
        progress_phase 'testvm: fetching the machine kernel'
        fetch_machine_kernel "$result" || true
        progress_end
    fi
    [ -e "$result/vmlinux" ] || { printf 'testvm: no %s\n' "$kMachineKernelPackage" >&2 && return 1; }
    printf '%s\n' "$result"
}
