// SPDX-License-Identifier: Apache-2.0
#include "tests/rawfuse/raw_guest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "fs/null/null_fs.h"

namespace krun::test {

using vmm::must;

RawGuest::RawGuest() {
    outside_.make_dir("canaries");
    canaries_ = std::make_unique<Canaries>(outside_ / "canaries");
    make_exports();
    serve();
}

void RawGuest::TearDown() {
    EXPECT_EQ(canaries_->touched(), std::vector<std::string>{});
    std::printf("             %d cases, %d canaries watched\n", cases, Canaries::kCount);
}

void RawGuest::make_exports() {
    for (auto const* dir : {"export/rw/dir/deep", "export/rw/gone", "export/ro/dir"}) outside_.make_dir(dir);
    for (auto const* file : {"export/rw/file", "export/rw/dir/file", "export/ro/file", "export/ro/dir/file"})
        outside_.write(file, "content");
    // What an image may hold: links that lead to the canaries, from each tree.
    for (auto const* tree : {"export/rw/", "export/ro/"}) {
        outside_.link(canaries_->file(), std::string(tree) + "link-to-file");
        outside_.link(canaries_->directory(), std::string(tree) + "link-to-dir");
        outside_.link("../../canaries", std::string(tree) + "link-up");
    }
    ::mkfifo(at("rw/fifo").c_str(), 0644);
    ::mknod(at("rw/null").c_str(), S_IFCHR | 0644, makedev(1, 3));  // as root only
    ::mknod(at("rw/disk").c_str(), S_IFBLK | 0644, makedev(7, 0));
    ::mknod(at("rw/socket").c_str(), S_IFSOCK | 0644, 0);
}

std::unique_ptr<fs::FileSystem> RawGuest::boot_tree() {
    fs::NodeIds ids;
    auto const serve_dir = [&](std::string const& path, fs::PassthroughOptions how) {
        return must(
            fs::Passthrough::make(must(open_path(path, O_PATH)), must(fs::open_proc_self_fd()), how, ids));
    };
    auto tree = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    must(tree->add_file("/virtual", 0644, fs::Content::owned("virtual"), fs::Lifetime::kPersistent));
    must(tree->add_file("/secret", 0400, fs::Content::owned("secret"), fs::Lifetime::kOneShot));
    auto writable = serve_dir(at("rw"), options);
    rw_ = writable.get();
    auto over = std::make_unique<fs::OverlayFs>(std::move(writable), ids);
    must(over->add_file("/added", 0644, fs::Content::owned("added"), fs::Lifetime::kPersistent));
    must(tree->add_graft("/rw", std::move(over)));
    fs::PassthroughOptions read_only = options;
    read_only.read_only = true;
    must(tree->add_graft("/ro", serve_dir(at("ro"), read_only)));
    return tree;
}

void RawGuest::serve() {
    rig_.reset();
    device_ = must(vmm::Fs::make({"krun", std::make_shared<fs::Server>(boot_tree())}));
    rig_ = std::make_unique<vmm::DeviceRig>(*device_);
    init();
}

void RawGuest::restart() {
    rig_->restart();
    init();
}

Bytes RawGuest::request(Opcode opcode, uint64_t node, Bytes const& in, uint32_t as_uid, uint32_t as_gid) {
    abi::InHeader header{};
    header.len = static_cast<uint32_t>(sizeof header + in.size());
    header.opcode = opcode;
    header.unique = 7;
    header.nodeid = node;
    header.uid = as_uid;
    header.gid = as_gid;
    return args(header, in);
}

RawReply RawGuest::send_raw(Bytes const& bytes, uint32_t room, uint16_t queue) {
    auto& driver = rig_->driver(queue);
    auto const mark = driver.mark();
    auto chain = driver.chain();
    chain.readable({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    if (room > 0) chain.writable(room);
    // Behind the room lies a byte that no reply may reach.
    auto const guard = driver.allocate(64);
    driver.write(guard, std::string(64, 'c'));
    chain.indirect().publish();
    rig_->kick(queue);
    auto const used = driver.take_used();
    EXPECT_EQ(must(rig_->ram().read<uint8_t>(guard)), 'c');
    driver.rewind(mark);
    EXPECT_TRUE(used) << "a chain that does not come back hangs a task of the guest";
    RawReply reply;
    if (!used || used->data.size() < sizeof(abi::OutHeader)) return reply;
    abi::OutHeader head{};
    std::memcpy(&head, used->data.data(), sizeof head);
    reply.answered = head.len == used->data.size() && head.unique == 7;
    reply.error = -head.error;
    auto const body = std::as_bytes(std::span(used->data)).subspan(sizeof head);
    reply.body.assign(body.begin(), body.end());
    return reply;
}

void RawGuest::init() {
    abi::InitIn in{};
    in.major = abi::kMajor;
    in.minor = abi::kMinor;
    in.flags = UINT32_MAX;
    in.flags2 = UINT32_MAX;
    send(Opcode::kInit, 0, args(in));
}

void RawGuest::expect(std::string const& what, RawReply const& reply, std::set<int> const& allowed) {
    ++cases;
    int const got = reply.answered ? reply.error : -1;
    EXPECT_TRUE(allowed.contains(got)) << what << ": " << got << " " << std::strerror(std::max(got, 0));
}

uint64_t RawGuest::walk(std::string_view path) {
    uint64_t node = abi::kRootId;
    while (!path.empty() && node != 0) {
        auto const slash = std::min(path.find('/'), path.size());
        node = lookup(node, path.substr(0, slash));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return node;
}

RawReply RawGuest::write(uint64_t node, uint64_t fh, uint64_t offset, std::string_view text, uint32_t flags) {
    auto const bytes = std::as_bytes(std::span(text));
    return send(Opcode::kWrite, node,
                args(abi::WriteIn{fh, offset, static_cast<uint32_t>(text.size()), flags, 0, 0, 0},
                     Bytes(bytes.begin(), bytes.end())));
}

RawReply RawGuest::read(uint64_t node, uint64_t fh, uint64_t offset, uint32_t size) {
    return send(Opcode::kRead, node, args(abi::ReadIn{fh, offset, size, 0, 0, 0, 0}));
}

}  // namespace krun::test
