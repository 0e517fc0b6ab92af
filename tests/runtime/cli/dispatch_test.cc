// SPDX-License-Identifier: Apache-2.0
// Bad command lines and bad bundles: one line, a failure, and nothing left behind.
#include "runtime/cli/dispatch.h"

#include <gmock/gmock.h>

#include "runtime/cli/command_table.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Ended run(std::vector<char const*> const& words, char const* runtime_dir = nullptr) {
    return dispatch(words, runtime_dir);
}

TEST(Dispatch, VersionHasTheWordOnlyInItsFirstLine) {
    for (char const* spelling : {"--version", "-v", "-V", "-version"}) {
        auto const ended = run({spelling});
        EXPECT_EQ(ended.status, 0);
        EXPECT_THAT(ended.output, StartsWith("krun-oci version "));
        EXPECT_EQ(ended.output.rfind("version"), ended.output.find("version"));
        EXPECT_THAT(ended.output, HasSubstr("\ncommit: "));
        EXPECT_THAT(ended.output, HasSubstr("\nspec: 1."));
    }
}

TEST(Dispatch, HelpShowsEveryCommandThatWorks) {
    auto const help = run({"--help"}).output;
    for (Command const* command : commands()) {
        auto const ended = run({command->name, "--help"});
        if (command->run == nullptr) {
            // Podman takes a checkpoint --help that succeeds for support.
            EXPECT_NE(ended.status, 0) << command->name;
            EXPECT_EQ(ended.complaint, std::string(command->name) + " is not supported yet");
            continue;
        }
        EXPECT_THAT(help, HasSubstr("  " + std::string(command->name) + " "));
        EXPECT_EQ(ended.status, 0) << command->name;
        for (Flag const& flag : command->flags) EXPECT_THAT(ended.output, HasSubstr(flag.name));
    }
}

TEST(Dispatch, FailedExecHasAStatusThatNoProgramHas) {
    EXPECT_EQ(run({"exec", "web", "true"}).status, 255);
    EXPECT_EQ(run({"pause", "web"}).status, 1);
}

struct Mistake {
    std::vector<char const*> words;
    char const* complaint;
};

TEST(Dispatch, MistakesOnTheCommandLineAreOneLineEach) {
    Mistake const mistakes[] = {
        {{"frobnicate"}, "unknown command \"frobnicate\""},
        {{"fo\no\x1b"}, "unknown command \"fo\\x0ao\\x1b\""},
        {{"--invalidflag", "state"}, "unknown option --invalidflag"},
        {{"state", "--invalidflag", "web"}, "unknown option --invalidflag"},
        {{"state", "--bad\nflag", "web"}, "unknown option --bad flag"},
        {{"state"}, "state needs an argument: the container's ID"},
        {{"state", "a", "b"}, "state: unexpected argument \"b\""},
        {{"--root"}, "flag needs an argument: --root"},
        {{"--root", "/", "list"}, "--root \"/\": must be a directory other than /"},
        {{"--root", "", "list"}, "--root \"\": must be a directory other than /"},
        {{"--log-format", "xml", "list"}, "--log-format \"xml\": must be text or json"},
        {{"--log-level", "loud", "list"}, "--log-level \"loud\": must be error, warning, info or debug"},
        {{"--cgroup-manager", "x", "list"}, "--cgroup-manager \"x\": must be cgroupfs, systemd or disabled"},
        {{"--log", "journald:x", "list"}, "--log journald:x: only files are supported"},
        {{"--log", "/no/such/log", "list"}, "log file: open /no/such/log: No such file or directory"},
        {{"list", "--format", "xml"}, "--format \"xml\": must be table or json"},
        {{"kill", "web", "SIGFOO"}, "unknown signal \"SIGFOO\""},
        {{"create", "--preserve-fds", "x", "web"}, "--preserve-fds \"x\": must be a number from 0 to 29"},
        {{"pause", "web"}, "container \"web\" does not exist"},
        {{"create", "-b", "/no/such", "web"}, "bundle: open /no/such: No such file or directory"},
    };
    for (auto const& [words, complaint] : mistakes) {
        auto const ended = run(words);
        EXPECT_EQ(ended.status, 1) << complaint;
        EXPECT_EQ(ended.complaint, complaint);
        EXPECT_EQ(ended.output, "");
        EXPECT_EQ(ended.trace, "");
    }
}

TEST(Dispatch, EmptyRuntimeDirCountsAsUnset) {
    EXPECT_EQ(
        read_globals(parse_options(global_flags(), Positionals::kAnywhere, {}).value(), "").value().root,
        "/run/krun-oci");
    EXPECT_EQ(
        read_globals(parse_options(global_flags(), Positionals::kAnywhere, {}).value(), nullptr).value().root,
        "/run/krun-oci");
    EXPECT_EQ(
        read_globals(parse_options(global_flags(), Positionals::kAnywhere, {}).value(), "/x").value().root,
        "/x/krun-oci");
}

TEST(Dispatch, CgroupManagerOverridesSystemdCgroup) {
    auto const manager = [](std::vector<char const*> const& words) {
        return read_globals(parse_options(global_flags(), Positionals::kAnywhere, words).value(), nullptr)
            .value()
            .cgroup_manager;
    };
    EXPECT_EQ(manager({}), CgroupManager::kCgroupfs);
    EXPECT_EQ(manager({"--systemd-cgroup"}), CgroupManager::kSystemd);
    EXPECT_EQ(manager({"--systemd-cgroup=false"}), CgroupManager::kCgroupfs);
    EXPECT_EQ(manager({"--systemd-cgroup", "--cgroup-manager", "disabled"}), CgroupManager::kDisabled);
}

