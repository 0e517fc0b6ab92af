// SPDX-License-Identifier: Apache-2.0
// Hooks at the points of a container's life.
#include <gmock/gmock.h>

#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HooksTest : public test::CommandLine {
protected:
    // config.json's member "hooks" with one shell command at one point.
    static std::string hook(std::string const& point, std::string const& command,
                            std::string const& more = {}) {
        return "\"hooks\":{\"" + point + "\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"" + command +
               "\"]" + more + "}]}";
    }
    Ended create_with(std::string const& hooks) const { return create("web", R"(["wait"])", hooks); }
    std::string text_of(char const* file) const { return read_file(dir_ / file, 10000).value(); }
};

TEST_F(HooksTest, CreateHookGetsTheStateAndTheBundleDirectory) {
    auto const ended = create_with(hook("createRuntime", "cat > ../got; echo noise; echo noise >&2"));
    EXPECT_EQ(ended.status, 0) << ended.complaint;
    EXPECT_THAT(text_of("got"), HasSubstr("\"id\":\"web\""));
    EXPECT_THAT(text_of("got"), HasSubstr("\"status\":\"created\""));
    EXPECT_THAT(text_of("got"), HasSubstr("\"bundle\":\"" + dir_.path() + "/bundle\""));
    EXPECT_THAT(text_of("got"), testing::Not(HasSubstr("\"pid\":0,")));
    krun({"delete", "web"});
    child_left();
}

TEST_F(HooksTest, FailedCreateHookUndoesTheContainerAndIsQuoted) {
    for (char const* point : {"prestart", "createRuntime", "createContainer"}) {
        auto const ended = create_with(hook(point, "echo no network >&2; exit 3"));
        EXPECT_EQ(ended.status, 1);
        EXPECT_EQ(ended.complaint, std::string(point) + " hook /bin/sh: its exit status is 3: no network");
        EXPECT_THAT(left_in_root(), IsEmpty());
        EXPECT_FALSE(child_left());
    }
}

TEST_F(HooksTest, HookThatHangsIsEndedAtItsTimeout) {
    auto const ended = create_with(hook("prestart", "exec sleep 100", ",\"timeout\":1"));
    EXPECT_EQ(ended.complaint, "prestart hook /bin/sh: it did not end in time");
    EXPECT_FALSE(child_left());
}

TEST_F(HooksTest, HookHasTheEnvironmentItLists) {
    create_with(hook("prestart", "env > ../got", R"(,"env":["ONLY=this"])"));
    EXPECT_THAT(text_of("got"), HasSubstr("ONLY=this\n"));
    EXPECT_THAT(text_of("got"), testing::Not(HasSubstr("HOME=")));
    krun({"delete", "web"});
    child_left();
}

TEST_F(HooksTest, PoststartHookRunsAtStartAndItsFailureEndsTheContainer) {
    create_with(hook("poststart", "cat > ../got; exit 1"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "got"));
    EXPECT_EQ(krun({"start", "web"}).complaint, "poststart hook /bin/sh: its exit status is 1");
    EXPECT_THAT(text_of("got"), HasSubstr("\"status\":\"running\""));
    for (int i = 0; i < 5000 && status_of("web") != "stopped"; ++i) ::usleep(1000);
    EXPECT_EQ(status_of("web"), "stopped");
    krun({"delete", "web"});
    child_left();
}

TEST_F(HooksTest, PoststopHookRunsAfterDeleteAndItsFailureIsIgnored) {
    create_with(hook("poststop", "cat > ../got; exit 1"));
    auto const ended = krun({"delete", "web"});
    EXPECT_EQ(ended.status, 0) << ended.complaint;
    EXPECT_THAT(text_of("got"), HasSubstr("\"status\":\"stopped\""));
    EXPECT_THAT(left_in_root(), IsEmpty());
    child_left();
}

}  // namespace
}  // namespace krun::runtime
