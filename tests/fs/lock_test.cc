// SPDX-License-Identifier: Apache-2.0
// Locks that are the host's: between two guests that share a tree, and between a guest and processes of the
// host.
#include <fcntl.h>
#include <sys/file.h>

#include <climits>

#include "base/fd.h"
#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

using abi::Opcode;

// A second guest with the same tree.
struct Guest {
    Guest(std::string const& tree, fs::PassthroughOptions options) {
        fs::NodeIds ids;
        auto made = fs::Passthrough::make(open_path(tree, O_PATH).value(), fs::open_proc_self_fd().value(),
                                          options, ids)
                        .value();
        fs = made.get();
        client = std::make_unique<FuseClient>(std::move(made));
        init = client->init();
        node = client->lookup(1, "f");
        fh = client->open(node, O_RDWR);
    }
    int lock(Opcode opcode, uint64_t owner, uint32_t type, uint64_t start = 0, uint64_t end = LLONG_MAX,
             uint32_t flags = 0) {
        abi::LkIn const in{fh, owner, {start, end, type, static_cast<uint32_t>(owner)}, flags, 0};
        return client->note(client->send(opcode, node, args(in))).error;
    }
    int set(uint64_t owner, uint32_t type, uint64_t start = 0, uint64_t end = LLONG_MAX) {
        return lock(Opcode::kSetlk, owner, type, start, end);
    }
    int flock(uint32_t type) { return lock(Opcode::kSetlk, 1, type, 0, LLONG_MAX, abi::kLkFlock); }
    abi::FileLock test(uint64_t owner, uint32_t type) {
        lock(Opcode::kGetlk, owner, type);
        return client->last.as<abi::LkOut>().lk;
    }
    void flush(uint64_t owner) {
        client->note(client->send(Opcode::kFlush, node, args(abi::FlushIn{fh, 0, 0, owner})));
    }

    fs::Passthrough* fs;  // the client's server owns it
    std::unique_ptr<FuseClient> client;
    abi::InitOut init;
    uint64_t node;
    uint64_t fh;
};

class HostLocks : public ::testing::Test {
protected:
    HostLocks() {
        directory_.write("f", "0123456789");
        options_.host_locks = true;
        a_ = std::make_unique<Guest>(directory_.path(), options_);
        b_ = std::make_unique<Guest>(directory_.path(), options_);
    }
    TempDir directory_;
    fs::PassthroughOptions options_;
    std::unique_ptr<Guest> a_, b_;
};

TEST_F(HostLocks, AreAgreedOnOnlyWhereATreeHasThem) {
    EXPECT_EQ(a_->init.flags & (abi::kPosixLocks | abi::kFlockLocks), abi::kPosixLocks | abi::kFlockLocks);
    options_.host_locks = false;
    Guest own(directory_.path(), options_);
    EXPECT_EQ(own.init.flags & (abi::kPosixLocks | abi::kFlockLocks), 0u);
    EXPECT_EQ(own.set(1, F_WRLCK), ENOSYS);
    EXPECT_EQ(own.lock(Opcode::kSetlkw, 1, F_WRLCK), ENOSYS);
    EXPECT_EQ(own.lock(Opcode::kGetlk, 1, F_WRLCK), ENOSYS);
}

TEST_F(HostLocks, OfTwoGuestsExcludeEachOther) {
    EXPECT_EQ(a_->set(1, F_WRLCK, 0, 4), 0);
    EXPECT_EQ(b_->set(1, F_WRLCK, 4, 9), EAGAIN);
    EXPECT_EQ(b_->set(1, F_RDLCK, 4, 9), EAGAIN);
    EXPECT_EQ(b_->set(1, F_WRLCK, 5, 9), 0);
    EXPECT_EQ(a_->set(1, F_UNLCK, 0, 4), 0);
    EXPECT_EQ(b_->set(1, F_WRLCK, 0, 4), 0);
}

