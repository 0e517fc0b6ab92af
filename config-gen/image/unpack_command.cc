// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/unpack_command.h"

#include <string>

#include "base/checked.h"
#include "base/strings.h"

namespace krun::image {

std::string_view const kUnpackHelp =
    "usage: krun-config-gen unpack [flags] IMAGE --bundle DIR [-- ARGUMENT...]\n"
    "\n"
    "Makes the bundle DIR of an image: its layers as DIR/rootfs, its configuration as DIR/config.json.\n"
    "IMAGE is an OCI layout (a directory, or a tar of it), a docker archive (of `docker save` or `podman "
    "save`),\n"
    "or a tar of a root file system. Archives may be compressed with gzip, xz or zstd.\n"
    "ARGUMENTs take the place of the image's Cmd.\n"
    "\n"
    "  -b, --bundle DIR     the bundle to make; it must not exist, or be an empty directory\n"
    "      --ref NAME       which image, if there are several: an annotation ref.name, or a repository with "
    "its tag\n"
    "      --max-size SIZE  the most that all layers may hold, in bytes or with K, M, G or T (default: 64G)\n"
    "  -t, --tty            the program gets a terminal\n"
    "      --help           print this text\n";

namespace {

Error bad(std::string_view what, std::string_view word, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::string(what) + " " + quoted(word), 0, where);
}

std::optional<uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view kUnits = "KMGT";
    auto const unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
    if (unit == kUnits.npos) return parse_uint64(text);
    auto const number = parse_uint64(text.substr(0, text.size() - 1));
    return number ? checked_mul(*number, uint64_t{1} << (10 * (unit + 1))) : std::nullopt;
}

Result<void> set_max_size(UnpackOptions& out, std::string_view value) {
    auto const size = parse_size(value);
    if (!size) return fail(bad("--max-size: not a size:", value));
    out.max_bytes = *size;
    return {};
}
Result<void> set_bundle(UnpackOptions& out, std::string_view value) {
    out.bundle = value;
    return {};
}
Result<void> set_ref(UnpackOptions& out, std::string_view value) {
    out.name = value;
    return {};
}
Result<void> set_tty(UnpackOptions& out, std::string_view /*value*/) {
    out.wishes.terminal = true;
    return {};
}

struct FlagRow {
    std::string_view name;
    std::string_view letter;
    bool has_value;
    Result<void> (*set)(UnpackOptions&, std::string_view);
};
constexpr FlagRow kFlags[] = {{"--bundle", "-b", true, set_bundle},
                              {"--ref", "", true, set_ref},
                              {"--max-size", "", true, set_max_size},
                              {"--tty", "-t", false, set_tty}};

using Words = std::span<char const* const>;

// Takes the flag that `words` begins with, and its value: the next word, or what follows an equals sign.
Result<void> take_flag(UnpackOptions& out, Words& words) {
    std::string_view const word = words.front();
    words = words.subspan(1);
    auto const equals = word.starts_with("--") ? word.find('=') : word.npos;
    auto const name = word.substr(0, equals);
    for (auto const& flag : kFlags) {
        if (name != flag.name && (flag.letter.empty() || name != flag.letter)) continue;
        if (!flag.has_value && equals != word.npos) return fail(bad("flag takes no value:", name));
        if (!flag.has_value) return flag.set(out, "");
        if (equals != word.npos) return flag.set(out, word.substr(equals + 1));
        if (words.empty()) return fail(bad("flag needs an argument:", name));
        std::string_view const value = words.front();
        words = words.subspan(1);
        return flag.set(out, value);
    }
    return fail(bad("unknown option", name));
}

Result<void> check(UnpackOptions const& options) {
    if (options.image.empty())
        return fail(Error(Errc::kInvalidConfig, "unpack: an image is required, see --help"));
    if (options.bundle.empty())
        return fail(Error(Errc::kInvalidConfig, "unpack: --bundle DIR is required, see --help"));
    return {};
}

}  // namespace

Result<std::optional<UnpackOptions>> parse_unpack(Words words) {
    UnpackOptions out;
    while (!words.empty()) {
        std::string_view const word = words.front();
        if (word == "--help" || word == "-h") return std::optional<UnpackOptions>();
        if (word.starts_with('-') && word != "--") {
            TRY(take_flag(out, words));
            continue;
        }
        words = words.subspan(1);
        if (word == "--") {
            out.wishes.arguments.assign(words.begin(), words.end());
            break;
        }
        if (!out.image.empty()) return fail(bad("unexpected argument", word));
        out.image = word;
    }
    TRY(check(out));
    return std::optional(std::move(out));
}

}  // namespace krun::image
