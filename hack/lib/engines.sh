# SPDX-License-Identifier: Apache-2.0
# What the tests that need a guest run: container engines, their clients' libraries, and what payloads are made of.
# Needs hack/lib/packages.sh.

need_engines() {
    need_packages podman conmon buildah containerd containernetworking-plugins crun runc catatonit tini systemd dbus uidmap \
        dbus-user-session libpam-systemd busybox-static python3 python3-grpcio python3-protobuf protobuf-compiler gcc libc6-dev \
        iproute2 netavark aardvark-dns slirp4netns passt e2fsprogs qemu-utils zstd
}