TEST_F(HostLocks, OfTwoOwnersOfOneGuestExcludeEachOtherAndOneOwnersDoNot) {
    EXPECT_EQ(a_->set(1, F_WRLCK), 0);
    EXPECT_EQ(a_->set(2, F_RDLCK), EAGAIN);
    EXPECT_EQ(a_->set(1, F_RDLCK), 0);
    EXPECT_EQ(a_->set(2, F_RDLCK), 0);
    EXPECT_EQ(a_->set(1, F_WRLCK), EAGAIN);
    EXPECT_EQ(a_->fs->lock_owner_count(), 2u);
}

TEST_F(HostLocks, ExcludeTheHostsProcesses) {
    auto const fd = open_path(directory_ / "f", O_RDWR).value();
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_len = 5;
    ASSERT_EQ(::fcntl(fd.borrow().raw(), F_SETLK, &range), 0);
    EXPECT_EQ(a_->set(1, F_WRLCK, 0, 4), EAGAIN);
    auto const seen = a_->test(1, F_WRLCK);
    EXPECT_EQ(seen.type, static_cast<uint32_t>(F_WRLCK));
    EXPECT_EQ(seen.end, 4u);
    EXPECT_EQ(seen.pid, 0u);  // the host's processes have no number in the guest
    EXPECT_EQ(a_->set(1, F_WRLCK, 5, 9), 0);
    range.l_start = 5;
    EXPECT_EQ(::fcntl(fd.borrow().raw(), F_SETLK, &range), -1);
    ASSERT_EQ(::flock(fd.borrow().raw(), LOCK_EX), 0);
    EXPECT_EQ(a_->flock(F_RDLCK), EAGAIN);
    ASSERT_EQ(::flock(fd.borrow().raw(), LOCK_UN), 0);
    EXPECT_EQ(a_->flock(F_WRLCK), 0);
    EXPECT_EQ(::flock(fd.borrow().raw(), LOCK_SH | LOCK_NB), -1);
}

TEST_F(HostLocks, ATestTellsTheHolderOfTheSameGuest) {
    EXPECT_EQ(a_->test(1, F_WRLCK).type, static_cast<uint32_t>(F_UNLCK));
    EXPECT_EQ(a_->set(7, F_WRLCK, 2, LLONG_MAX), 0);
    auto const seen = a_->test(1, F_RDLCK);
    EXPECT_EQ(seen.start, 2u);
    EXPECT_EQ(seen.end, uint64_t{LLONG_MAX});
    EXPECT_EQ(seen.pid, 7u);
    EXPECT_EQ(a_->test(7, F_WRLCK).type, static_cast<uint32_t>(F_UNLCK));
    EXPECT_EQ(b_->test(7, F_WRLCK).pid, 0u);
}

TEST_F(HostLocks, EndWhenTheirOwnerClosesAnyOfItsDescriptors) {
    EXPECT_EQ(a_->set(1, F_WRLCK, 0, 4), 0);
    EXPECT_EQ(a_->set(2, F_WRLCK, 5, 9), 0);
    a_->flush(1);
    EXPECT_EQ(b_->set(1, F_WRLCK, 0, 4), 0);
    EXPECT_EQ(b_->set(1, F_WRLCK, 5, 9), EAGAIN);
    EXPECT_EQ(a_->fs->lock_owner_count(), 1u);
}

TEST_F(HostLocks, EndWithTheOpenFileAndWithTheGuest) {
    EXPECT_EQ(a_->set(1, F_WRLCK), 0);  // an open file description lock: nobody flushes it
    EXPECT_EQ(a_->flock(F_WRLCK), 0);
    EXPECT_EQ(b_->flock(F_RDLCK), EAGAIN);
    a_->client->release(a_->node, a_->fh);
    EXPECT_EQ(a_->fs->lock_owner_count(), 0u);
    EXPECT_EQ(b_->set(1, F_WRLCK), 0);
    EXPECT_EQ(b_->flock(F_WRLCK), 0);
    b_->client->server.reset();
    Guest c(directory_.path(), options_);
    EXPECT_EQ(c.set(1, F_WRLCK), 0);
    EXPECT_EQ(c.flock(F_WRLCK), 0);
}

