// SPDX-License-Identifier: Apache-2.0
// The way of a request, and what INIT agrees on.
#include "fs/server.h"

#include <fcntl.h>
#include <linux/ioctl.h>

#include <algorithm>

#include "base/guard.h"
#include "fs/op_table.h"

namespace krun::fs {

using abi::Opcode;

// Taken when the guest offers them. Left out on purpose: EXPORT_SUPPORT (no lookup of "." and ".."),
// WRITEBACK_CACHE (host and guest may share a tree), SECURITY_CTX and every DAX flag.
static constexpr uint64_t kWanted =
    abi::kAsyncRead | abi::kAtomicOTrunc | abi::kBigWrites | abi::kDontMask | abi::kAutoInvalData |
    abi::kDoReaddirplus | abi::kReaddirplusAuto | abi::kAsyncDio | abi::kParallelDirops | abi::kMaxPages |
    abi::kCacheSymlinks | abi::kSubmounts | abi::kHandleKillprivV2 | abi::kSetxattrExt | abi::kInitExt |
    abi::kCreateSuppGroup | abi::kAllowIdmap;
// And this, where the root file system has them.
static constexpr uint64_t kWantedAcls = abi::kPosixAcl;
// And these, where locks are the host's.
static constexpr uint64_t kWantedLocks = abi::kPosixLocks | abi::kFlockLocks;
static constexpr uint16_t kMaxPages = kMaxDataBytes / 4096;
// Requests the guest may have under way in the background before it waits; the queue is what bounds them.
static constexpr uint16_t kMaxBackground = UINT16_MAX;
static constexpr uint16_t kCongested = kMaxBackground / 4 * 3;

Server::Server(std::unique_ptr<FileSystem> root) : root_(std::move(root)) {}
Server::~Server() = default;

uint32_t Server::serve(std::span<iovec const> request, std::span<iovec const> reply, Waiting waiting,
                       Reads reads) {
    Scattered const in_bytes(request);
    Scattered const out_bytes(reply);
    if (!Request::has_header(in_bytes)) return 0;
    Request in(in_bytes);
    Reply out(out_bytes);
    Call call{*root_, in, out, agreed_.load(), &interrupts_, reads == Reads::kFromMemory};
    call.may_wait = waiting == Waiting::kMay;

    auto const* op = find_op(in.header().opcode);
    if (op != nullptr && op->reply_bytes == kNoReply) {
        ignore(dispatch(call), "FORGET has no reply (fuse_kernel.h FUSE_FORGET)");
        return 0;
    }
    // Whoever offers no room for an answer does not get anything done either.
    if (!out.has_header()) return 0;
    auto const result = dispatch(call);
    if (call.is_slow) return kSlow;
    if (call.must_wait) return kLater;
    trace_.add(static_cast<uint32_t>(in.header().opcode), in.header().nodeid,
               result.ok() ? 0 : result.error().value);
    return out.finish(in.header().unique, result);
}

bool Server::may_wait(std::span<iovec const> request) {
    auto opcode = Opcode{};
    Scattered(request).copy_from(offsetof(abi::InHeader, opcode),
                                 std::as_writable_bytes(std::span(&opcode, 1)));
    switch (opcode) {
        case Opcode::kFsync:
        case Opcode::kFsyncdir:
        case Opcode::kSyncfs:
        case Opcode::kFallocate:
        case Opcode::kCopyFileRange:
            return true;
        default:
            return false;
    }
}

char const* name_of_request(uint32_t opcode) {
    auto const* const op = find_op(Opcode{opcode});
    return op == nullptr ? nullptr : op->name;
}

void Server::reset() {
    ready_ = false;
    interrupts_.clear();
    root_->destroy();
}

// Locks, and INTERRUPT, which is for one that waits, are the guest's own affair unless INIT agreed otherwise.
static bool is_offered(Op const& op, uint64_t agreed) {
    bool const locks = op.opcode == Opcode::kGetlk || op.opcode == Opcode::kSetlk ||
                       op.opcode == Opcode::kSetlkw || op.opcode == Opcode::kInterrupt;
    return !locks || (agreed & abi::kPosixLocks) != 0;
}

FsResult<void> Server::dispatch(Call& call) {
    TRY(call.in.check());
    auto const opcode = call.in.header().opcode;
    auto const* op = find_op(opcode);
    if (op == nullptr) return fail(Errno{ENOSYS});
    // Asked before anything happens: an op that cannot be answered would leave a reference or a handle that
    // the guest never heard of.
    if (guard_stands("reply-room") && op->reply_bytes > 0 &&
        call.out.left() < static_cast<size_t>(op->reply_bytes))
        return fail(Errno{EIO});
    if (opcode == Opcode::kInit) return init(call);
    if (guard_stands("session") && !ready_)
        return fail(Errno{EIO});  // nothing may come before INIT or after DESTROY
    if (opcode == Opcode::kDestroy) {
        reset();
        return {};
    }
    if (op->run == nullptr || !is_offered(*op, call.agreed)) return fail(Errno{ENOSYS});
    if (call.in.header().total_extlen != 0 && (call.agreed & abi::kCreateSuppGroup) == 0)
        return fail(Errno{EINVAL});
    TRY(gate(call, *op));
    auto result = op->run(call);
    // ENOSYS would turn the op off for the whole connection; here it is one of many file systems that lacks
    // it.
    if (!result.ok() && result.error().value == ENOSYS) return fail(Errno{EOPNOTSUPP});
    return result;
}

static bool opens_for_writing(uint32_t flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

// Read-only means read-only here, before any file system hears of the request: the guest's mount flags are
// the guest's own affair.
FsResult<void> Server::gate(Call const& call, Op const& op) const {
    auto const writable = [&](NodeId node) -> FsResult<void> {
        if (guard_stands("read-only") && call.fs.read_only(node)) return fail(Errno{EROFS});
        return {};
    };
    switch (op.writes) {
        case Writes::kNo:
            return {};
        case Writes::kYes:
            return writable(call.node());
        case Writes::kByFlags:
            if (!opens_for_writing(TRY(call.in.peek<uint32_t>()))) return {};
            return writable(call.node());
        case Writes::kBothDirs:
            TRY(writable(call.node()));
            return writable(call.node(TRY(call.in.peek<uint64_t>())));
        case Writes::kTarget:
            return writable(
                call.node(TRY(call.in.peek<uint64_t>(offsetof(abi::CopyFileRangeIn, nodeid_out)))));
        case Writes::kIoctl:
            if ((_IOC_DIR(TRY(call.in.peek<uint32_t>(offsetof(abi::IoctlIn, cmd)))) & _IOC_WRITE) == 0)
                return {};
            return writable(call.node());
    }
    return fail(Errno{ENOSYS});
}

FsResult<void> Server::init(Call& call) {
    abi::InitIn in{};
    auto const head = TRY(call.in.take_bytes(abi::kShortInitInBytes));
    std::memcpy(&in, head.data(), head.size());
    if (auto const flags2 = call.in.take<uint32_t>(); flags2.ok() && (in.flags & abi::kInitExt) != 0)
        in.flags2 = flags2.value();

    abi::InitOut out{};
    out.major = abi::kMajor;
    out.minor = abi::kMinor;
    // A newer major is told ours, and asks again (fuse_kernel.h, version negotiation).
    if (in.major > abi::kMajor) return call.out.put(out);
    if (in.major < abi::kMajor || in.minor < abi::kOldestMinor) return fail(Errno{EPROTO});
    // Once only: a second INIT would change the rules under requests that are under way.
    if (ready_.exchange(true) && guard_stands("one-init")) return fail(Errno{EIO});

    uint64_t const wanted =
        kWanted | (root_->host_locks() ? kWantedLocks : 0) | (root_->posix_acls() ? kWantedAcls : 0);
    uint64_t const agreed = (in.flags | uint64_t{in.flags2} << 32) & wanted;
    agreed_ = agreed;
    out.max_readahead = in.max_readahead;
    out.flags = static_cast<uint32_t>(agreed);
    out.flags2 = static_cast<uint32_t>(agreed >> 32);
    out.max_background = kMaxBackground;
    out.congestion_threshold = kCongested;
    out.max_write = kMaxDataBytes;
    out.max_pages = kMaxPages;
    out.time_gran = 1;  // nanosecond
    return call.out.put(out);
}

}  // namespace krun::fs
