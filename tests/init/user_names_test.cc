// SPDX-License-Identifier: Apache-2.0
// Users and groups by name: the tables alone, then in containers whose files are hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "config-gen/user_names.h"
#include "execution_fixture.h"

namespace krun::init {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "short:x:5\n"
    "huge:x:4294967296:1::/:\n"
    "nobody:x:4294967295:1::/:\n"
    "web:x:33:34:web:/var/www:/bin/sh\n";
constexpr char kGroup[] = "root:x:0:\nweb:x:34:\nlogs:x:40:root,web\nbroken:x:41\nnone:x:42:webmaster\n";

guest::User named(std::string name, std::string group_name = {}) {
    guest::User user;
    user.name = std::move(name);
    user.group_name = std::move(group_name);
    return user;
}

TEST(UserNames, NameBringsItsGroupAndThoseThatListIt) {
    auto const user = look_up_user(named("web"), kPasswd, kGroup).value();
    EXPECT_EQ(user.uid, 33u);
    EXPECT_EQ(user.gid, 34u);
    EXPECT_THAT(user.additional_gids, ElementsAre(40));
}

// The payload's cgroup pays for it, which may be small.
TEST(UserNames, HugeHostileFilesTakeNoMemoryBeyondTheirOwn) {
    constexpr size_t kBytes = size_t{4} << 20;
    std::string const hostile[] = {std::string(kBytes, '\n'), std::string(kBytes, ':'),
                                   "web:x:34:" + std::string(kBytes, ',')};
    rusage before{};
    rusage after{};
    ::getrusage(RUSAGE_SELF, &before);
    for (auto const& text : hostile) {
        EXPECT_FALSE(look_up_user(named("absent"), text, text).ok());
        EXPECT_EQ(look_up_user(named("7", "web"), text, "web:x:34:\n" + text).value().gid, 34u);
        EXPECT_EQ(look_up_user(named("web"), kPasswd, text).value().uid, 33u);
        EXPECT_EQ(home_in_passwd(text, 7), "");
    }
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 * 1024) << "KiB";
}

TEST(UserNames, GroupNameWinsAndStandsAlone) {
    auto const user = look_up_user(named("web", "root"), kPasswd, kGroup).value();
    EXPECT_EQ(user.gid, 0u);
    EXPECT_TRUE(user.additional_gids.empty());
}

TEST(UserNames, NumberNeedsNoLineButUsesItsOwn) {
    EXPECT_EQ(look_up_user(named("33"), kPasswd, kGroup).value().gid, 34u);
    auto const unknown = look_up_user(named("1234"), kPasswd, kGroup).value();
    EXPECT_EQ(unknown.uid, 1234u);
    EXPECT_EQ(unknown.gid, 0u);
    EXPECT_EQ(look_up_user(named("33", "77"), kPasswd, kGroup).value().gid, 77u);
}

TEST(UserNames, GroupAloneLeavesTheUser) {
    auto user = named("", "logs");
    user.uid = 7;
    EXPECT_EQ(look_up_user(user, kPasswd, kGroup).value().uid, 7u);
    EXPECT_EQ(look_up_user(user, kPasswd, kGroup).value().gid, 40u);
}

TEST(UserNames, UnknownNamesAndMalformedLinesAreErrors) {
    for (auto const* name : {"nosuch", "short", "huge", "nobody", "4294967295", "-1", "we"})
        EXPECT_EQ(look_up_user(named(name), kPasswd, kGroup).error().message(),
                  "unable to find user " + std::string(name) + ": no matching entries in passwd file");
    EXPECT_EQ(look_up_user(named("web", "broken"), kPasswd, kGroup).error().message(),
              "unable to find group broken: no matching entries in group file");
}

using UserNamesInContainer = ExecutionTest;

TEST_F(UserNamesInContainer, AreLookedUpInTheContainersFiles) {
    write_file("etc/passwd", kPasswd);
    write_file("etc/group", kGroup);
    run_.config().process.user = named("root");
    start_payload();
    auto config = run_.probe_to_execute({"ids", ",", "env", ",", "write-path", "/dev/stdout"});
    config.process.user = named("web");
    EXPECT_EQ(execute(1, config), 0);
    EXPECT_THAT(output_, HasSubstr("uid=33/33 gid=34/34 umask=0022 groups=40 \n"));
    EXPECT_THAT(output_, HasSubstr("HOME=/var/www\n"));
    EXPECT_THAT(output_, HasSubstr("by path\n"));
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(UserNamesInContainer, UnknownOneFailsWith125) {
    write_file("etc/passwd", kPasswd);
    start_payload();
    auto config = run_.probe_to_execute({"ids"});
    config.process.user = named("nosuch");
    auto const got = refusal(1, config);
    EXPECT_EQ(got.exit_code, 125u);
    EXPECT_EQ(got.text, "unable to find user nosuch: no matching entries in passwd file");
    EXPECT_EQ(end_payload(), 42);
}

// None of them may hang init or the process, or be read as if it were a user's table.
class HostilePasswd : public UserNamesInContainer, public ::testing::WithParamInterface<char const*> {};

TEST_P(HostilePasswd, IsAsIfItWereNotThere) {
    write_file("etc/passwd", "");
    auto const passwd = run_.rootfs() / "etc/passwd";
    std::string const kind = GetParam();
    if (kind == "huge") std::filesystem::resize_file(passwd, uintmax_t{1} << 40);
    if (kind != "huge") std::filesystem::remove(passwd);
    if (kind == "fifo") {
        ASSERT_EQ(::mkfifo(passwd.c_str(), 0666), 0);
    }
    if (kind == "loop") std::filesystem::create_symlink("passwd", passwd);
    if (kind == "escape") std::filesystem::create_symlink("../../../../../../../../etc/passwd", passwd);
    if (kind == "directory") std::filesystem::create_directory(passwd);
    if (kind == "terminal") std::filesystem::create_symlink("/dev/ptmx", passwd);
    start_payload();
    auto config = run_.probe_to_execute({"ids"});
    config.process.user = named("root");
    EXPECT_THAT(refusal(1, config).text, HasSubstr("unable to find user root"));
    EXPECT_EQ(end_payload(), 42);
}
INSTANTIATE_TEST_SUITE_P(Kinds, HostilePasswd,
                         ::testing::Values("huge", "fifo", "loop", "escape", "directory", "terminal"),
                         [](auto const& one) { return std::string(one.param); });

}  // namespace
}  // namespace krun::init