TEST_F(HostLocks, OfAReadOnlyTreeAreForReaders) {
    options_.read_only = true;
    Guest reader(directory_.path(), options_);
    reader.fh = reader.client->open(reader.node, O_RDONLY);
    EXPECT_EQ(reader.set(1, F_RDLCK), 0);
    EXPECT_EQ(a_->set(1, F_WRLCK), EAGAIN);
    EXPECT_EQ(reader.set(1, F_WRLCK), EBADF);
}

TEST_F(HostLocks, AreBounded) {
    options_.max_lock_owners = 3;
    Guest guest(directory_.path(), options_);
    for (uint64_t owner = 1; owner <= 3; ++owner) EXPECT_EQ(guest.set(owner, F_RDLCK), 0);
    EXPECT_EQ(guest.set(4, F_RDLCK), ENOLCK);
    EXPECT_EQ(guest.set(5, F_UNLCK), 0);  // has none
    EXPECT_EQ(guest.set(2, F_RDLCK, 0, 1), 0);
    guest.flush(2);
    EXPECT_EQ(guest.set(4, F_RDLCK), 0);
}

TEST_F(HostLocks, BadOnesAreRefused) {
    EXPECT_EQ(a_->set(1, 3), EINVAL);
    EXPECT_EQ(a_->set(1, F_WRLCK, 5, 4), EINVAL);
    EXPECT_EQ(a_->set(1, F_WRLCK, 0, uint64_t{LLONG_MAX} + 1), EINVAL);
    EXPECT_EQ(a_->set(1, F_WRLCK, ~uint64_t{0}, ~uint64_t{0}), EINVAL);
    a_->fh = 99;
    EXPECT_EQ(a_->set(1, F_WRLCK), EBADF);
    EXPECT_EQ(a_->flock(F_WRLCK), EBADF);
    EXPECT_EQ(a_->fs->lock_owner_count(), 0u);
}

// ---- waiting ----

class WaitingLock : public HostLocks {
protected:
    // SETLKW of the second guest, as request `unique`.
    uint32_t wait(uint64_t unique, fs::Server::Waiting waiting = fs::Server::Waiting::kMay) {
        abi::LkIn const in{b_->fh, 1, {0, LLONG_MAX, F_WRLCK, 1}, 0, 0};
        auto const body = args(in);
        auto header = b_->client->header(Opcode::kSetlkw, b_->node, body.size());
        header.unique = unique;
        auto request = args(header, body);
        iovec const from{request.data(), request.size()};
        iovec const to{space_.data(), space_.size()};
        return b_->client->server.serve({&from, 1}, {&to, 1}, waiting);
    }
    int error() const {
        abi::OutHeader out{};
        std::memcpy(&out, space_.data(), sizeof out);
        return -out.error;
    }
    Bytes space_ = Bytes(64);
};

TEST_F(WaitingLock, IsUnansweredUntilItIsGranted) {
    EXPECT_EQ(a_->set(1, F_WRLCK), 0);
    EXPECT_EQ(wait(5), fs::Server::kLater);
    EXPECT_EQ(wait(5), fs::Server::kLater);
    a_->flush(1);
    EXPECT_EQ(wait(5), sizeof(abi::OutHeader));
    EXPECT_EQ(error(), 0);
    EXPECT_EQ(a_->set(1, F_RDLCK), EAGAIN);
}

