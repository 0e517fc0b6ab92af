// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/environment.h"

#include <gmock/gmock.h>

namespace krun::runtime {
namespace {

using ::testing::ElementsAre;

TEST(SetVariable, TakesThePlaceOfAllEntriesOfItsName) {
    std::vector<std::string> env = {"PATH=/a", "PATHS=/b", "PATH=/c"};
    set_variable(env, "PATH=/d");
    EXPECT_THAT(env, ElementsAre("PATHS=/b", "PATH=/d"));
}

TEST(SetVariable, EntryWithoutAValueTakesNoPlace) {
    std::vector<std::string> env = {"PATH=/a"};
    set_variable(env, "PATH");
    EXPECT_THAT(env, ElementsAre("PATH=/a", "PATH"));
}

}  // namespace
}  // namespace krun::runtime
