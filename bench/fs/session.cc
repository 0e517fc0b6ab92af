// SPDX-License-Identifier: Apache-2.0
#include "bench/fs/session.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace krun::bench {
namespace {

// What Linux 6.12 offers, as far as this server or virtiofsd 7.2 knows it.
constexpr uint64_t kOffered = abi::kAsyncRead | abi::kAtomicOTrunc | abi::kBigWrites | abi::kAutoInvalData |
                              abi::kDoReaddirplus | abi::kReaddirplusAuto | abi::kAsyncDio |
                              abi::kParallelDirops | abi::kMaxPages | abi::kSubmounts |
                              abi::kHandleKillprivV2 | abi::kInitExt;
Shape const kCallShape{{sizeof(abi::InHeader), 512}, {sizeof(abi::OutHeader), 256}};

[[noreturn]] void wrong_errno(abi::Opcode opcode, int error, int wanted) {
    std::fprintf(stderr, "fs_bench: opcode %u was answered with %d, not %d\n", static_cast<unsigned>(opcode),
                 error, wanted);
    std::exit(125);
}

}  // namespace

Session::Session(Peer& peer) : peer_(peer) {
    queue().shape(kCallSlot, kCallShape);
    queue().shape(kForgetSlot, {{sizeof(abi::InHeader), sizeof(abi::ForgetIn)}, {}});
    queue().shape(kListSlot, {{sizeof(abi::InHeader), sizeof(abi::ReadIn)}, {sizeof(abi::OutHeader), 4096}});
    abi::InitIn in{};
    in.major = abi::kMajor;
    in.minor = abi::kMinor;
    in.max_readahead = 1 << 20;
    in.flags = static_cast<uint32_t>(kOffered);
    in.flags2 = static_cast<uint32_t>(kOffered >> 32);
    most_data_bytes_ = call<abi::InitOut>(abi::Opcode::kInit, 0, arguments(in)).max_write;
}

void Session::fill(uint16_t slot, abi::Opcode opcode, uint64_t node, std::string_view args,
                   uint32_t data_bytes) {
    abi::InHeader header{};
    header.len = static_cast<uint32_t>(sizeof header + args.size() + data_bytes);
    header.opcode = opcode;
    header.unique = slot + 1u;
    header.nodeid = node;
    header.uid = header.gid = user;
    std::memcpy(queue().part(slot, 0), &header, sizeof header);
    std::memcpy(queue().part(slot, 1), args.data(), args.size());
    queue().resize_part(slot, 1, static_cast<uint32_t>(args.size()));
}

int Session::error(uint16_t slot, size_t readable_parts) {
    abi::OutHeader header;
    std::memcpy(&header, queue().part(slot, readable_parts), sizeof header);
    return -header.error;
}

void Session::perform(abi::Opcode opcode, uint64_t node, std::string_view args, int wanted) {
    if (pause_ns > 0) {
        uint64_t const begin = now_ns();
        while (now_ns() - begin < pause_ns) __builtin_ia32_pause();
        paused_ns_ += now_ns() - begin;
    }
    fill(kCallSlot, opcode, node, args);
    queue().offer(kCallSlot);
    queue().wait();
    if (int const got = error(kCallSlot); got != wanted) wrong_errno(opcode, got, wanted);
}

void Session::forget(uint64_t node, uint64_t count) {
    fill(kForgetSlot, abi::Opcode::kForget, node, arguments(abi::ForgetIn{count}));
    queue().offer(kForgetSlot);
    queue().wait();
}

uint64_t Session::lookup(uint64_t parent, std::string_view name) {
    return call<abi::EntryOut>(abi::Opcode::kLookup, parent, arguments(name)).nodeid;
}

void Session::miss(uint64_t parent, std::string_view name) {
    fill(kCallSlot, abi::Opcode::kLookup, parent, arguments(name));
    queue().offer(kCallSlot);
    queue().wait();
    int const got = error(kCallSlot);
    uint64_t node = 0;
    std::memcpy(&node, queue().part(kCallSlot, 3), sizeof node);
    if (got != ENOENT && (got != 0 || node != 0)) wrong_errno(abi::Opcode::kLookup, got, ENOENT);
}

uint64_t Session::walk(std::string_view path) {
    uint64_t node = abi::kRootId;
    while (!path.empty()) {
        auto const slash = std::min(path.find('/'), path.size());
        node = lookup(node, path.substr(0, slash));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return node;
}

uint64_t Session::open(uint64_t node, uint32_t flags) {
    return call<abi::OpenOut>(abi::Opcode::kOpen, node, arguments(abi::OpenIn{flags, 0})).fh;
}

uint64_t Session::list(uint64_t node, abi::Opcode opcode) {
    bool const plus = opcode == abi::Opcode::kReaddirplus;
    auto const fh = call<abi::OpenOut>(abi::Opcode::kOpendir, node, arguments(abi::OpenIn{})).fh;
    uint64_t offset = 0, entries = 0;
    while (true) {
        abi::ReadIn in{};
        in.fh = fh;
        in.offset = offset;
        in.size = 4096;
        fill(kListSlot, opcode, node, arguments(in));
        queue().offer(kListSlot);
        queue().wait();
        abi::OutHeader head;
        std::memcpy(&head, queue().part(kListSlot, 2), sizeof head);
        if (head.error != 0) wrong_errno(opcode, -head.error, 0);
        size_t const end = head.len - sizeof head;
        if (end == 0) break;
        for (size_t at = 0; at < end; ++entries) {
            abi::Dirent dirent;
            abi::EntryOut entry{};
            if (plus) std::memcpy(&entry, queue().part(kListSlot, 3) + at, sizeof entry);
            if (plus) at += sizeof entry;
            std::memcpy(&dirent, queue().part(kListSlot, 3) + at, sizeof dirent);
            at += (sizeof dirent + dirent.namelen + 7) & ~size_t{7};
            offset = dirent.off;
        }
    }
    perform(abi::Opcode::kReleasedir, node, arguments(abi::ReleaseIn{fh, 0, 0, 0}));
    return entries;
}

void Session::pipeline(uint16_t depth, uint64_t count, size_t readable_parts,
                       std::function<void(uint16_t, uint64_t)> const& prepare) {
    uint64_t begun = 0;
    for (uint16_t slot = 0; slot < depth && begun < count; ++slot, ++begun) {
        prepare(slot, begun);
        queue().offer(slot);
    }
    for (uint64_t done = 0; done < count; ++done) {
        auto const slot = queue().wait();
        if (int const got = error(slot, readable_parts); got != 0) wrong_errno(abi::Opcode::kRead, got, 0);
        if (begun == count) continue;
        prepare(slot, begun++);
        queue().offer(slot);
    }
}

}  // namespace krun::bench
