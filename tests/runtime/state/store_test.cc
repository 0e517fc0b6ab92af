// SPDX-License-Identifier: Apache-2.0
// The state directory against other users, damage and races.
#include "runtime/state/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
protected:
    Store store() const { return Store::open_or_create(root_).value(); }
    Record record(std::string const& id) const {
        Record out;
        out.id = id;
        out.oci_version = "1.0.2";
        out.phase = name(Phase::kCreated);
        out.annotations = {{"key", "value"}};
        out.container = {.pid = 7, .start_time = 8, .boot_id = "boot"};
        return out;
    }
    // The complaint of a load from the container "web", whose state.json this has just made.
    std::string load_error() const { return store().find("web").value().load().error().message(); }

    test::TempDir dir_;
    std::string root_ = dir_ / "a/b/state";
};

TEST_F(StoreTest, NewRootIsPrivate) {
    store();
    struct stat info {};
    ASSERT_EQ(::stat(root_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(StoreTest, MissingRootHasNoContainersAndIsNotMade) {
    auto const missing = Store::open(root_);
    ASSERT_TRUE(missing.ok());
    EXPECT_TRUE(missing.value().list().value().empty());
    EXPECT_EQ(missing.value().find("web").error().code(), Errc::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(root_));
}

TEST_F(StoreTest, RootThatIsASymbolicLinkIsRefused) {
    dir_.make_dir("elsewhere");
    dir_.link("elsewhere", "state");
    for (std::string const& path : {dir_ / "state", dir_ / "state/"})
        EXPECT_THAT(Store::open(path).error().message(), HasSubstr("is not ours: it is a symbolic link"));
}

TEST_F(StoreTest, RootOfAnotherUserIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "skipped: only root can give a directory away";
    store();
    ASSERT_EQ(::chown(root_.c_str(), 1000, 1000), 0);
    EXPECT_THAT(Store::open(root_).error().message(), HasSubstr("is not ours: another user owns it"));
}

TEST_F(StoreTest, RootThatOthersCanWriteToIsRefused) {
    store();
    ASSERT_EQ(::chmod(root_.c_str(), 0777), 0);
    EXPECT_THAT(Store::open(root_).error().message(), HasSubstr("is not ours: other users can write to it"));
}

TEST_F(StoreTest, ContainerDirectoryThatIsALinkIsRefused) {
    store();
    dir_.make_dir("elsewhere");
    std::filesystem::create_symlink(dir_ / "elsewhere", root_ + "/web");
    EXPECT_THAT(store().find("web").error().message(), HasSubstr("is not ours"));
    EXPECT_EQ(store().create("web").error().message(), "container with given ID already exists");
}

TEST_F(StoreTest, IdIsCheckedBeforeTheFileSystem) {
    store();
    EXPECT_THAT(store().create("../web").error().message(), HasSubstr("invalid container id"));
    EXPECT_THAT(store().find("..").error().message(), HasSubstr("invalid container id"));
    EXPECT_THAT(Store::open(root_).value().find("").error().message(), HasSubstr("invalid container id"));
}

TEST_F(StoreTest, OfManyCreatesAtOnceExactlyOneSucceeds) {
    auto const shared = store();
    std::atomic<int> made = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { made += shared.create("web").ok() ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
}

TEST_F(StoreTest, RecordComesBackAsItWasSaved) {
    auto const dir = store().create("web").value();
    ASSERT_TRUE(dir.save(record("web")).ok());
    auto const loaded = dir.load().value();
    EXPECT_EQ(loaded.id, "web");
    EXPECT_EQ(loaded.phase, "created");
    EXPECT_EQ(loaded.annotations.at("key"), "value");
    EXPECT_EQ(loaded.container.pid, 7);
    EXPECT_EQ(loaded.container.start_time, 8u);
    EXPECT_EQ(loaded.container.boot_id, "boot");
}

TEST_F(StoreTest, RecordThatIsReplacedMeanwhileIsTheOldOrTheNew) {
    auto const dir = store().create("web").value();
    ASSERT_TRUE(dir.save(record("web")).ok());
    std::atomic<bool> done = false;
    std::thread writer([&] {
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(dir.save(record("web")).ok());
        done = true;
    });
    std::string complaint;
    while (!done && complaint.empty())
        if (auto const loaded = dir.load(); !loaded.ok()) complaint = loaded.error().message();
    writer.join();
    EXPECT_EQ(complaint, "");
}

TEST_F(StoreTest, DirectoryWithoutARecordIsNoContainer) {
    auto const dir = store().create("web").value();
    EXPECT_EQ(dir.load().error().message(), "container \"web\" does not exist");
    EXPECT_EQ(dir.load().error().code(), Errc::kNotFound);
}

TEST_F(StoreTest, DamagedRecordIsReportedAsCorrupt) {
    auto const dir = store().create("web").value();
    std::string const whole = write_record(record("web"));
    std::string const other = write_record(record("other"));
    std::string const newer = "{\"version\":2}";
    for (std::string const& text :
         {std::string(), std::string("{"), std::string("null"), std::string("[]"),
          whole.substr(0, whole.size() / 2), other, newer, std::string(5000, '\0')}) {
        std::ofstream(root_ + "/web/state.json", std::ios::binary) << text;
        EXPECT_THAT(load_error(), ::testing::StartsWith("corrupt state for web: ")) << text;
    }
    std::ofstream(root_ + "/web/state.json") << newer;
    EXPECT_THAT(load_error(), HasSubstr("a newer version"));
    std::ofstream(root_ + "/web/state.json") << other;
    EXPECT_THAT(load_error(), HasSubstr("another container's"));
}

TEST_F(StoreTest, HugeRecordIsNotRead) {
    auto const dir = store().create("web").value();
    std::ofstream(root_ + "/web/state.json");
    std::filesystem::resize_file(root_ + "/web/state.json", uintmax_t{1} << 30);
    EXPECT_THAT(load_error(), HasSubstr("corrupt state for web: larger than"));
}

TEST_F(StoreTest, RecordThatIsALinkOrFifoIsCorruptAndDoesNotBlock) {
    auto const dir = store().create("web").value();
    std::string const path = root_ + "/web/state.json";
    dir_.write("planted", write_record(record("web")));

    std::filesystem::create_symlink(dir_ / "planted", path);
    EXPECT_THAT(load_error(), HasSubstr("corrupt state for web"));
    std::filesystem::remove(path);

    std::filesystem::create_hard_link(dir_ / "planted", path);
    EXPECT_THAT(load_error(), HasSubstr("corrupt state for web"));
    std::filesystem::remove(path);

    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_THAT(load_error(), HasSubstr("corrupt state for web"));
}

TEST_F(StoreTest, SavingReplacesAPlantedLinkInsteadOfFollowingIt) {
    auto const dir = store().create("web").value();
    dir_.write("victim", "precious");
    std::filesystem::create_symlink(dir_ / "victim", root_ + "/web/state.json");
    std::filesystem::create_symlink(dir_ / "victim", root_ + "/web/.state.json.new");
    ASSERT_TRUE(dir.save(record("web")).ok());
    EXPECT_TRUE(dir.load().ok());
    EXPECT_EQ(read_file(dir_ / "victim", 100).value(), "precious");
}

TEST_F(StoreTest, ListIsSortedAndSkipsWhatIsNoContainer) {
    auto const shared = store();
    ASSERT_TRUE(shared.create("b").ok());
    ASSERT_TRUE(shared.create("a").ok());
    std::filesystem::create_directory(root_ + "/.hidden");
    EXPECT_THAT(shared.list().value(), ElementsAre("a", "b"));
}

TEST_F(StoreTest, LockOfADeletedContainerSaysItDoesNotExist) {
    auto const shared = store();
    auto const first = shared.create("web").value();
    auto const second = shared.find("web").value();
    {
        auto const lock = first.lock().value();
        ASSERT_TRUE(shared.remove(first, lock).ok());
    }
    EXPECT_EQ(second.lock().error().code(), Errc::kNotFound);
    EXPECT_EQ(second.save(record("web")).error().code(), Errc::kNotFound);
    // Its name is free, and the old directory's holder cannot touch the new one.
    EXPECT_TRUE(shared.create("web").ok());
}

TEST_F(StoreTest, LockKeepsOthersOut) {
    auto const dir = store().create("web").value();
    auto const other = store().find("web").value();
    auto lock = std::optional(dir.lock().value());
    std::atomic<bool> released = false;
    std::thread waiter([&] {
        EXPECT_TRUE(other.lock().ok());
        EXPECT_TRUE(released);
    });
    ::usleep(50'000);
    released = true;
    lock.reset();
    waiter.join();
}

}  // namespace
}  // namespace krun::runtime
