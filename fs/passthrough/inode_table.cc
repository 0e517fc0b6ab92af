// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/inode_table.h"

#include <algorithm>

namespace krun::fs {

InodeTable::InodeTable(NodeIdRange& ids, FileIdentity const& root, mode_t type) : ids_(ids) {
    add(root, type);
}

NodeId InodeTable::id_of(uint32_t slot) const {
    auto const low = uint64_t{rows_[slot].generation} << InodeRows::kSlotBits | slot;
    return NodeId{uint64_t{ids_.prefix()} << kPrefixShift | low};
}

FileIdentity InodeTable::identity_of(uint32_t slot) const {
    auto const& row = rows_[slot];
    auto const& where = file_systems_[row.file_system];
    return {where.mount, where.device, row.ino};
}

uint32_t InodeTable::slot_of(NodeId node) const {
    auto const slot = static_cast<uint32_t>(static_cast<uint64_t>(node) & (InodeRows::kMaxSlots - 1));
    return rows_.is_used(slot) && id_of(slot) == node ? slot : 0;
}

uint32_t InodeTable::find(FileIdentity const& identity) const {
    return by_identity_.find(std::hash<FileIdentity>{}(identity),
                             [&](uint32_t slot) { return identity_of(slot) == identity; });
}

uint32_t InodeTable::add(FileIdentity const& identity, mode_t type) {
    auto const known = std::find_if(file_systems_.begin(), file_systems_.end(), [&](FileSystemId const& one) {
        return one.mount == identity.mount && one.device == identity.device;
    });
    auto const place = static_cast<size_t>(known - file_systems_.begin());
    uint32_t const slot = place > UINT16_MAX ? 0 : rows_.allocate();
    if (slot == 0) return 0;
    if (known == file_systems_.end()) file_systems_.push_back({identity.mount, identity.device});
    auto& row = rows_[slot];
    row.ino = identity.ino;
    row.file_system = static_cast<uint16_t>(place);
    row.type = static_cast<uint32_t>(type >> kTypeShift) & 0xf;
    by_identity_.insert(hash_of(slot), slot, [this](uint32_t other) { return hash_of(other); });
    return slot;
}

void InodeTable::unindex(uint32_t slot) {
    by_identity_.erase(hash_of(slot), slot, [this](uint32_t other) { return hash_of(other); });
}

void InodeTable::remove(uint32_t slot) {
    unindex(slot);
    rows_.release(slot);
}

}  // namespace krun::fs
