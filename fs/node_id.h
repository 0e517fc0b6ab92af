// SPDX-License-Identifier: Apache-2.0
// Node ids: 64 bits that name a file to the guest. The top 16 name the file system, the low 48 the node in
// it, so a request finds its file system with one shift. Each file system claims its own prefix; ids are
// never handed out twice (2^48 lookups outlast any guest), so the FUSE generation is always 0.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/check.h"

namespace krun::fs {

enum class NodeId : uint64_t {};

// "No such name, and you may remember that" in a LOOKUP reply (fuse_kernel.h fuse_entry_out.nodeid).
inline constexpr NodeId kNoNode{0};
inline constexpr unsigned kPrefixShift = 48;

constexpr uint16_t prefix_of(NodeId node) {
    return static_cast<uint16_t>(static_cast<uint64_t>(node) >> kPrefixShift);
}

// The ids of one file system. next() may be called from any thread.
class NodeIdRange {
public:
    explicit NodeIdRange(uint16_t prefix) : prefix_(prefix) {}
    uint16_t prefix() const { return prefix_; }
    bool owns(NodeId node) const { return prefix_of(node) == prefix_; }
    // The id of the file system's own root: never handed out by next().
    NodeId root() const { return compose(1); }
    NodeId next() { return compose(next_.fetch_add(1, std::memory_order_relaxed)); }

private:
    NodeId compose(uint64_t low) const { return NodeId{uint64_t{prefix_} << kPrefixShift | low}; }

    uint16_t const prefix_;
    std::atomic<uint64_t> next_{2};  // 1 is the root
};

// Hands each file system of one server its prefix. One object a server, shared by all its layers.
class NodeIds {
public:
    // REQUIRES: fewer than 65,535 file systems; the caller bounds the number of mounts long before.
    uint16_t claim() {
        uint32_t const prefix = next_prefix_.fetch_add(1, std::memory_order_relaxed);
        KRUN_CHECK(prefix <= UINT16_MAX, "more file systems than node id prefixes");
        return static_cast<uint16_t>(prefix);
    }

private:
    std::atomic<uint32_t> next_prefix_{1};  // prefix 0 stays free: FUSE's own root is id 1 there
};

}  // namespace krun::fs

template <>
struct std::hash<krun::fs::NodeId> {
    size_t operator()(krun::fs::NodeId node) const noexcept {
        // Low bits count up by one, which is the best hash a table can get; the prefix must not be lost.
        auto const raw = static_cast<uint64_t>(node);
        return static_cast<size_t>(raw ^ (raw >> 37));
    }
};
