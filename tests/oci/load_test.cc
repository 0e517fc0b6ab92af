// SPDX-License-Identifier: Apache-2.0
#include "oci/load.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/golden.h"
#include "tests/support/spec_text.h"
#include "tests/support/temp_dir.h"

namespace krun::oci {
namespace {

using test::SpecText;

TEST(ParseSpec, MinimalConfigHasTheDefaults) {
    auto const spec = parse_spec(R"({"ociVersion":"1.2.1","root":{"path":"rootfs"}})");
    ASSERT_TRUE(spec.ok()) << spec.error().message();
    EXPECT_FALSE(spec.value().process.has_value());
    EXPECT_FALSE(spec.value().root.readonly);
    EXPECT_TRUE(spec.value().mounts.empty());
    EXPECT_EQ(spec.value().linux.find_namespace("pid"), nullptr);
}

TEST(ParseSpec, EveryKindOfMemberIsRead) {
    auto const spec = parse_spec(test::read_source_file("tests/fuzz/corpus/config_json/podman.json"));
    ASSERT_TRUE(spec.ok()) << spec.error().message();
    auto const& s = spec.value();
    EXPECT_EQ(s.process->user.additional_gids, (std::vector<uint32_t>{10, 4294967294u}));
    EXPECT_EQ(s.process->user.umask, 18u);
    EXPECT_EQ(s.process->rlimits[1].hard, UINT64_MAX);
    EXPECT_EQ(s.process->capabilities->bounding.at(0), "CAP_CHOWN");
    EXPECT_EQ(s.mounts.size(), 9u);
    EXPECT_EQ(s.hooks.create_runtime.at(0).env->at(0), "A=b");
    EXPECT_EQ(s.hooks.poststop.at(0).env, std::nullopt);
    EXPECT_EQ(s.linux.resources->memory->limit, 536870912);
    EXPECT_EQ(s.linux.resources->unified.at("memory.high"), "500000000");
    EXPECT_EQ(s.linux.seccomp->syscalls.at(1).args.at(0).value, 2114060288u);
    EXPECT_EQ(s.linux.find_namespace("network")->path, "/run/netns/n");
    EXPECT_EQ(s.annotations.at("krun.cpus"), "2");
}

TEST(ParseSpec, UnknownPropertiesAndAnnotationsAreAccepted) {
    SpecText config{.more = R"("annotations":{"com.example":"x"},"extension":{"a":[1]})"};
    EXPECT_TRUE(parse_spec(config.text()).ok());
}

TEST(ParseProcess, PathsBeginAtTheFilesTop) {
    EXPECT_EQ(parse_process(R"({"cwd":"home","args":["sh"]})").error().message(),
              "cwd: must be an absolute path, is \"home\"");
    EXPECT_EQ(parse_process(R"({"cwd":"/","args":["a","b"]})").value().args.size(), 2u);
}

TEST(ParseResources, PathsBeginAtTheFilesTop) {
    EXPECT_EQ(parse_resources(R"({"memory":{"limit":-2}})").error().message(),
              "memory.limit: must be -1 (unlimited) or a size in bytes, is -2");
    EXPECT_EQ(parse_resources(R"({"pids":{"limit":5}})").value().pids->limit, 5);
}

TEST(LoadBundle, ConfigIsRead) {
    test::TempDir const bundle;
    bundle.write("config.json", SpecText().text());
    EXPECT_TRUE(load_bundle(bundle.fd()).ok());
}

TEST(LoadBundle, ErrorNamesTheFileAndThePath) {
    test::TempDir const bundle;
    EXPECT_EQ(load_bundle(bundle.fd()).error().message(), "open config.json: No such file or directory");
    bundle.write("config.json", SpecText{.process = R"("args":["sh"])"}.text());
    EXPECT_EQ(load_bundle(bundle.fd()).error().message(),
              "config.json: process.cwd: required field is missing");
}

TEST(LoadBundle, SixtyFourMebibytesAreRefusedInOneLine) {
    test::TempDir const bundle;
    bundle.write("config.json", "{}");
    std::filesystem::resize_file(bundle / "config.json", size_t{64} << 20);
    EXPECT_EQ(load_bundle(bundle.fd()).error().message(), "config.json: larger than 16777216 bytes");
}

TEST(LoadBundle, FifoIsRefusedInsteadOfWaitedFor) {
    test::TempDir const bundle;
    ASSERT_EQ(::mkfifo((bundle / "config.json").c_str(), 0600), 0);
    EXPECT_EQ(load_bundle(bundle.fd()).error().message(), "config.json: must be a regular file");
}

TEST(LoadBundle, DirectoryIsRefused) {
    test::TempDir const bundle;
    bundle.make_dir("config.json");
    EXPECT_EQ(load_bundle(bundle.fd()).error().message(), "config.json: must be a regular file");
}

}  // namespace
}  // namespace krun::oci
