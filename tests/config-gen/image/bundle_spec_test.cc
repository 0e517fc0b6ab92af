// SPDX-License-Identifier: Apache-2.0
// config.json of an image's configuration (image-spec conversion.md).
#include "config-gen/image/bundle_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "oci/load.h"
#include "tests/support/temp_dir.h"

namespace krun::image {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class BundleSpec : public ::testing::Test {
protected:
    BundleSpec() {
        rootfs_.make_dir("etc");
        rootfs_.write("etc/passwd", "root:x:0:0::/root:\nweb:x:33:34::/var/www:\n");
        rootfs_.write("etc/group", "root:x:0:\nweb:x:34:\nlogs:x:40:root,web\n");
    }

    // The member "config" of an image's configuration.
    static ImageConfig image(std::string const& config) {
        return parse_image_config(
                   R"({"architecture":"amd64","os":"linux","author":"A","created":"2024-01-02T03:04:05Z",)"
                   R"("config":)" +
                   config + R"(,"rootfs":{"type":"layers","diff_ids":[]}})")
            .value();
    }
    oci::Spec spec(std::string const& config, BundleWishes const& wishes = {}) {
        return bundle_spec(image(config), wishes, rootfs_.fd(), warnings_).value();
    }
    oci::Process process(std::string const& config, BundleWishes const& wishes = {}) {
        return *spec(config, wishes).process;
    }
    std::string error(std::string const& config) {
        return bundle_spec(image(config), {}, rootfs_.fd(), warnings_).error().message();
    }

