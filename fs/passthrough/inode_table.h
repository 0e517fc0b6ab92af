// SPDX-License-Identifier: Apache-2.0
// Node id ↔ row ↔ file identity: what an InodeStore knows, without its rules. Not for several threads at
// once.
#pragma once
#include <vector>

#include "fs/passthrough/host_file.h"
#include "fs/passthrough/inode_rows.h"
#include "fs/passthrough/slot_index.h"

namespace krun::fs {

class InodeTable {
public:
    // Makes the root's row, in slot InodeRows::kRoot.
    InodeTable(NodeIdRange& ids, FileIdentity const& root, mode_t type);

    size_t size() const { return rows_.size(); }
    InodeRow& operator[](uint32_t slot) { return rows_[slot]; }
    InodeRow const& operator[](uint32_t slot) const { return rows_[slot]; }
    bool is_used(uint32_t slot) const { return rows_.is_used(slot); }
    NodeId id_of(uint32_t slot) const;
    FileIdentity identity_of(uint32_t slot) const;
    mode_t type_of(uint32_t slot) const { return static_cast<mode_t>(rows_[slot].type) << kTypeShift; }

    // 0 if there is none.
    uint32_t slot_of(NodeId node) const;
    uint32_t find(FileIdentity const& identity) const;
    // A new row, which its identity finds from now on; 0 when there is no room.
    uint32_t add(FileIdentity const& identity, mode_t type);
    // Its identity finds the row no more.
    void unindex(uint32_t slot);
    void remove(uint32_t slot);
    template <class F>
    void for_each(F f) const {
        rows_.for_each(f);
    }

private:
    static constexpr unsigned kTypeShift = 12;
    struct FileSystemId {
        uint64_t mount;
        uint64_t device;
    };
    size_t hash_of(uint32_t slot) const { return std::hash<FileIdentity>{}(identity_of(slot)); }

    NodeIdRange& ids_;
    InodeRows rows_;
    SlotIndex by_identity_;
    std::vector<FileSystemId> file_systems_;  // as many as the host has mounted in the tree
};

}  // namespace krun::fs
