// SPDX-License-Identifier: Apache-2.0
// Reads that must not wait for the disk: what is in the host's memory is read, all else says so.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <filesystem>

#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

class ColdRead : public HostTree {
protected:
    static constexpr size_t kPage = 4096;

    void SetUp() override {
        write("f", std::string(2 * kPage, 'x'));
        serve();
        node_ = client_->lookup(1, "f");
        handle_ = client_->open(node_, O_RDONLY);
        fd_ = open_path(at("f"), O_RDONLY).value();
        char first = 0;
        iovec const into{&first, 1};
        if (::preadv2(fd_.borrow().raw(), &into, 1, 0, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP)
            GTEST_SKIP() << "skipped: the file system cannot read from memory alone (tmpfs, overlayfs)";
    }
    // Which of the file's two pages are. Looking does not fetch them.
    std::string in_memory() const {
        void* const at = ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd_.borrow().raw(), 0);
        unsigned char pages[2] = {};
        EXPECT_EQ(::mincore(at, 2 * kPage, pages), 0);
        ::munmap(at, 2 * kPage);
        return {(pages[0] & 1) != 0 ? '1' : '0', (pages[1] & 1) != 0 ? '1' : '0'};
    }
    void forget_pages() const {
        ASSERT_EQ(::fdatasync(fd_.borrow().raw()), 0);
        ASSERT_EQ(::posix_fadvise(fd_.borrow().raw(), 0, 0, POSIX_FADV_DONTNEED), 0);
        if (in_memory() != "00") GTEST_SKIP() << "skipped: the host keeps the file in memory";
    }
    // Bytes read, or a negative errno.
    ssize_t read_now(uint64_t offset, size_t len) const {
        std::string text(len, '\0');
        iovec const into{text.data(), text.size()};
        auto const n = fs_->read_now(fs::NodeId{node_}, fs::Handle{handle_}, offset, {&into, 1});
        return n.ok() ? static_cast<ssize_t>(n.value()) : -n.error().value;
    }

    uint64_t node_ = 0;
    uint64_t handle_ = 0;
    UniqueFd fd_;
};

TEST_F(ColdRead, WhatIsNotInMemorySaysSo) {
    forget_pages();
    if (IsSkipped()) return;
    EXPECT_EQ(read_now(0, kPage), -EAGAIN);
    EXPECT_EQ(client_->read(node_, handle_, 0, 2 * kPage).size(), 2 * kPage);
    EXPECT_EQ(read_now(0, 2 * kPage), static_cast<ssize_t>(2 * kPage));
}

// An answer that is too short would be taken for the file's end.
TEST_F(ColdRead, WhatIsInMemoryInPartSaysSo) {
    ASSERT_EQ(::posix_fadvise(fd_.borrow().raw(), 0, 0, POSIX_FADV_RANDOM), 0);  // no reading ahead
    forget_pages();
    if (IsSkipped()) return;
    char first = 0;
    ASSERT_EQ(::pread(fd_.borrow().raw(), &first, 1, 0), 1);
    if (in_memory() != "10") GTEST_SKIP() << "skipped: the host reads more than it was asked for";
    EXPECT_EQ(read_now(0, 2 * kPage), -EAGAIN);
}

TEST_F(ColdRead, TheEndOfTheFileIsNoReasonToWait) {
    write("odd", std::string(kPage + 7, 'x'));
    EXPECT_EQ(read_now(0, 4 * kPage), static_cast<ssize_t>(2 * kPage));
    EXPECT_EQ(read_now(2 * kPage, kPage), 0);
    node_ = client_->lookup(1, "odd");
    handle_ = client_->open(node_, O_RDONLY);
    EXPECT_EQ(read_now(kPage, kPage), 7);
}

TEST(ColdReadInMemory, AFileSystemThatCannotTellIsReadInPlace) {
    if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "skipped: no /dev/shm";
    TempDir dir("/dev/shm");
    dir.write("f", "text");
    fs::NodeIds ids;
    auto made =
        fs::Passthrough::make(open_path(dir / "", O_PATH).value(), fs::open_proc_self_fd().value(), {}, ids);
    ASSERT_TRUE(made.ok());
    auto& tree = *made.value();
    auto const node = tree.lookup(tree.root(), "f").value().node;
    auto const handle = tree.open(node, {O_RDONLY}).value().handle;
    for (int i = 0; i < 2; ++i) {
        char text[8];
        iovec const into{text, sizeof text};
        auto const n = tree.read_now(node, handle, 0, {&into, 1});
        ASSERT_TRUE(n.ok());
        EXPECT_EQ(std::string_view(text, n.value()), "text");
    }
}

}  // namespace krun::test
