// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/oom_score.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/isolation/privileges.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;

std::string own_score() {
    auto const file = open_path("/proc/self/oom_score_adj", O_RDONLY).value();
    return read_file(file.borrow(), 16).value();
}

// In a process of its own, because a score that was raised cannot be lowered by everybody.
template <class F>
void in_child(F body) {
    pid_t const pid = ::fork();
    if (pid == 0) {
        body();
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

TEST(OomScore, IsThisProcesssAfterwards) {
    in_child([] {
        ASSERT_TRUE(set_oom_score_adj(1000).ok());
        EXPECT_EQ(own_score(), "1000\n");
    });
}

TEST(OomScore, LessWithoutThePrivilegeNamesTheField) {
    in_child([] {
        ASSERT_TRUE(set_oom_score_adj(900).ok());
        ASSERT_TRUE(drop_privileges().ok());
        auto const refused = set_oom_score_adj(-1000);
        ASSERT_FALSE(refused.ok());
        EXPECT_THAT(refused.error().message(), HasSubstr("process.oomScoreAdj: -1000"));
        EXPECT_THAT(refused.error().message(), HasSubstr("CAP_SYS_RESOURCE"));
        EXPECT_EQ(own_score(), "900\n");
    });
}

}  // namespace
}  // namespace krun::runtime
