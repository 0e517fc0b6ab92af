// SPDX-License-Identifier: Apache-2.0
// V-15: lengths. V-16: DAX. V-17: opcodes and order. V-18: nodes and handles. V-19: forgetting. V-20: sizes.
// V-23: extensions.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/rawfuse/raw_guest.h"

namespace krun::test {
namespace {

Bytes with_len(Bytes request, uint32_t len) {
    std::memcpy(request.data(), &len, sizeof len);
    return request;
}

// Arguments that every op can make something of, or refuse.
Bytes blank() {
    return Bytes(128, std::byte{0});
}

}  // namespace

using V15 = RawGuest;

TEST_F(V15, ALengthThatIsNotTheRequestsIsAnError) {
    for (auto const opcode : abi::kOpcodes) {
        if (opcode == Opcode::kForget || opcode == Opcode::kBatchForget) continue;  // never answered
        auto const whole = request(opcode, abi::kRootId, blank());
        auto const size = static_cast<uint32_t>(whole.size());
        for (uint32_t const len : {0u, 1u, 39u, 40u, size - 1, size + 1, UINT32_MAX})
            expect("opcode " + std::to_string(static_cast<int>(opcode)) + " len " + std::to_string(len),
                   send_raw(with_len(whole, len)), {EIO});
    }
    EXPECT_GE(cases, 300);
}

TEST_F(V15, LessThanAHeaderComesBackEmpty) {
    auto const whole = request(Opcode::kGetattr, abi::kRootId, args(abi::GetattrIn{}));
    for (size_t const size : {1u, 4u, 39u})
        expect("short", send_raw(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))), {-1});
    for (uint32_t const room : {0u, 1u, 15u}) expect("no room", send_raw(whole, room), {-1});
    EXPECT_GE(cases, 6);
}

TEST_F(V15, ArgumentsThatAreCutShortAreEinval) {
    for (auto const opcode : abi::kOpcodes) {
        auto const reply = send(opcode, walk("rw"), Bytes(1, std::byte{'x'}));
        if (opcode == Opcode::kForget || opcode == Opcode::kBatchForget) continue;
        // Ops without arguments do not look at them.
        expect("opcode " + std::to_string(static_cast<int>(opcode)), reply,
               {EINVAL, ENOSYS, EPROTO, 0, ENOTTY, EISDIR});
        if (opcode == Opcode::kDestroy) init();
    }
    EXPECT_GE(cases, 40);
}

using V16 = RawGuest;

TEST_F(V16, ThereIsNoDaxWindow) {
    for (auto const opcode : {Opcode::kSetupmapping, Opcode::kRemovemapping})
        for (auto const* path : {"rw/file", "ro/file", "rw"})
            expect("mapping", opcode, walk(path), blank(), {ENOSYS, EROFS});
    EXPECT_GE(cases, 6);
}

using V17 = RawGuest;

TEST_F(V17, UnknownOpcodesAreEnosys) {
    for (uint32_t const opcode : {0u, 7u, 19u, 53u, 63u, 100u, 4096u, 0x80000000u, UINT32_MAX})
        expect("opcode " + std::to_string(opcode), static_cast<Opcode>(opcode), abi::kRootId, blank(),
               {ENOSYS});
    EXPECT_GE(cases, 9);
}

TEST_F(V17, NothingIsServedBeforeInitOrAfterDestroy) {
    auto const refuse_all = [this] {
        for (auto const opcode : abi::kOpcodes)
            if (opcode != Opcode::kInit && opcode != Opcode::kForget && opcode != Opcode::kBatchForget)
                expect("opcode " + std::to_string(static_cast<int>(opcode)), opcode, abi::kRootId, blank(),
                       {EIO});
    };
    rig_->restart();
    refuse_all();
    init();
    expect("DESTROY", Opcode::kDestroy, abi::kRootId, {}, {0});
    refuse_all();
    EXPECT_GE(cases, 90);
}

TEST_F(V17, ASecondInitChangesNothing) {
    abi::InitIn in{};
    in.major = abi::kMajor;
    in.minor = abi::kMinor;
    expect("INIT again", Opcode::kInit, 0, args(in), {EIO});
    expect("and still served", Opcode::kGetattr, abi::kRootId, args(abi::GetattrIn{}), {0});
    rig_->restart();
    for (uint32_t const major : {0u, 6u}) {
        in.major = major;
        expect("old major", Opcode::kInit, 0, args(in), {EPROTO});
    }
    EXPECT_GE(cases, 4);
}

