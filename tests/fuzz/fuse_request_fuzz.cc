// SPDX-License-Identifier: Apache-2.0
// A stream of raw FUSE requests against everything at once: a host tree, read-only and writable grafts,
// virtual and one-shot files. Whatever comes, nothing outside the tree is touched, no reply is longer than
// its space, and what the server holds stays bounded.
//
// Input: repeated { u16 length; u8 shape; bytes }. `shape` chooses the reply space and whether the bytes are
// a whole request, or a body behind a header that is made right (so that the fuzzer need not guess lengths).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/fd.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "fs/server.h"

namespace {

using namespace krun;

constexpr size_t kMaxRequests = 64;  // an input is one short session
constexpr std::byte kCanaryByte{0xa5};

// The tree, made anew for each input: an input must mean the same whenever it runs.
class World {
public:
    World() {
        // In memory where there is such a place: most of an input's time is making this tree.
        std::string name =
            ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/krun-fuzz-XXXXXX" : "/tmp/krun-fuzz-XXXXXX";
        KRUN_CHECK(::mkdtemp(name.data()) != nullptr, "mkdtemp");
        path_ = name;
        write("canary", "canary");
        for (char const* dir : {"/rw", "/rw/dir", "/ro"}) std::filesystem::create_directory(path_ + dir);
        write("rw/file", "file");
        write("rw/dir/deep", "deep");
        write("ro/file", "read-only");
        std::filesystem::create_symlink("../canary", path_ + "/rw/link");
        KRUN_CHECK(::mkfifo((path_ + "/rw/fifo").c_str(), 0600) == 0, "mkfifo");
    }
    World(World const&) = delete;
    World& operator=(World const&) = delete;
    ~World() {
        KRUN_CHECK(read("canary") == "canary", "nothing outside the trees changes");
        KRUN_CHECK(read("ro/file") == "read-only", "nothing read-only changes");
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::unique_ptr<fs::FileSystem> build() {
        fs::NodeIds ids;
        auto overlay = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
        auto rootfs = std::make_unique<fs::OverlayFs>(tree("/rw", false, ids), ids);
        auto const text = fs::Content::owned("virtual");
        KRUN_CHECK(rootfs->add_file("/virtual", 0644, text).ok(), "add_file");
        KRUN_CHECK(overlay->add_file("/once", 0755, text, fs::Lifetime::kOneShot).ok(), "add_file");
        KRUN_CHECK(overlay->add_dir("/dev", 0755).ok(), "add_dir");
        KRUN_CHECK(overlay->add_graft("/rootfs", std::move(rootfs)).ok(), "add_graft");
        KRUN_CHECK(overlay->add_graft("/ro", tree("/ro", true, ids)).ok(), "add_graft");
        return overlay;
    }

    void check_bounds() const {
        for (auto const* tree : trees_) {
            KRUN_CHECK(tree->cached_fd_count() <= kMaxFds + 1, "cached descriptors are bounded");
            KRUN_CHECK(tree->handle_count() <= 2 * kMaxHandles, "handles are bounded");
            KRUN_CHECK(tree->spent().files <= kBudget.files, "names are within the budget");
            // Metadata, which nobody can foretell, aside.
            KRUN_CHECK(tree->spent().bytes <= 2 * kBudget.bytes, "bytes are within the budget");
        }
    }

private:
    static constexpr size_t kMaxFds = 4;
    static constexpr size_t kMaxHandles = 8;
    static constexpr fs::BudgetLimits kBudget{64 << 10, 8};

    std::unique_ptr<fs::FileSystem> tree(char const* name, bool read_only, fs::NodeIds& ids) {
        fs::PassthroughOptions options;
        options.read_only = read_only;
        options.max_cached_fds = kMaxFds;
        options.max_handles = kMaxHandles;
        options.budget = kBudget;
        options.sharing = read_only ? fs::Sharing::kShared : fs::Sharing::kSoleWriter;
        auto made = fs::Passthrough::make(open_path(path_ + name, O_PATH).value(),
                                          fs::open_proc_self_fd().value(), options, ids)
                        .value();
        trees_.push_back(made.get());
        return made;
    }
    void write(std::string const& name, std::string_view text) const {
        std::ofstream(path_ + "/" + name) << text;
    }
    std::string read(std::string const& name) const { return read_file(path_ + "/" + name, 100).value(); }

    std::string path_;
    std::vector<fs::Passthrough*> trees_;
};

void serve(fs::Server& server, std::vector<std::byte>& request, size_t space, size_t piece) {
    std::vector<std::byte> room(space + 16, kCanaryByte);
    std::vector<iovec> from, to;
    for (size_t at = 0; at < request.size(); at += piece)
        from.push_back({request.data() + at, std::min(piece, request.size() - at)});
    for (size_t at = 0; at < space; at += piece)
        to.push_back({room.data() + at, std::min(piece, space - at)});
    auto const n = server.serve(from, to);
    KRUN_CHECK(n <= space, "a reply fits its space");
    KRUN_CHECK(std::all_of(room.begin() + static_cast<ptrdiff_t>(space), room.end(),
                           [](std::byte b) { return b == kCanaryByte; }),
               "nothing is written past the space");
    if (n == 0) return;
    fs::abi::OutHeader out{};
    KRUN_CHECK(n >= sizeof out, "a reply has a header");
    std::memcpy(&out, room.data(), sizeof out);
    KRUN_CHECK(out.len == n, "the header tells the length");
    KRUN_CHECK(out.error <= 0 && out.error > -4096, "the error is an errno");
}

void init(fs::Server& server) {
    fs::abi::InHeader const header{104, fs::abi::Opcode::kInit, 1, 0, 0, 0, 0, 0, 0};
    fs::abi::InitIn const in{7, 41, 0, ~0u, ~0u, {}};
    auto request = ByteWriter().put(header).put(in);
    auto bytes = std::move(request).take();
    serve(server, bytes, 256, 256);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    World world;
    fs::Server server(world.build());
    init(server);
    ByteReader input(std::as_bytes(std::span(data, size)));
    for (size_t i = 0; i < kMaxRequests; ++i) {
        auto const len = input.take<uint16_t>();
        auto const shape = input.take<uint8_t>();
        if (!len || !shape) break;
        auto const bytes = input.take_bytes(std::min<size_t>(*len, input.left())).value();
        std::vector<std::byte> request(bytes.begin(), bytes.end());
        if ((*shape & 1) != 0 && request.size() >= sizeof(fs::abi::InHeader)) {
            auto const real = static_cast<uint32_t>(request.size());
            std::memcpy(request.data(), &real, sizeof real);
            std::memset(request.data() + offsetof(fs::abi::InHeader, total_extlen), 0, 4);
        }
        static constexpr size_t kSpaces[] = {8192, 0, 15, 16, 144, 600, 70000, 4112};
        serve(server, request, kSpaces[(*shape >> 1) & 7], (*shape & 0x10) != 0 ? 3 : 4096);
        world.check_bounds();
    }
    return 0;
}
