// SPDX-License-Identifier: Apache-2.0
// Open directories that have names of the overlay's own: the extra names come first, then the inner file
// system's, without those that the overlay hides.
//
// Offsets must be unique within the directory, and the inner ones may use all 63 bits (ext4's are hashes).
// So the guest gets positions in the merged listing, and each open directory remembers the inner offset
// behind every position it has handed out: 8 bytes an entry, bounded over all directories.
// All methods may be called from any thread.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "fs/file_system.h"
#include "fs/handle_table.h"

namespace krun::fs {

class MergedDirs {
public:
    MergedDirs() : open_(kMaxOpen) {}

    struct Extra {
        std::string name;
        uint64_t ino;
        uint32_t type;  // DT_*
        Entry found;    // what READDIRPLUS says of it
    };
    // What to lay over a directory. `extras` must be the same, in the same order, at every call for it.
    struct Layer {
        std::vector<Extra> extras;
        std::function<bool(std::string_view)> hidden;  // inner names not to list
    };

    // Takes over `inner`, the directory as the inner file system opened it.
    FsResult<Opened> open(NodeId dir, Opened inner);
    FsResult<Handle> inner_handle(NodeId dir, Handle handle) const;
    FsResult<void> close(NodeId dir, Handle handle) { return open_.remove(dir, handle); }
    void clear() { open_.clear(); }
    FsResult<void> list(FileSystem& inner, NodeId dir, Handle handle, uint64_t offset, Layer const& layer,
                        DirSink& out);

private:
    class Positions {
    public:
        Positions(Handle inner, std::atomic<size_t>& total) : inner_(inner), total_(total) {}
        ~Positions();
        Handle inner() const { return inner_; }
        // The inner offset that listing continues from at `position`; EINVAL if it was never handed out.
        FsResult<uint64_t> offset_at(size_t position) const EXCLUDES(mutex_);
        // Says that the entry at `position` is followed by inner offset `next`. False: no room.
        bool remember(size_t position, uint64_t next) EXCLUDES(mutex_);

    private:
        Handle const inner_;
        std::atomic<size_t>& total_;
        mutable Mutex mutex_;
        std::vector<uint64_t> next_ GUARDED_BY(mutex_);
    };
    class Sink;

    static constexpr size_t kMaxOpen = 4096;
    // 32 MiB of offsets over all open merged directories; then ENOMEM.
    static constexpr size_t kMaxPositions = size_t{1} << 22;

    std::atomic<size_t> total_{0};
    HandleTable<Positions> open_;  // after total_, which its rows count down
};

}  // namespace krun::fs