TEST_F(V17, HiprioServesAsOtherQueuesDo) {
    expect("GETATTR", send_raw(request(Opcode::kGetattr, abi::kRootId, args(abi::GetattrIn{})), 4096, 0),
           {0});
    expect("INTERRUPT", send_raw(request(Opcode::kInterrupt, 0, Bytes(8)), 4096, 0),
           {ENOSYS, ENOENT, EAGAIN, 0});
    expect("NOTIFY_REPLY", Opcode::kNotifyReply, 0, blank(), {ENOSYS});
}

using V18 = RawGuest;

TEST_F(V18, NodesThatWereNeverGivenAreNotThere) {
    abi::SetattrIn mode{};
    mode.valid = abi::kSetMode;
    // Also in the ranges of the two trees.
    for (uint64_t const node : {uint64_t{0}, uint64_t{2}, uint64_t{99}, uint64_t{1} << 63, UINT64_MAX,
                                walk("rw") + 77'777, walk("ro") + 77'777}) {
        auto const what = "node " + std::to_string(node);
        std::set<int> const gone{ENOENT, ESTALE, EBADF, EROFS};
        expect(what + " GETATTR", Opcode::kGetattr, node, args(abi::GetattrIn{}), gone);
        expect(what + " SETATTR", Opcode::kSetattr, node, args(mode), gone);
        expect(what + " LOOKUP", Opcode::kLookup, node, args("n"), gone);
        expect(what + " OPEN", Opcode::kOpen, node, args(abi::OpenIn{}), gone);
        expect(what + " OPENDIR", Opcode::kOpendir, node, args(abi::OpenIn{}), gone);
        expect(what + " READLINK", Opcode::kReadlink, node, {}, gone);
        expect(what + " STATFS", Opcode::kStatfs, node, {}, gone);
        expect(what + " MKDIR", Opcode::kMkdir, node, args(abi::MkdirIn{0755, 0}, "n"), gone);
        expect(what + " LISTXATTR", Opcode::kListxattr, node, args(abi::GetxattrIn{100, 0}), gone);
    }
    EXPECT_GE(cases, 60);
}

TEST_F(V18, AHandleIsItsNodesAlone) {
    auto const file = walk("rw/file"), other = walk("rw/dir/file"), dir = walk("rw/dir");
    auto const fh = open(file, O_RDWR);
    for (uint64_t const node : {other, dir, walk("ro/file"), walk("ro/dir")}) {
        expect("READ", read(node, fh), {EBADF});
        expect("WRITE", write(node, fh, 0, "x"), {EBADF, EROFS});
        expect("FSYNC", Opcode::kFsync, node, args(abi::FsyncIn{fh, 0, 0}), {EBADF});
        expect("RELEASE", Opcode::kRelease, node, args(abi::ReleaseIn{fh, 0, 0, 0}), {EBADF});
        expect("READDIR", Opcode::kReaddir, node, args(abi::ReadIn{fh, 0, 100, 0, 0, 0, 0}), {EBADF});
    }
    for (uint64_t const stranger : {uint64_t{0}, fh + 1, UINT64_MAX, uint64_t{1} << 63})
        expect("unknown handle", read(file, stranger), {EBADF});
    expect("RELEASE", Opcode::kRelease, file, args(abi::ReleaseIn{fh, 0, 0, 0}), {0});
    expect("after RELEASE", read(file, fh), {EBADF});
    EXPECT_NE(open(file, O_RDONLY), fh) << "a number is used once";
    EXPECT_GE(cases, 26);
}

using V19 = RawGuest;

TEST_F(V19, ForgettingNeverGoesBelowNothing) {
    auto const before = rw_->node_count();
    for (uint64_t const count : {uint64_t{0}, uint64_t{2}, UINT64_MAX - 1, UINT64_MAX}) {
        auto const node = walk("rw/dir/file");
        expect("FORGET", Opcode::kForget, node, args(abi::ForgetIn{count}), {-1});
        expect("then gone", Opcode::kGetattr, node, args(abi::GetattrIn{}), {count == 0 ? 0 : ENOENT});
        send(Opcode::kForget, node, args(abi::ForgetIn{1}));
        send(Opcode::kForget, walk("rw/dir"), args(abi::ForgetIn{UINT64_MAX}));
        EXPECT_EQ(rw_->node_count(), before);
    }
    for (uint64_t const root : {uint64_t{abi::kRootId}, walk("rw")}) {
        expect("FORGET a root", Opcode::kForget, root, args(abi::ForgetIn{UINT64_MAX}), {-1});
        expect("which stays", Opcode::kGetattr, root, args(abi::GetattrIn{}), {0});
    }
    EXPECT_GE(cases, 12);
}

