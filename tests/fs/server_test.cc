// SPDX-License-Identifier: Apache-2.0
// What the server itself decides, over a file system that agrees to everything: so each refusal below is the
// server's.
#include "fs/server.h"

#include <gtest/gtest.h>
#include <linux/fs.h>

#include "tests/support/fake_fs.h"
#include "tests/support/fuse_client.h"

namespace krun::test {

using abi::Opcode;

static uint64_t const kNode = static_cast<uint64_t>(FakeFs::kRoot) + 1;

class FuseServer : public ::testing::Test {
protected:
    FuseServer() : fs_(new FakeFs), client_(std::unique_ptr<fs::FileSystem>(fs_)) {}
    void start() {
        client_.init();
        fs_->calls.clear();
    }

    FakeFs* fs_;  // owned by the client's server
    FuseClient client_;
};

// ---- INIT ----

TEST_F(FuseServer, InitTakesWhatTheGuestOffersOfWhatItWants) {
    auto const out = client_.init();
    EXPECT_EQ(out.major, 7u);
    EXPECT_EQ(out.minor, 41u);
    EXPECT_EQ(out.max_write, 1u << 20);
    EXPECT_EQ(out.max_pages, 256);
    EXPECT_EQ(out.flags, abi::kAsyncRead | abi::kAtomicOTrunc | abi::kBigWrites | abi::kDontMask |
                             abi::kAutoInvalData | abi::kDoReaddirplus | abi::kReaddirplusAuto |
                             abi::kAsyncDio | abi::kParallelDirops | abi::kMaxPages | abi::kCacheSymlinks |
                             abi::kSubmounts | abi::kHandleKillprivV2 | abi::kSetxattrExt | abi::kInitExt);
    EXPECT_EQ(out.flags2, (abi::kCreateSuppGroup | abi::kAllowIdmap) >> 32);
}

TEST_F(FuseServer, InitTakesAclsWhereThereAreSome) {
    fs_->has_acls = true;
    EXPECT_EQ(client_.init().flags & abi::kPosixAcl, abi::kPosixAcl);
}

TEST_F(FuseServer, InitTakesNothingThatTheGuestDoesNotOffer) {
    auto const out = client_.init(abi::kSubmounts);
    EXPECT_EQ(out.flags, abi::kSubmounts);
    EXPECT_EQ(out.flags2, 0u);
}

TEST_F(FuseServer, InitIgnoresFlags2WithoutInitExt) {
    EXPECT_EQ(client_.init(~abi::kInitExt).flags2, 0u);
}

TEST_F(FuseServer, InitOfNewerMajorIsToldOursAndMayAskAgain) {
    abi::InitIn in{};
    in.major = 8;
    EXPECT_EQ(client_.send(Opcode::kInit, 0, args(in)).as<abi::InitOut>().major, 7u);
    EXPECT_EQ(client_.init().max_write, 1u << 20);
}

TEST_F(FuseServer, InitOfOldProtocolIsRefused) {
    abi::InitIn in{};
    in.major = 7;
    in.minor = 30;
    EXPECT_EQ(client_.send(Opcode::kInit, 0, args(in)).error, EPROTO);
    in.major = 6;
    EXPECT_EQ(client_.send(Opcode::kInit, 0, args(in)).error, EPROTO);
}

TEST_F(FuseServer, SecondInitIsRefusedAndChangesNothing) {
    start();
    EXPECT_EQ(client_.send(Opcode::kInit, 0, args(abi::InitIn{7, 41, 0, 0, 0, {}})).error, EIO);
    EXPECT_EQ(client_.send(Opcode::kStatfs, 1, {}).error, 0);
}

TEST_F(FuseServer, OpsBeforeInitAndAfterDestroyAreRefused) {
    EXPECT_EQ(client_.send(Opcode::kStatfs, 1, {}).error, EIO);
    start();
    EXPECT_EQ(client_.send(Opcode::kDestroy, 0, {}).error, 0);
    EXPECT_EQ(fs_->calls, std::vector<std::string>{"destroy"});
    EXPECT_EQ(client_.send(Opcode::kStatfs, 1, {}).error, EIO);
    EXPECT_EQ(client_.init().major, 7u);  // and a new mount may follow
}

TEST_F(FuseServer, ResetForgetsAndAwaitsInit) {
    start();
    client_.server.reset();
    EXPECT_EQ(fs_->calls, std::vector<std::string>{"destroy"});
    EXPECT_EQ(client_.send(Opcode::kStatfs, 1, {}).error, EIO);
}

// ---- lengths ----

TEST_F(FuseServer, RequestShorterThanAHeaderHasNoReply) {
    start();
    for (size_t const len : {0u, 1u, 39u}) EXPECT_FALSE(client_.send_raw(Bytes(len)).answered) << len;
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, HeaderLengthThatIsNotTheRequestsIsEioForEachOp) {
    start();
    for (auto const& opcode : abi::kOpcodes) {
        if (opcode == Opcode::kForget || opcode == Opcode::kBatchForget) continue;
        Bytes const body(200);
        auto const real = static_cast<uint32_t>(sizeof(abi::InHeader) + body.size());
        for (uint32_t const claimed : {0u, 1u, 39u, 40u, real - 1, real + 1, 0xffffffffu}) {
            auto header = client_.header(opcode, kNode, body.size());
            header.len = claimed;
            auto const reply = client_.send_raw(args(header, body));
            EXPECT_EQ(reply.error, EIO) << static_cast<uint32_t>(opcode) << " len " << claimed;
        }
    }
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, TruncatedArgumentsAreEinvalOrEnosysForEachOp) {
    start();
    for (auto const& opcode : abi::kOpcodes) {
        if (opcode == Opcode::kForget || opcode == Opcode::kBatchForget) continue;
        if (opcode == Opcode::kStatfs || opcode == Opcode::kSyncfs || opcode == Opcode::kDestroy ||
            opcode == Opcode::kReadlink || opcode == Opcode::kInit)
            continue;  // no arguments, or none that are looked at
        auto const reply = client_.send(opcode, kNode, Bytes(3, std::byte{'a'}));
        EXPECT_TRUE(reply.error == EINVAL || reply.error == ENOSYS) << static_cast<uint32_t>(opcode);
    }
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, ExtensionsThatWereNotNegotiatedAreEinval) {
    client_.init(~abi::kCreateSuppGroup);
    auto header = client_.header(Opcode::kMkdir, 1, 0);
    auto const body = args(abi::MkdirIn{0755, 0}, "d");
    header.len += static_cast<uint32_t>(body.size());
    header.total_extlen = 1;
    EXPECT_EQ(client_.send_raw(args(header, body)).error, EINVAL);
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, RequestsInOneBytePiecesAreServedAlike) {
    start();
    client_.piece = 1;
    EXPECT_EQ(client_.send(Opcode::kLookup, 1, args("name")).error, 0);
    EXPECT_EQ(fs_->calls, std::vector<std::string>{"lookup"});
}

TEST_F(FuseServer, OversizedArgumentsAreE2big) {
    start();
    EXPECT_EQ(client_.send(Opcode::kLookup, 1, Bytes(100 << 10, std::byte{'a'})).error, E2BIG);
    EXPECT_TRUE(fs_->calls.empty());
}

// ---- reply space ----

TEST_F(FuseServer, NoRoomForAHeaderMeansNothingIsDone) {
    start();
    for (size_t const space : {0u, 1u, 15u})
        EXPECT_FALSE(client_.send(Opcode::kUnlink, 1, args("name"), space).answered);
    EXPECT_TRUE(fs_->calls.empty());
    EXPECT_TRUE(client_.canary_intact);
}

TEST_F(FuseServer, NoRoomForTheAnswerIsEioBeforeAnythingIsDone) {
    start();
    struct Case {
        Opcode opcode;
        Bytes in;
        size_t answer;
    };
    Case const cases[] = {
        {Opcode::kLookup, args("n"), 128},
        {Opcode::kGetattr, args(abi::GetattrIn{}), 104},
        {Opcode::kSetattr, args(abi::SetattrIn{}), 104},
        {Opcode::kMkdir, args(abi::MkdirIn{}, "n"), 128},
        {Opcode::kOpen, args(abi::OpenIn{}), 16},
        {Opcode::kOpendir, args(abi::OpenIn{}), 16},
        {Opcode::kCreate, args(abi::CreateIn{}, "n"), 144},
        {Opcode::kStatfs, {}, 80},
        {Opcode::kLseek, args(abi::LseekIn{}), 8},
        {Opcode::kWrite, args(abi::WriteIn{}), 8},
    };
    for (auto const& c : cases) {
        auto const exact = sizeof(abi::OutHeader) + c.answer;
        EXPECT_EQ(client_.send(c.opcode, 1, c.in, exact - 1).error, EIO) << static_cast<uint32_t>(c.opcode);
        EXPECT_TRUE(fs_->calls.empty()) << static_cast<uint32_t>(c.opcode);
        EXPECT_EQ(client_.send(c.opcode, 1, c.in, exact).error, 0) << static_cast<uint32_t>(c.opcode);
        fs_->calls.clear();
    }
    EXPECT_TRUE(client_.canary_intact);
}

TEST_F(FuseServer, ReadIsBoundedBySizeSpaceAndOneMebibyte) {
    start();
    auto const read = [&](uint32_t size, size_t space) {
        abi::ReadIn const in{1, 0, size, 0, 0, 0, 0};
        return client_.send(Opcode::kRead, kNode, args(in), space).body.size();
    };
    EXPECT_EQ(read(100, 4096), 100u);
    EXPECT_EQ(read(4096, 116), 100u);
    EXPECT_EQ(read(0xffffffff, 4096), 4096u - 16);
    EXPECT_EQ(read(0xffffffff, 3 << 20), size_t{1} << 20);
    EXPECT_EQ(read(0, 4096), 0u);
    EXPECT_TRUE(client_.canary_intact);
}

TEST_F(FuseServer, ListingsAreBoundedBySizeAndSpace) {
    start();
    for (auto const opcode : {Opcode::kReaddir, Opcode::kReaddirplus}) {
        for (uint32_t const size : {200u, 1000u, 0xffffffffu}) {
            abi::ReadIn const in{1, 0, size, 0, 0, 0, 0};
            auto const reply = client_.send(opcode, kNode, args(in), 616);
            EXPECT_EQ(reply.error, 0);
            EXPECT_LE(reply.body.size(), std::min<size_t>(size, 600));
            EXPECT_GT(reply.body.size(), 0u);
        }
    }
    EXPECT_TRUE(client_.canary_intact);
}

// What is read of a directory and finds no room is read again for the next request.
TEST_F(FuseServer, AListingReadsAheadAboutWhatFitsIntoItsReply) {
    start();
    for (auto const opcode : {Opcode::kReaddir, Opcode::kReaddirplus}) {
        auto const reply = client_.send(opcode, kNode, args(abi::ReadIn{1, 0, 4096, 0, 0, 0, 0}), 4112);
        size_t const names = reply.body.size() / (opcode == Opcode::kReaddir ? 32 : 160);
        EXPECT_GT(names, 20u);
        EXPECT_NEAR(static_cast<double>(fs_->last_wanted_bytes) / 32, static_cast<double>(names), 2.0);
    }
}

TEST_F(FuseServer, ListingWithoutRoomForOneNameIsEinvalNotTheEnd) {
    start();
    abi::ReadIn const in{1, 0, 16, 0, 0, 0, 0};
    EXPECT_EQ(client_.send(Opcode::kReaddir, kNode, args(in)).error, EINVAL);
}

TEST_F(FuseServer, XattrValuesAreBoundedByTheReplySpace) {
    start();
    auto const reply =
        client_.send(Opcode::kGetxattr, kNode, args(abi::GetxattrIn{0xffffffff, 0}, "user.x"), 116);
    EXPECT_EQ(reply.error, 0);
    EXPECT_EQ(reply.body.size(), 100u);
    EXPECT_TRUE(client_.canary_intact);
}

TEST_F(FuseServer, AnswersLongerThanTheirSpaceAreEio) {
    start();
    EXPECT_EQ(client_.send(Opcode::kReadlink, kNode, {}, 22).body.size(), 6u);
    EXPECT_EQ(client_.send(Opcode::kReadlink, kNode, {}, 21).error, EIO);
    EXPECT_EQ(client_.send(Opcode::kGetxattr, kNode, args(abi::GetxattrIn{}, "user.x"), 23).error, EIO);
    EXPECT_TRUE(client_.canary_intact);
}

TEST_F(FuseServer, PayloadsShorterThanTheySayAreEinval) {
    start();
    EXPECT_EQ(client_.send(Opcode::kWrite, kNode, args(abi::WriteIn{1, 0, 10, 0, 0, 0, 0}, Bytes(9))).error,
              EINVAL);
    EXPECT_EQ(
        client_.send(Opcode::kSetxattr, kNode, args(abi::SetxattrIn{10, 0, 0, 0}, "user.x", Bytes(9))).error,
        EINVAL);
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, WriteBeyondTheAgreedSizeIsEinval) {
    start();
    abi::WriteIn const in{1, 0, (1 << 20) + 1, 0, 0, 0, 0};
    EXPECT_EQ(client_.send(Opcode::kWrite, kNode, args(in, Bytes((1 << 20) + 1))).error, EINVAL);
    EXPECT_TRUE(fs_->calls.empty());
}

// ---- offsets ----

TEST_F(FuseServer, OffsetsThatNoFileHasAreEinval) {
    start();
    uint64_t const past = uint64_t{1} << 63;
    EXPECT_EQ(client_.send(Opcode::kRead, kNode, args(abi::ReadIn{1, past, 1, 0, 0, 0, 0})).error, EINVAL);
    EXPECT_EQ(client_.send(Opcode::kRead, kNode, args(abi::ReadIn{1, past - 1, 2, 0, 0, 0, 0})).error,
              EINVAL);
    EXPECT_EQ(client_.send(Opcode::kWrite, kNode, args(abi::WriteIn{1, ~uint64_t{0}, 0, 0, 0, 0, 0})).error,
              EINVAL);
    EXPECT_EQ(client_.send(Opcode::kFallocate, kNode, args(abi::FallocateIn{1, 1, past - 1, 0, 0})).error,
              EINVAL);
    EXPECT_EQ(client_.send(Opcode::kLseek, kNode, args(abi::LseekIn{1, past, 3, 0})).error, ENXIO);
    EXPECT_TRUE(fs_->calls.empty());
}

// ---- forgetting ----

TEST_F(FuseServer, ForgetHasNoReplyAndReachesTheFileSystem) {
    start();
    EXPECT_FALSE(client_.send(Opcode::kForget, kNode, args(abi::ForgetIn{5})).answered);
    EXPECT_EQ(fs_->last_forget, 5u);
}

TEST_F(FuseServer, BatchForgetEndsWithTheRequestWhateverItsCount) {
    start();
    auto const two = args(abi::ForgetOne{kNode, 1}, abi::ForgetOne{kNode, 2});
    for (uint32_t const count : {0u, 1u, 2u, 3u, 0xffffffffu}) {
        fs_->calls.clear();
        client_.send(Opcode::kBatchForget, 0, args(abi::BatchForgetIn{count, 0}, two));
        EXPECT_EQ(fs_->calls.size(), std::min(count, 2u)) << count;
    }
}

// ---- who asks ----

TEST_F(FuseServer, CreatingAsNobodyIsRefused) {
    start();
    for (auto const& [uid, gid] : {std::pair{UINT32_MAX, 0u}, {0u, UINT32_MAX}}) {
        client_.uid = uid;
        client_.gid = gid;
        EXPECT_EQ(client_.send(Opcode::kMkdir, 1, args(abi::MkdirIn{}, "n")).error, EINVAL);
        EXPECT_EQ(client_.send(Opcode::kMknod, 1, args(abi::MknodIn{}, "n")).error, EINVAL);
        EXPECT_EQ(client_.send(Opcode::kSymlink, 1, args("n", "t")).error, EINVAL);
        EXPECT_EQ(client_.send(Opcode::kCreate, 1, args(abi::CreateIn{}, "n")).error, EINVAL);
    }
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, TheCallerReachesTheFileSystem) {
    start();
    client_.uid = 1000;
    client_.gid = 100;
    client_.send(Opcode::kMkdir, 1, args(abi::MkdirIn{}, "n"));
    EXPECT_EQ(fs_->last_caller.uid, 1000u);
    EXPECT_EQ(fs_->last_caller.gid, 100u);
}

TEST_F(FuseServer, IoctlsButThoseOfFileFlagsNeverReachAFileSystem) {
    start();
    for (uint32_t const cmd : {0x7602u, 0x5401u, 0xc0045878u, 0u}) {
        ByteWriter in;
        in.put(uint64_t{1}).put(uint32_t{0}).put(cmd).put(uint64_t{42}).put(uint64_t{0});
        EXPECT_EQ(client_.send(Opcode::kIoctl, kNode, std::move(in).take()).error, ENOTTY);
    }
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, AnIoctlsArgumentIsBoundedByItsNumber) {
    start();
    for (uint32_t const size : {9u, 0xffffffffu})
        for (bool const in_too_long : {true, false}) {
            abi::IoctlIn const in{1, 0, FS_IOC_SETFLAGS, 0, in_too_long ? size : 4, in_too_long ? 0 : size};
            EXPECT_EQ(client_.send(Opcode::kIoctl, kNode, args(in, Bytes(16))).error, EINVAL);
        }
    abi::IoctlIn const short_of{1, 0, FS_IOC_SETFLAGS, 0, 8, 0};
    EXPECT_EQ(client_.send(Opcode::kIoctl, kNode, args(short_of, Bytes(7))).error, EINVAL);
    EXPECT_TRUE(fs_->calls.empty());
}

// Linux turns an op off for the whole connection when it hears ENOSYS, and one connection has many file
// systems.
TEST(FuseServerOfManyFileSystems, OneThatLacksAnOpDoesNotTurnItOffForAll) {
    class Bare final : public fs::FileSystem {
        fs::NodeId root() const override { return FakeFs::kRoot; }
        void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(1); }
    };
    FuseClient client(std::make_unique<Bare>());
    client.init();
    EXPECT_EQ(client.send(Opcode::kGetxattr, 1, args(abi::GetxattrIn{8, 0}, "user.x")).error, EOPNOTSUPP);
    EXPECT_EQ(client.send(Opcode::kTmpfile, 1, args(abi::CreateIn{}, "/")).error, EOPNOTSUPP);
}

