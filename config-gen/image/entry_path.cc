// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/entry_path.h"

#include <vector>

#include "base/strings.h"

namespace krun::image {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";

Error bad(std::string_view path, std::string const& what, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, quoted(path) + ": " + what, 0, where);
}

Result<std::vector<std::string>> components_of(std::string_view text) {
    if (text.size() > kMaxPathBytes)
        return fail(bad(text, "path of more than " + std::to_string(kMaxPathBytes) + " bytes"));
    std::vector<std::string> out;
    for (auto const part : split(text, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return fail(bad(text, "path with \"..\""));
        if (part.size() > kMaxNameBytes)
            return fail(bad(text, "name of more than " + std::to_string(kMaxNameBytes) + " bytes"));
        out.emplace_back(part);
    }
    if (out.size() > kMaxPathComponents)
        return fail(bad(text, "more than " + std::to_string(kMaxPathComponents) + " levels deep"));
    return out;
}

Result<EntryPath> whiteout(std::string_view text, EntryPath path) {
    path.kind = PathKind::kWhiteout;
    path.name.erase(0, kWhiteoutPrefix.size());
    if (path.name.empty() || path.name == "." || path.name == "..")
        return fail(bad(text, "whiteout of no name"));
    return path;
}

}  // namespace

Result<EntryPath> parse_link_path(std::string_view text) {
    auto components = TRY(components_of(text));
    EntryPath path;
    if (components.empty()) return path;
    path.name = std::move(components.back());
    components.pop_back();
    for (auto const& part : components)
        if (part.starts_with(kWhiteoutPrefix)) return fail(bad(text, "something below a whiteout"));
    path.parent = join(components, "/");
    return path;
}

Result<EntryPath> parse_entry_path(std::string_view text) {
    auto path = TRY(parse_link_path(text));
    if (path.name == kOpaqueName) {
        path.kind = PathKind::kOpaque;
        path.name.clear();
        return path;
    }
    if (!path.name.starts_with(kWhiteoutPrefix)) return path;
    return whiteout(text, std::move(path));
}

}  // namespace krun::image