TEST_F(V19, ABatchEndsWithTheRequest) {
    auto const node = walk("rw/file");
    for (uint32_t const count : {0u, 2u, 65'536u, UINT32_MAX}) {
        walk("rw/file");
        expect("BATCH_FORGET", Opcode::kBatchForget, 0,
               args(abi::BatchForgetIn{count, 0}, abi::ForgetOne{node, count == 0 ? 0u : 1u}), {-1});
        expect("still known", Opcode::kGetattr, node, args(abi::GetattrIn{}), {0});
    }
    EXPECT_GE(cases, 8);
}

using V20 = RawGuest;

TEST_F(V20, NoReplyIsLongerThanItsRoomOrItsRequest) {
    auto const file = walk("rw/file"), dir = walk("rw/dir");
    auto const fh = open(file, O_RDWR);
    auto const dh = send(Opcode::kOpendir, dir, args(abi::OpenIn{})).as<abi::OpenOut>().fh;
    for (uint32_t const size : {1u, 7u, 4096u, 1u << 20, (1u << 20) + 1, 1u << 31, UINT32_MAX})
        for (uint32_t const room : {16u, 17u, 40u, 4096u}) {
            abi::ReadIn const in{fh, 0, size, 0, 0, 0, 0};
            auto const got = send(Opcode::kRead, file, args(in), room);
            expect("READ", got, {0});
            EXPECT_LE(got.body.size(), std::min<size_t>({size, room - 16, 7}));
            abi::ReadIn const list{dh, 0, size, 0, 0, 0, 0};
            expect("READDIR", send(Opcode::kReaddir, dir, args(list), room), {0, EINVAL});
            expect("READDIRPLUS", send(Opcode::kReaddirplus, dir, args(list), room), {0, EINVAL});
            expect("GETXATTR",
                   send(Opcode::kGetxattr, file, args(abi::GetxattrIn{size, 0}, "user.none"), room),
                   {ENODATA, EOPNOTSUPP, ERANGE});
            expect("LISTXATTR", send(Opcode::kListxattr, file, args(abi::GetxattrIn{size, 0}), room),
                   {0, ERANGE});
        }
    EXPECT_GE(cases, 140);
}

TEST_F(V20, AnOpThatCannotBeAnsweredIsNotDone) {
    auto const rw = walk("rw");
    for (uint32_t const room : {16u, 17u, 100u}) {
        expect("MKDIR", send(Opcode::kMkdir, rw, args(abi::MkdirIn{0755, 0}, "new"), room), {EIO});
        expect("CREATE", send(Opcode::kCreate, rw, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "new"), room),
               {EIO});
        expect("SYMLINK", send(Opcode::kSymlink, rw, args("new", "t"), room), {EIO});
        expect("OPEN", send(Opcode::kOpen, walk("rw/file"), args(abi::OpenIn{}), std::min(room, 31u)), {EIO});
    }
    EXPECT_NE(::access(at("rw/new").c_str(), F_OK), 0);
    EXPECT_EQ(rw_->handle_count(), 0u);
    EXPECT_GE(cases, 12);
}

TEST_F(V20, DataThatTheRequestDoesNotCarryIsNotWritten) {
    auto const file = walk("rw/file");
    auto const fh = open(file, O_RDWR);
    for (uint32_t const size : {2u, 4096u, 1u << 20, (1u << 20) + 1, UINT32_MAX})
        expect("WRITE " + std::to_string(size), Opcode::kWrite, file,
               args(abi::WriteIn{fh, 0, size, 0, 0, 0, 0}, Bytes(1, std::byte{'x'})), {EINVAL});
    for (uint32_t const size : {2u, 65'536u, 65'537u, UINT32_MAX})
        expect("SETXATTR " + std::to_string(size), Opcode::kSetxattr, file,
               args(abi::SetxattrIn{size, 0, 0, 0}, "user.x", Bytes(1)), {EINVAL, E2BIG});
    EXPECT_EQ(read(file, fh).text(), "content");
    EXPECT_GE(cases, 9);
}

using V23 = RawGuest;

TEST_F(V23, ExtensionsOfAnyOtherFormAreRefused) {
    auto const rw = walk("rw");
    auto const extended = [&](uint16_t units, Bytes const& extension) {
        auto bytes = request(Opcode::kMkdir, rw, args(abi::MkdirIn{0755, 0}, "ext", extension));
        std::memcpy(bytes.data() + offsetof(abi::InHeader, total_extlen), &units, sizeof units);
        return bytes;
    };
    for (uint16_t const units : {uint16_t{1}, uint16_t{2}, uint16_t{3}, uint16_t{0x7fff}, uint16_t{0xffff}})
        for (size_t const bytes : {size_t{0}, size_t{8}, size_t{16}, size_t{24}})
            expect("extension", send_raw(extended(units, Bytes(bytes, std::byte{0xff}))), {EINVAL});
    EXPECT_NE(::access(at("rw/ext").c_str(), F_OK), 0);
    EXPECT_GE(cases, 20);
}

}  // namespace krun::test
