// SPDX-License-Identifier: Apache-2.0
// The errors that users meet most, word for word. One line of tests/golden/oci/errors.txt for each.
#include <gtest/gtest.h>

#include "oci/load.h"
#include "tests/support/golden.h"
#include "tests/support/spec_text.h"

namespace krun::oci {
namespace {

using test::SpecText;

SpecText const kCases[] = {
    {.process = "\"cwd\":\"/\",}"},
    {.process = R"("args":["sh"])"},
    {.process = R"("cwd":"home","args":["sh"])"},
    {.process = R"("cwd":"/","args":[])"},
    {.process = R"("cwd":"/","args":"sh")"},
    {.version = R"("0.9.0")"},
    {.version = "1"},
    {.root = R"({"readonly":true})"},
    {.root = R"({"path":""})"},
    {.process = R"("cwd":"/","args":["sh"],"capabilities":{"bounding":["CAP_CHOWN","CAP_FLY"]})"},
    {.process = R"("cwd":"/","args":["sh"],"rlimits":[{"type":"RLIMIT_FISH","soft":1,"hard":1}])"},
    {.process = R"("cwd":"/","args":["sh"],"rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},)"
                R"({"type":"RLIMIT_CPU","soft":2,"hard":2}])"},
    {.process = R"("cwd":"/","args":["sh"],"rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}])"},
    {.process = R"("cwd":"/","args":["sh"],"user":{"uid":-1})"},
    {.process = R"("cwd":"/","args":["sh"],"oomScoreAdj":1001)"},
    {.process = R"("cwd":"/","args":["sh"],"scheduler":{"policy":"SCHED_ISO"})"},
    {.linux = R"("namespaces":[{"type":"pid"},{"type":"net"}])"},
    {.linux = R"("namespaces":[{"type":"pid"},{"type":"pid"}])"},
    {.linux = R"("namespaces":[{"type":"network","path":"netns/x"}])"},
    {.linux = R"("namespaces":[{"type":"user"}])"},
    {.linux = R"("cgroupsPath":"/a/../../b")"},
    {.linux = R"("resources":{"memory":{"limit":"512M"}})"},
    {.linux = R"("seccomp":{"defaultAction":"SCMP_ACT_NOTIFY"})"},
    {.linux = R"("intelRdt":{"closID":"x"})"},
    {.linux = R"("sysctl":{"../../etc/passwd":"1"})"},
    {.more = R"("mounts":[{"destination":"proc","type":"proc"}])"},
    {.more = R"("mounts":[{"destination":"/data","type":"bind"}])"},
    {.more = R"("mounts":[{"destination":"/data","source":"/a","options":["bind","idmap"]}])"},
    {.more = R"("mounts":[{"destination":"/data","source":"/a","options":["bind","idmap=uids=0-1-2"]}])"},
    {.more = R"("mounts":[{"destination":"/data","source":"/a","options":["bind"],)"
             R"("uidMappings":[{"containerID":0,"hostID":1,"size":1}]}])"},
    {.more = R"("mounts":[{"destination":"/data","type":"tmpfs","options":["idmap"]}])"},
    {.more = R"("hooks":{"poststop":[{"path":"rm"}]})"},
    {.more = R"("annotations":{"krun.cpus":"many"})"},
    {.more = R"("annotations":{"krun-oci.kernal":"/boot/vmlinux"})"},
    {.more = R"("annotations":{"krun.variant":"sev"})"},
};

TEST(ErrorTexts, AreAsExpected) {
    std::string actual;
    for (SpecText const& config : kCases) {
        auto const spec = parse_spec(config.text());
        actual += (spec.ok() ? "accepted: " + config.text() : spec.error().message()) + "\n";
    }
    EXPECT_EQ(actual.find("accepted"), std::string::npos) << actual;
    test::expect_golden("tests/golden/oci/errors.txt", actual);
}

}  // namespace
}  // namespace krun::oci
