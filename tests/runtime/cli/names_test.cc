// SPDX-License-Identifier: Apache-2.0
// Container ids and signals: the names that come from outside.
#include <gtest/gtest.h>

#include "runtime/cli/signal_name.h"
#include "runtime/state/container_id.h"

namespace krun::runtime {
namespace {

TEST(ContainerId, PlainNamesAreAccepted) {
    for (std::string const& id :
         {std::string("a"), std::string("0"), std::string("web-1.2_3+4"), std::string("A.."),
          std::string("_x"), std::string("+x"), std::string(255, 'x')})
        EXPECT_TRUE(check_container_id(id).ok()) << id;
}

TEST(ContainerId, NamesThatCouldBeAPathOrAFlagAreRefused) {
    for (std::string const& id :
         {std::string(), std::string("."), std::string(".."), std::string(".hidden"), std::string("a/b"),
          std::string("/a"), std::string("-x"), std::string("x\n"), std::string("x y"), std::string("é"),
          std::string("x\0y", 3), std::string("\x80"), std::string("a\\b"), std::string("a:b"),
          std::string(256, 'x'), std::string(1024, 'x')}) {
        auto const result = check_container_id(id);
        ASSERT_FALSE(result.ok()) << id;
        EXPECT_EQ(result.error().code(), Errc::kInvalidConfig);
        EXPECT_TRUE(result.error().message().starts_with("invalid container id \""))
            << result.error().message();
        EXPECT_EQ(result.error().message().find('\n'), std::string::npos);
    }
}

TEST(SignalName, NumbersAndNamesInAnyCaseAreRead) {
    struct {
        char const* text;
        int number;
    } const signals[] = {{"9", 9},       {"KILL", 9},     {"SIGKILL", 9},     {"kill", 9},   {"sigkill", 9},
                         {"TERM", 15},   {"SigTerm", 15}, {"1", 1},           {"HUP", 1},    {"64", 64},
                         {"37", 37},     {"RTMIN", 34},   {"SIGRTMIN+3", 37}, {"RTMAX", 64}, {"rtmax-1", 63},
                         {"WINCH", 28},  {"SIGCLD", 17},  {"IOT", 6},         {"POLL", 29},  {"SYS", 31},
                         {"STKFLT", 16}, {"SIGUSR1", 10}};
    for (auto const& [text, number] : signals) {
        auto const result = parse_signal(text);
        ASSERT_TRUE(result.ok()) << text;
        EXPECT_EQ(result.value(), number) << text;
    }
}

TEST(SignalName, AnythingElseIsAnUnknownSignal) {
    for (char const* text : {"", "0", "65", "-9", "+9", "9 ", "SIG", "SIGSIGKILL", "KILLER", "RTMIN+31",
                             "RTMIN-1", "RTMAX+1", "RTMIN+", "99999999999999999999"}) {
        auto const result = parse_signal(text);
        ASSERT_FALSE(result.ok()) << text;
        EXPECT_EQ(result.error().message(), "unknown signal \"" + std::string(text) + "\"");
    }
}

}  // namespace
}  // namespace krun::runtime
