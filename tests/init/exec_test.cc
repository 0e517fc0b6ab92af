// SPDX-License-Identifier: Apache-2.0
#include "init/exec.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace krun::init {
namespace {

class FindProgram : public ::testing::Test {
protected:
    void program(std::string const& name, mode_t mode) {
        dir_.write(name, "#!/bin/sh\n");
        ASSERT_EQ(::chmod((dir_ / name).c_str(), mode), 0);
    }
    test::TempDir dir_;
};

TEST_F(FindProgram, FirstExecutableOfThePathIsTaken) {
    dir_.make_dir("a");
    dir_.make_dir("b");
    program("b/tool", 0755);
    EXPECT_EQ(find_program("tool", (dir_ / "a") + ":" + (dir_ / "b")).value(), dir_ / "b/tool");
}

TEST_F(FindProgram, NotInPathIs127) {
    auto const found = find_program("nosuch", dir_.path());
    EXPECT_EQ(found.error().exit_code, 127u);
    EXPECT_EQ(found.error().text, "exec: \"nosuch\": executable file not found in $PATH");
}

TEST_F(FindProgram, EmptyNameIs127) {
    EXPECT_EQ(find_program("", "/bin").error().text, "exec: \"\": executable file not found in $PATH");
}

TEST_F(FindProgram, MissingAbsolutePathIs127) {
    auto const found = find_program("/no/such", "/bin");
    EXPECT_EQ(found.error().exit_code, 127u);
    EXPECT_EQ(found.error().text, "exec: \"/no/such\": stat /no/such: no such file or directory");
}

TEST_F(FindProgram, FileWithoutExecuteBitIs126) {
    program("plain", 0644);
    auto const found = find_program(dir_ / "plain", "/bin");
    EXPECT_EQ(found.error().exit_code, 126u);
    EXPECT_EQ(found.error().text, "exec: \"" + (dir_ / "plain") + "\": permission denied");
}

TEST_F(FindProgram, FileWithoutExecuteBitInPathIsPassedOver) {
    dir_.make_dir("a");
    dir_.make_dir("b");
    program("a/tool", 0644);
    program("b/tool", 0755);
    EXPECT_EQ(find_program("tool", (dir_ / "a") + ":" + (dir_ / "b")).value(), dir_ / "b/tool");
    EXPECT_EQ(find_program("tool", dir_ / "a").error().exit_code, 126u);
}

TEST_F(FindProgram, DirectoryIs126AndSaysSo) {
    auto const found = find_program(dir_.path(), "/bin");
    EXPECT_EQ(found.error().exit_code, 126u);
    EXPECT_EQ(found.error().text, "exec: \"" + dir_.path() + "\": is a directory: permission denied");
}

TEST_F(FindProgram, DirectoryInPathIsPassedOver) {
    dir_.make_dir("a/tool");
    EXPECT_EQ(find_program("tool", dir_ / "a").error().exit_code, 127u);
}

TEST(SearchPath, IsThePayloadsOwnOrTheDefault) {
    EXPECT_EQ(search_path({"A=1", "PATH=/x:/y"}), "/x:/y");
    EXPECT_EQ(search_path({"PATH="}), "");
    EXPECT_EQ(search_path({"XPATH=/x"}), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

}  // namespace
}  // namespace krun::init