class BadInput : public test::CommandLine {};

TEST_F(BadInput, LogIsMadeAtOnceAndHoldsOneRecordOfTheSameLine) {
    EXPECT_EQ(krun({"list"}).status, 0);
    auto const path = dir_ / "log.json";
    run({"--root", root().c_str(), "--log", path.c_str(), "--log-format", "json", "list"});
    EXPECT_EQ(read_file(path, 1000).value(), "");
    auto const ended =
        run({"--root", root().c_str(), "--log", path.c_str(), "--log-format=json", "state", "web"});
    auto const text = read_file(path, 1000).value();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_THAT(text, StartsWith(R"({"level":"error","msg":"container \"web\" does not exist","time":")"));
    EXPECT_EQ(ended.complaint, "container \"web\" does not exist");
}

TEST_F(BadInput, DebugSaysWhereTheErrorArose) {
    auto const ended = run({"--root", root().c_str(), "--debug", "state", "web"});
    EXPECT_THAT(ended.trace, HasSubstr("runtime/"));
}

TEST_F(BadInput, InvalidIdsAreRefusedBeforeAnythingIsMade) {
    test::SpecText const spec;
    for (char const* id : {"", "..", ".", "a/b", "x\n", "-x", "é"}) {
        auto const ended = krun({"create", "-b", bundle(spec.text()), "--", id});
        EXPECT_EQ(ended.status, 1);
        EXPECT_THAT(ended.complaint, StartsWith("invalid container id ")) << id;
        EXPECT_EQ(ended.complaint.find('\n'), std::string::npos);
    }
    EXPECT_THAT(left_in_root(), IsEmpty());
}

TEST_F(BadInput, BadConfigIsOneLineAndLeavesNothing) {
    test::SpecText unknown_capability;
    unknown_capability.process = R"("cwd":"/","args":["sh"],"capabilities":{"bounding":["CAP_FLY"]})";
    test::SpecText unknown_rlimit;
    unknown_rlimit.process = R"("cwd":"/","args":["sh"],"rlimits":[{"type":"RLIMIT_X","hard":1,"soft":1}])";
    test::SpecText unknown_namespace;
    unknown_namespace.linux = R"("namespaces":[{"type":"moon"}])";
    test::SpecText duplicate_namespace;
    duplicate_namespace.linux = R"("namespaces":[{"type":"pid"},{"type":"pid"}])";
    test::SpecText wrong_type;
    wrong_type.process = R"("cwd":7,"args":["sh"])";
    test::SpecText wrong_version;
    wrong_version.version = R"("2.0.0")";
    struct {
        std::string config;
        char const* part;
    } const bad[] = {{"", "config.json"},
                     {"hello", "line 1"},
                     {"[]", "object"},
                     {"{}", "ociVersion"},
                     {wrong_type.text(), "process.cwd"},
                     {wrong_version.text(), "ociVersion"},
                     {unknown_capability.text(), "CAP_FLY"},
                     {unknown_rlimit.text(), "RLIMIT_X"},
                     {unknown_namespace.text(), "moon"},
                     {duplicate_namespace.text(), "linux.namespaces[1].type"}};
    for (auto const& [config, part] : bad) {
        auto const ended = krun({"create", "--bundle", bundle(config), "web"});
        EXPECT_EQ(ended.status, 1) << config;
        EXPECT_THAT(ended.complaint, HasSubstr(part));
        EXPECT_EQ(ended.complaint.find('\n'), std::string::npos);
        EXPECT_THAT(left_in_root(), IsEmpty());
        EXPECT_FALSE(child_left());
    }
}

TEST_F(BadInput, MissingConfigIsNamed) {
    dir_.make_dir("empty");
    auto const ended = krun({"create", "--bundle", dir_ / "empty", "web"});
    EXPECT_THAT(ended.complaint, HasSubstr("config.json: No such file or directory"));
    EXPECT_THAT(left_in_root(), IsEmpty());
}

TEST_F(BadInput, SpecDoesNotOverwriteAndWritesWhatCreateAccepts) {
    dir_.make_dir("new");
    EXPECT_EQ(krun({"spec", "--bundle", dir_ / "new"}).status, 0);
    auto const first = read_file(dir_ / "new/config.json", 100000).value();
    EXPECT_EQ(krun({"spec", "--bundle", dir_ / "new"}).complaint,
              "config.json exists already; remove it first");
    EXPECT_EQ(read_file(dir_ / "new/config.json", 100000).value(), first);
    // It is valid: what create asks for next is the terminal's socket.
    EXPECT_EQ(krun({"create", "-b", dir_ / "new", "web"}).complaint,
              "process.terminal needs --console-socket");
    std::filesystem::remove(dir_ / "new/config.json");
    EXPECT_EQ(krun({"spec", "--rootless", "--bundle", dir_ / "new"}).status, 0);
    EXPECT_EQ(krun({"create", "-b", dir_ / "new", "web"}).complaint,
              "process.terminal needs --console-socket");
}

}  // namespace
}  // namespace krun::runtime
