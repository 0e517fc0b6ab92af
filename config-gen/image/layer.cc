// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/layer.h"

#include <string>
#include <unordered_set>

#include "base/strings.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/entry_path.h"

namespace krun::image {
namespace {

class Changeset {
public:
    Changeset(TreeWriter& tree, Budget& budget) : tree_(tree), budget_(budget) {}

    Result<void> apply(Entry const& entry, ArchiveReader& content) {
        TRY(budget_.spend_content(entry.size_bytes));
        auto const path = TRY(parse_entry_path(entry.path));
        TRY(budget_.spend_entry(path.full()));
        if (path.kind == PathKind::kOpaque) return hide_content(path.parent);
        if (path.kind == PathKind::kWhiteout) return hide(path);
        TRY(remember(path));
        return tree_.write(path, entry, content);
    }

private:
    // The layer has this file, and so the directories above it, which may have to be made.
    Result<void> remember(EntryPath const& path) {
        own_.insert(path.full());
        for (std::string above = path.parent; !above.empty() && own_.insert(above).second;) {
            TRY(budget_.spend_entry(above));
            above.erase(above.find('/') == above.npos ? 0 : above.rfind('/'));
        }
        return {};
    }
    // A whiteout is for the layers below, wherever in its own layer it stands: what this layer has stays, and
    // of a directory only that (image-spec layer.md#whiteouts).
    Result<void> hide(EntryPath const& path) {
        if (!own_.contains(path.full())) return tree_.remove(path);
        return TRY(tree_.is_directory(path))
        ? hide_content(path.full()) : Result<void>();
    }
    Result<void> hide_content(std::string const& directory) {
        for (auto const& name : TRY(tree_.list(directory))) TRY(hide({PathKind::kPlain, directory, name}));
        return {};
    }

    TreeWriter& tree_;
    Budget& budget_;
    std::unordered_set<std::string> own_;
};

}  // namespace

Result<void> apply_layer(ByteSource& tar, TreeWriter& tree, Budget& budget) {
    Changeset changes(tree, budget);
    auto reader = TRY(ArchiveReader::open_tar(tar));
    while (auto const entry = TRY(reader.next_entry()))
        TRY_WITH(changes.apply(*entry, reader), quoted(entry->path));
    return drain(tar);
}

}  // namespace krun::image