TEST_F(FuseServer, TheGroupThatComesAsAnExtensionReachesTheFileSystem) {
    start();
    auto const send = [&](uint32_t size, uint32_t type, uint32_t count, uint32_t group, uint16_t units = 2) {
        auto const body =
            args(abi::MkdirIn{0755, 022}, "d", abi::ExtHeader{size, type}, abi::SuppGroups{count}, group);
        auto header = client_.header(Opcode::kMkdir, 1, body.size());
        header.total_extlen = units;
        return client_.send_raw(args(header, body)).error;
    };
    EXPECT_EQ(send(16, abi::kExtGroups, 1, 77), 0);
    EXPECT_EQ(fs_->last_caller.group, 77u);
    EXPECT_EQ(fs_->last_caller.umask, 022u);
    fs_->calls.clear();
    EXPECT_EQ(send(15, abi::kExtGroups, 1, 77), EINVAL);
    EXPECT_EQ(send(0xffffffff, abi::kExtGroups, 1, 77), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 2, 77), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 0xffffffff, 77), EINVAL);
    EXPECT_EQ(send(16, 1, 1, 77), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 1, 0xffffffff), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 1, 77, 1), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 1, 77, 3), EINVAL);
    EXPECT_EQ(send(16, abi::kExtGroups, 1, 77, 0xffff), EINVAL);
    EXPECT_TRUE(fs_->calls.empty());
}

TEST_F(FuseServer, OpsThatAreNotOfferedAreEnosys) {
    start();
    for (auto const opcode : {Opcode::kSetupmapping, Opcode::kRemovemapping, Opcode::kSetlkw, Opcode::kPoll,
                              Opcode::kInterrupt, Opcode::kNotifyReply, static_cast<Opcode>(4096)})
        EXPECT_EQ(client_.send(opcode, kNode, Bytes(64)).error, ENOSYS) << static_cast<uint32_t>(opcode);
    EXPECT_TRUE(fs_->calls.empty());
}

}  // namespace krun::test
