# SPDX-License-Identifier: Apache-2.0
# The test machine's own kernel: a cloud kernel of Debian's, unpacked into the cache, not installed. The 6.12 one has
# virtio-pci, virtio-console and virtio-fs built in, so the machine starts without an initramfs; but it has no files
# for memory and cpusets in cgroup v1, which Debian 12's own 6.1 has.

readonly kMachineKernelPackage=linux-image-6.12-cloud-amd64
readonly kOlderKernelPackage=linux-image-cloud-amd64

# What such a kernel needs to find its root, in the order in which it can be loaded.
readonly kRootModules=(drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev
    drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci drivers/char/virtio_console fs/fuse/fuse fs/fuse/virtiofs)

readonly kMachineKernelLayout=2 # of the directory in the cache; another one is made anew

# The vmlinux inside a bzImage: the emulator starts it by its PVH entry, which saves emulating the decompressor.
# Offsets: Documentation/arch/x86/boot.rst, setup_sects, payload_offset, payload_length.
extract_vmlinux() {
    local image=$1 setup_sects offset length
    setup_sects=$(od -An -tu1 -j 497 -N1 "$image")
    offset=$(od -An -tu4 -j 584 -N4 "$image")
    length=$(od -An -tu4 -j 588 -N4 "$image")
    # The last four bytes of the payload are its unpacked size, not part of the compressed stream.
    tail -c "+$(((setup_sects + 1) * 512 + offset + 1))" "$image" 2>/dev/null | head -c "$((length - 4))" >"$image.payload"
    case $(od -An -tx1 -N4 "$image.payload" | tr -d ' ') in
    28b52ffd) zstd -dcq "$image.payload" ;;
    02214c18) lz4 -dcq "$image.payload" ;;
    esac
}

# print_module PATH-WITHOUT-SUFFIX: compressed or not.
print_module() {
    if [ -e "$1.ko" ]; then cat "$1.ko"; else xz -dc "$1.ko.xz"; fi
}

# make_initramfs MODULES-DIR RESULT: nothing if the kernel has its root file system built in.
make_initramfs() {
    local modules=$1 result=$2 work=$2.d module number=10
    ! grep -q /virtiofs.ko "$modules/modules.builtin" || return 0
    mkdir -p "$work/bin" "$work/modules" "$work/proc" "$work/root" "$work/dev"
    cp /bin/busybox "$work/bin/"
    install -m 755 "${BASH_SOURCE[0]%/*}/initramfs" "$work/init"
    for module in "${kRootModules[@]}"; do
        print_module "$modules/kernel/$module" >"$work/modules/$((number++)).ko"
    done
    (cd "$work" && find . | busybox cpio -o -H newc >"$result" 2>/dev/null)
    rm -rf "$work"
}

# fetch_machine_kernel DIR META-PACKAGE: downloads, unpacks, and lays out DIR/{vmlinux,vmlinuz,version,overlay.ko,lib/modules},
# and DIR/initramfs for a kernel that needs one.
fetch_machine_kernel() {
    local result=$1 meta=$2 work package version
    mkdir -p "${result%/*}"
    work=$(mktemp -d "${result%/*}/fetch.XXXXXX")
    # The meta package names the version; it may be older than the index, hence the second try after an update.
    package=$(machine_kernel_name "$meta") || { apt-get update >&2 && package=$(machine_kernel_name "$meta"); } ||
        return 1
    (cd "$work" && apt-get download -q "$package" >/dev/null 2>"$work/log") ||
        (apt-get update >&2 && cd "$work" && apt-get download -q "$package" >&2) || return 1
    dpkg -x "$work"/*.deb "$work/root"
    version=${package#linux-image-}
    mkdir "$work/result"
    printf '%s\n' "$version" >"$work/result/version"
    mv "$work/root/lib" "$work/result/lib"
    extract_vmlinux "$work/root/boot/vmlinuz-$version" >"$work/result/vmlinux"
    mv "$work/root/boot/vmlinuz-$version" "$work/result/vmlinuz" # for tests: a kernel as a distribution has it
    print_module "$work/result/lib/modules/$version/kernel/fs/overlayfs/overlay" >"$work/result/overlay.ko"
    make_initramfs "$work/result/lib/modules/$version" "$work/result/initramfs"
    /sbin/depmod -b "$work/result" "$version"
    # Another machine may have been faster: then its result is used.
    mv -T "$work/result" "$result" 2>/dev/null || true
    rm -rf "$work"
}

# machine_kernel_name META-PACKAGE
machine_kernel_name() {
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[0-9]\)/\1/p' |
        grep . | head -n 1
}

# machine_kernel META-PACKAGE: prints the directory, fetching it the first time.
machine_kernel() {
    local result
    result=$(cache_dir testvm)/$1.$kMachineKernelLayout
    if [ ! -e "$result/vmlinux" ]; then
        progress_phase 'testvm: fetching the machine kernel'
        fetch_machine_kernel "$result" "$1" || true
        progress_end
    fi
    [ -e "$result/vmlinux" ] || { printf 'testvm: no %s\n' "$1" >&2 && return 1; }
    printf '%s\n' "$result"
}
