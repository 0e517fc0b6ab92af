// SPDX-License-Identifier: Apache-2.0
// Merged listings and the position tables behind them.
#include "fs/overlay/merged_dirs.h"

namespace krun::fs {

MergedDirs::Positions::~Positions() {
    Lock const lock(mutex_);
    total_ -= next_.size();
}

FsResult<uint64_t> MergedDirs::Positions::offset_at(size_t position) const {
    if (position == 0) return uint64_t{0};
    Lock const lock(mutex_);
    if (position > next_.size()) return fail(Errno{EINVAL});
    return next_[position - 1];
}

bool MergedDirs::Positions::remember(size_t position, uint64_t next) {
    Lock const lock(mutex_);
    if (position < next_.size()) {
        next_[position] = next;  // listed again, perhaps after the directory changed
        return true;
    }
    if (total_.fetch_add(1) >= kMaxPositions) {
        --total_;
        return false;
    }
    next_.push_back(next);
    return true;
}

// Passes the inner listing on, numbered by position and without the hidden names.
class MergedDirs::Sink final : public DirSink {
public:
    Sink(FileSystem& inner, Positions& positions, size_t first, Layer const& layer, DirSink& out)
        : inner_(inner), positions_(positions), position_(first), layer_(layer), out_(out) {}

    bool wants_entries() const override { return out_.wants_entries(); }
    size_t wanted_bytes() const override { return out_.wanted_bytes(); }
    bool fits(size_t name_bytes) const override { return out_.fits(name_bytes); }
    bool out_of_memory() const { return out_of_memory_; }

    bool add(DirEntry const& dir_entry, Entry const& entry) override {
        if (!positions_.remember(position_, dir_entry.next_offset)) {
            out_of_memory_ = true;
            return false;
        }
        if (layer_.hidden(dir_entry.name)) {
            // The guest never hears of this node, so it would never give the reference back.
            if (entry.node != kNoNode) inner_.forget(entry.node, 1);
        } else {
            auto numbered = dir_entry;
            numbered.next_offset = layer_.extras.size() + position_ + 1;
            if (!out_.add(numbered, entry)) return false;
        }
        ++position_;
        return true;
    }

private:
    FileSystem& inner_;
    Positions& positions_;
    size_t position_;
    Layer const& layer_;
    DirSink& out_;
    bool out_of_memory_ = false;
};

FsResult<Opened> MergedDirs::open(NodeId dir, Opened inner) {
    auto const handle = TRY(open_.add(dir, std::make_shared<Positions>(inner.handle, total_)));
    return Opened{handle, inner.open_flags};
}

FsResult<Handle> MergedDirs::inner_handle(NodeId dir, Handle handle) const {
    return TRY(open_.get(dir, handle))
    ->inner();
}

FsResult<void> MergedDirs::list(FileSystem& inner, NodeId dir, Handle handle, uint64_t offset,
                                Layer const& layer, DirSink& out) {
    auto const positions = TRY(open_.get(dir, handle));
    for (; offset < layer.extras.size(); ++offset) {
        auto const& extra = layer.extras[offset];
        if (!out.add({extra.ino, offset + 1, extra.type, extra.name}, extra.found)) return {};
    }
    size_t const position = offset - layer.extras.size();
    auto const inner_offset = TRY(positions->offset_at(position));
    Sink sink(inner, *positions, position, layer, out);
    TRY(inner.readdir(dir, positions->inner(), inner_offset, sink));
    if (sink.out_of_memory()) return fail(Errno{ENOMEM});
    return {};
}

}  // namespace krun::fs