    test::TempDir rootfs_;
    Warnings warnings_;
};

TEST_F(BundleSpec, ArgumentsAreEntrypointAndThenCmdOrTheCallers) {
    std::string const both = R"({"Entrypoint":["/entry","-x"],"Cmd":["cmd","arg"]})";
    EXPECT_THAT(process(both).args, ElementsAre("/entry", "-x", "cmd", "arg"));
    EXPECT_THAT(process(both, {.arguments = {"mine"}}).args, ElementsAre("/entry", "-x", "mine"));
    EXPECT_THAT(process(R"({"Entrypoint":null,"Cmd":["cmd"]})").args, ElementsAre("cmd"));
    EXPECT_THAT(process(R"({"Entrypoint":["entry"]})").args, ElementsAre("entry"));
    EXPECT_THAT(process("{}").args, ElementsAre("sh"));
}

TEST_F(BundleSpec, EnvironmentIsTheImagesWithAPath) {
    EXPECT_THAT(process(R"({"Env":["A=1","PATH=/mine"]})").env, ElementsAre("A=1", "PATH=/mine"));
    EXPECT_THAT(process(R"({"Env":["A=1"]})").env, ElementsAre("A=1", StartsWith("PATH=/usr/local/sbin")));
    EXPECT_THAT(process("{}", {.terminal = true}).env, Contains("TERM=xterm"));
    EXPECT_THAT(process("{}").env, Not(Contains("TERM=xterm")));
}

TEST_F(BundleSpec, WorkingDirectoryIsTheImagesOrTheRoot) {
    EXPECT_EQ(process(R"({"WorkingDir":"/srv"})").cwd, "/srv");
    EXPECT_EQ(process(R"({"WorkingDir":"srv"})").cwd, "/srv");
    EXPECT_EQ(process("{}").cwd, "/");
}

TEST_F(BundleSpec, TerminalIsTheCallersWish) {
    EXPECT_FALSE(process("{}").terminal);
    EXPECT_TRUE(process("{}", {.terminal = true}).terminal);
}

// config.md#properties: user, uid, user:group, uid:gid, uid:group, user:gid.
TEST_F(BundleSpec, UserIsGivenByNamesAndNumbers) {
    struct Case {
        char const* user;
        uint32_t uid, gid;
        std::vector<uint32_t> more;
    };
    for (auto const& wanted :
         {Case{"web", 33, 34, {40}}, Case{"33", 33, 34, {40}}, Case{"web:root", 33, 0, {}},
          Case{"1000:web", 1000, 34, {}}, Case{"1000:1001", 1000, 1001, {}}, Case{"web:7", 33, 7, {}},
          Case{"1000", 1000, 0, {}}, Case{"", 0, 0, {40}}}) {
        auto const user = process(std::string(R"({"User":")") + wanted.user + "\"}").user;
        EXPECT_EQ(user.uid, wanted.uid) << wanted.user;
        EXPECT_EQ(user.gid, wanted.gid) << wanted.user;
        EXPECT_EQ(user.additional_gids, wanted.more) << wanted.user;
    }
    EXPECT_THAT(error(R"({"User":"nobody"})"),
                HasSubstr("unable to find user nobody: no matching entries in passwd file"));
    EXPECT_THAT(error(R"({"User":"web:no"})"),
                HasSubstr("unable to find group no: no matching entries in group file"));
}

TEST_F(BundleSpec, NoFileOutsideTheImageIsReadForAName) {
    test::TempDir outside;
    outside.write("passwd", "spy:x:77:77::/:\n");
    auto const lookup = R"({"User":"spy"})";
    for (auto const& target : {outside / "passwd", "../../../../../../../.." + (outside / "passwd"),
                               std::string("/proc/self/fd/0")}) {
        std::filesystem::remove(rootfs_ / "etc/passwd");
        rootfs_.link(target, "etc/passwd");
        EXPECT_THAT(error(lookup), HasSubstr("unable to find user spy")) << target;
    }
    std::filesystem::remove_all(rootfs_ / "etc");
    rootfs_.link(outside.path(), "etc");
    EXPECT_THAT(error(lookup), HasSubstr("unable to find user spy")) << "the directory is a link";
}

TEST_F(BundleSpec, LinkWithinTheImageIsFollowedForAName) {
    std::filesystem::rename(rootfs_ / "etc/passwd", rootfs_ / "passwd");
    rootfs_.link("/passwd", "etc/passwd");
    EXPECT_EQ(process(R"({"User":"web"})").user.uid, 33u);
}

TEST_F(BundleSpec, NobodyWaitsForWhatIsNoFile) {
    std::filesystem::remove(rootfs_ / "etc/passwd");
    ASSERT_EQ(::mkfifo((rootfs_ / "etc/passwd").c_str(), 0666), 0);
    EXPECT_THAT(error(R"({"User":"web"})"), HasSubstr("unable to find user web"));
    std::filesystem::remove(rootfs_ / "etc/passwd");
    rootfs_.make_dir("etc/passwd");
    EXPECT_THAT(error(R"({"User":"web"})"), HasSubstr("unable to find user web"));
}

TEST_F(BundleSpec, RootHasWhatEnginesGiveAndOthersNothingYet) {
    auto const root = process("{}");
    EXPECT_THAT(root.capabilities->effective, Contains("CAP_SETUID"));
    EXPECT_THAT(root.capabilities->effective, Not(Contains("CAP_SYS_ADMIN")));
    auto const user = process(R"({"User":"web"})");
    EXPECT_THAT(user.capabilities->effective, IsEmpty());
    EXPECT_THAT(user.capabilities->permitted, IsEmpty());
    EXPECT_THAT(user.capabilities->bounding, Contains("CAP_SETUID"));
}

TEST_F(BundleSpec, LabelsAndWhatIsDerivedAreAnnotations) {
    auto const annotations = spec(R"({"StopSignal":"SIGQUIT","ExposedPorts":{"80/tcp":{},"53/udp":{}},)"
                                  R"("Labels":{"mine":"x","org.opencontainers.image.author":"B"}})")
                                 .annotations;
    EXPECT_THAT(annotations,
                ElementsAre(Pair("mine", "x"), Pair("org.opencontainers.image.architecture", "amd64"),
                            Pair("org.opencontainers.image.author", "B"),
                            Pair("org.opencontainers.image.created", "2024-01-02T03:04:05Z"),
                            Pair("org.opencontainers.image.exposedPorts", "53/udp,80/tcp"),
                            Pair("org.opencontainers.image.os", "linux"),
                            Pair("org.opencontainers.image.stopSignal", "SIGQUIT")));
}

TEST_F(BundleSpec, NoLabelIsAnInstructionToARuntime) {
    auto const made =
        spec(R"({"Labels":{"krun.cpus":"64","krun-oci.kernel":"/tmp/evil","run.oci.handler":"wasm",)"
             R"("org.systemd.property.ExecStart":"x","":"y","krunch":"fine"}})");
    EXPECT_THAT(made.annotations, Contains(Pair("krunch", "fine")));
    for (auto const& [key, value] : made.annotations)
        EXPECT_TRUE(key == "krunch" || key.starts_with("org.opencontainers.image.")) << key;
    EXPECT_THAT(warnings_.lines(), ElementsAre(HasSubstr("5 labels are left out")));
}

TEST_F(BundleSpec, WhatTheRuntimeWouldRefuseIsRefusedHere) {
    EXPECT_THAT(error(R"({"Cmd":["","x"]})"), HasSubstr("process.args[0]: must not be empty"));
}

TEST_F(BundleSpec, WithoutAnImageItIsAShell) {
    auto const made = bundle_spec({}, {}, rootfs_.fd(), warnings_).value();
    EXPECT_THAT(made.process->args, ElementsAre("sh"));
    EXPECT_THAT(made.annotations, IsEmpty());
}

}  // namespace
}  // namespace krun::image