TEST_F(WaitingLock, EndsWhenItIsInterrupted) {
    EXPECT_EQ(a_->set(1, F_WRLCK), 0);
    EXPECT_EQ(wait(5), fs::Server::kLater);
    EXPECT_EQ(b_->client->send(Opcode::kInterrupt, 0, args(abi::InterruptIn{5})).error, 0);
    EXPECT_EQ(wait(6), fs::Server::kLater);
    EXPECT_EQ(wait(5), sizeof(abi::OutHeader));
    EXPECT_EQ(error(), EINTR);
    EXPECT_EQ(wait(5), fs::Server::kLater);  // once only
}

TEST_F(WaitingLock, IsEnolckWhereNobodyMayWait) {
    EXPECT_EQ(a_->set(1, F_WRLCK), 0);
    EXPECT_EQ(wait(5, fs::Server::Waiting::kMayNot), sizeof(abi::OutHeader));
    EXPECT_EQ(error(), ENOLCK);
}

// ---- waiting in a circle ----

class LocksInACircle : public HostLocks {
protected:
    LocksInACircle() {
        for (char const* name : {"g", "h"}) directory_.write(name, "text");
        for (char const* name : {"f", "g", "h"}) {
            auto const node = a_->client->lookup(1, name);
            files_.push_back({node, a_->client->open(node, O_RDWR)});
        }
    }
    // 0: granted; -1: waits; else the errno.
    int ask(size_t file, uint64_t owner, Opcode opcode = Opcode::kSetlkw, uint32_t type = F_WRLCK) {
        auto const [node, fh] = files_.at(file);
        auto const& reply = a_->client->note(
            a_->client->send(opcode, node, args(abi::LkIn{fh, owner, {0, LLONG_MAX, type, 1}, 0, 0})));
        return reply.answered ? reply.error : -1;
    }
    void let_go(size_t file, uint64_t owner) { ask(file, owner, Opcode::kSetlk, F_UNLCK); }

    std::vector<std::pair<uint64_t, uint64_t>> files_;
};

TEST_F(LocksInACircle, TheLastThatWouldCloseItIsToldSo) {
    for (uint64_t i = 0; i < 3; ++i) ASSERT_EQ(ask(i, i + 1), 0);
    EXPECT_EQ(ask(1, 1), -1);
    EXPECT_EQ(ask(2, 2), -1);
    EXPECT_EQ(ask(0, 3), EDEADLK);
    EXPECT_EQ(ask(1, 1), -1);  // the others go on waiting
    let_go(2, 3);
    EXPECT_EQ(ask(2, 2), 0);
    EXPECT_EQ(ask(2, 3), -1);
}

TEST_F(LocksInACircle, WhoDoesNotWaitAnyMoreIsNotInIt) {
    ASSERT_EQ(ask(0, 1), 0);
    ASSERT_EQ(ask(1, 2), 0);
    EXPECT_EQ(ask(1, 1), -1);
    // FuseClient numbers all its requests alike.
    EXPECT_EQ(a_->client->send(Opcode::kInterrupt, 0, args(abi::InterruptIn{7})).error, 0);
    EXPECT_EQ(ask(1, 1), EINTR);
    EXPECT_EQ(ask(0, 2), -1);
    EXPECT_EQ(ask(1, 1), EDEADLK);
}

TEST_F(LocksInACircle, WhoHasGotItsLockIsNotInIt) {
    ASSERT_EQ(ask(0, 1), 0);
    ASSERT_EQ(ask(1, 2), 0);
    EXPECT_EQ(ask(1, 1), -1);
    let_go(1, 2);
    EXPECT_EQ(ask(1, 1), 0);
    EXPECT_EQ(ask(0, 2), -1);
}

TEST_F(LocksInACircle, AChangeOfOnesOwnLockIsNone) {
    ASSERT_EQ(ask(0, 1, Opcode::kSetlkw, F_RDLCK), 0);
    EXPECT_EQ(ask(0, 1), 0);
    EXPECT_EQ(ask(0, 1, Opcode::kSetlkw, F_RDLCK), 0);
}

}  // namespace krun::test
