// SPDX-License-Identifier: Apache-2.0
// One FUSE request in, one reply out: decodes, applies the read-only gate, calls a FileSystem, encodes.
// Knows no file system and no virtio. Everything in a request is hostile (fuse_kernel.h is its grammar).
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>

namespace krun::fs {

class FileSystem;

class Server {
public:
    explicit Server(std::unique_ptr<FileSystem> root);
    ~Server();

    // Serves the request in `request` (in order: header, arguments, names, then WRITE's data) and puts
    // the reply into `reply`. Returns the bytes written to `reply`; 0 means the request has no reply
    // (FORGET) or was too short to have a `unique` to answer. The iovecs may be guest memory: fixed parts
    // and names are copied once before they are looked at, data goes between them and the kernel only.
    // May be called from several threads at once. Blocks as long as the host file system does.
    uint32_t serve(std::span<iovec const> request, std::span<iovec const> reply);

private:
    std::unique_ptr<FileSystem> root_;
};

}  // namespace krun::fs
