// SPDX-License-Identifier: Apache-2.0
// Layers of an image, as any bytes or as headers that a script chooses, with sums that are right. Whatever
// they are: one readable line or a tree, nothing outside the root is touched, no node of a device is made,
// and the tree can be removed.
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>

#include "base/check.h"
#include "base/strings.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/beneath.h"
#include "config-gen/image/layer.h"
#include "tests/config-gen/image/tar_builder.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace krun;
using namespace krun::image;

// Names that mean something to each other; "@" stands for the way out of the root.
constexpr char const* kNames[] = {
    "a",      "b",     "a/b",     "a/b/c",        "./a/",           ".",   "..", "@",
    "a/../@", ".wh.a", "a/.wh.b", ".wh..wh..opq", "a/.wh..wh..opq", ".wh."};
constexpr char kTypes[] = {'0', '1', '2', '3', '5', '6', 'L', 'K', 'x', 'g', 'S', '7'};

class World {
public:
    World() {
        dir_.make_dir("rootfs");
        dir_.make_dir("outside");
        dir_.write("outside/file", "canary");
        outside_ = look();
        writer_.emplace(open_path(dir_ / "rootfs", O_RDONLY | O_DIRECTORY).value(), own_privilege(),
                        warnings_);
    }

    void apply(std::string const& bytes) {
        image::test::TextSource source(bytes, 700);
        auto const plain = DecompressedSource::open(source);
        if (!plain.ok()) return check(plain.error());
        auto const done = apply_layer(*plain.value(), *writer_, budget_);
        if (!done.ok()) check(done.error());
    }
    void finish() {
        if (auto const done = writer_->finish(); !done.ok()) check(done.error());
        for (auto const& entry : std::filesystem::recursive_directory_iterator(dir_ / "rootfs")) {
            auto const type = entry.symlink_status().type();
            KRUN_CHECK(
                type != std::filesystem::file_type::block && type != std::filesystem::file_type::character,
                "no node of a device is made");
        }
        KRUN_CHECK(remove_tree(dir_.fd(), "rootfs").ok(), "the tree can be removed");
        KRUN_CHECK(look() == outside_, "nothing outside the root is touched");
        for (auto const& line : warnings_.lines()) KRUN_CHECK(printable(line) == line, "a warning is a line");
    }
    // A name of the table, or any bytes.
    std::string name(FuzzScript& script) const {
        auto const choice = script.take<uint8_t>() % (std::size(kNames) + 1);
        std::string out = choice < std::size(kNames) ? kNames[choice] : script.take_text(120);
        if (auto const at = out.find('@'); at != out.npos)
            out.replace(at, 1, script.take<uint8_t>() % 2 == 0 ? "../outside/file" : dir_ / "outside");
        return out;
    }

private:
    static void check(Error const& error) {
        auto const message = error.message();
        KRUN_CHECK(!message.empty() && message.size() < 6000, "an error is a readable line");
        KRUN_CHECK(printable(message) == message, "an error holds no control byte of the archive");
    }
    std::string look() const {
        std::string out;
        for (char const* const name : {"outside", "outside/file"}) {
            struct stat info {};
            KRUN_CHECK(::lstat((dir_ / name).c_str(), &info) == 0, "what is outside stays");
            for (auto const part : {uint64_t{info.st_ino}, uint64_t{info.st_mode}, uint64_t{info.st_nlink},
                                    uint64_t{info.st_uid}, static_cast<uint64_t>(info.st_mtim.tv_sec),
                                    static_cast<uint64_t>(info.st_mtim.tv_nsec)})
                out += std::to_string(part) + " ";
        }
        return out + read_file(dir_ / "outside/file", 100).value();
    }

    krun::test::TempDir dir_{"/dev/shm"};  // in memory: a disk would be the slowest part
    Warnings warnings_;
    Budget budget_{uint64_t{16} << 20};
    std::optional<TreeWriter> writer_;
    std::string outside_;
};

// One header, with what it says follows or another amount.
std::string step(FuzzScript& script, World const& world) {
    image::test::RawHeader header;
    auto const type = script.take<uint8_t>();
    header.type = type < 200 ? kTypes[type % std::size(kTypes)] : static_cast<char>(type);
    header.path = world.name(script).substr(0, 99);
    header.target = world.name(script).substr(0, 99);
    auto const content = script.take_text(255);
    auto const size = script.take<uint8_t>();
    header.size = size < 200 ? image::test::octal(content.size()) : image::test::octal(size);
    if (type % 3 == 0 && header.type == 'x')
        return image::test::pax_header(image::test::pax_record("path", header.path) +
                                       image::test::pax_record("linkpath", header.target) + content);
    return image::test::raw_header(header) + image::test::padded(content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    World world;
    FuzzScript script(data, size);
    if (script.take<uint8_t>() == 'R') {
        world.apply(
            std::string(reinterpret_cast<char const*>(data) + 1, size - 1));  // char may alias anything
        world.finish();
        return 0;
    }
    std::string layer;
    while (!script.done()) {
        layer += step(script, world);
        if (script.take<uint8_t>() % 4 != 0) continue;
        world.apply(std::exchange(layer, "") + image::test::end_of_archive());
    }
    world.apply(layer + image::test::end_of_archive());
    world.finish();
    return 0;
}
