// SPDX-License-Identifier: Apache-2.0
// One FUSE request in, one reply out: decodes, applies the read-only gate, calls a FileSystem, encodes.
// Knows no file system and no virtio. Everything in a request is hostile (fuse_kernel.h is its grammar).
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "fs/interrupts.h"
#include "fs/request_trace.h"

namespace krun::fs {

class FileSystem;
struct Call;
struct Op;

// The most data that one READ or WRITE moves (max_write in INIT), and the most that one listing answers.
inline constexpr uint32_t kMaxDataBytes = 1u << 20;

class Server {
public:
    explicit Server(std::unique_ptr<FileSystem> root);
    ~Server();

    // Serves the request in `request` (in order: header, arguments, names, then WRITE's data) and puts
    // the reply into `reply`. Returns the bytes written to `reply`; 0 means the request has no reply
    // (FORGET), was too short to have a `unique` to answer, or left no room for an answer. The iovecs may be
    // guest memory: fixed parts and names are copied once before they are looked at, data goes between them
    // and the kernel only.
    // May be called from several threads at once. Blocks as long as the host file system does.
    // kLater, for a lock that somebody else has: nothing was done, the guest waits; serve the same request
    // again, at the latest when the guest has sent another. Not with Waiting::kMayNot: then ENOLCK.
    // kSlow, only with Reads::kFromMemory: what is to be read is not in the host's memory. Nothing was done;
    // serve the request again, without that, where waiting for the disk keeps nobody else.
    static constexpr uint32_t kLater = UINT32_MAX;
    static constexpr uint32_t kSlow = UINT32_MAX - 1;
    enum class Waiting { kMay, kMayNot };
    enum class Reads { kFromDisk, kFromMemory };
    uint32_t serve(std::span<iovec const> request, std::span<iovec const> reply,
                   Waiting waiting = Waiting::kMay, Reads reads = Reads::kFromDisk);

    // Whether the request in `request` may wait for the host's disk for long, so that others should not wait
    // for it. Read from guest memory ahead of serve(), which does not rely on it: the guest may change its
    // mind.
    static bool may_wait(std::span<iovec const> request);

    // Any thread.
    std::vector<TracedRequest> last_requests() const { return trace_.last(); }

    // The device was reset: forgets every node and handle that the guest has, as DESTROY does. No request
    // may be in service.
    void reset();

private:
    Result<void, Errno> dispatch(Call& call);
    Result<void, Errno> gate(Call const& call, Op const& op) const;
    Result<void, Errno> init(Call& call);

    std::unique_ptr<FileSystem> root_;
    std::atomic<bool> ready_{false};   // between INIT and DESTROY
    std::atomic<uint64_t> agreed_{0};  // INIT flags
    Interrupts interrupts_;
    RequestTrace trace_;
};

// What the opcode is called (op_table.h), or nullptr.
char const* name_of_request(uint32_t opcode);

}  // namespace krun::fs
