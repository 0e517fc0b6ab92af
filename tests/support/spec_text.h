// SPDX-License-Identifier: Apache-2.0
// A small valid config.json with one thing changed: what a test is about stands in the test, all else here.
#pragma once
#include <string>

namespace krun::test {

// Parts of the text; a test replaces one of them.
struct SpecText {
    std::string version = R"("1.0.2")";
    std::string process = R"("cwd":"/","args":["sh"])";  // the members of `process`
    std::string root = R"({"path":"rootfs"})";
    std::string linux = {};  // the members of `linux`
    std::string more = {};   // more members of the top level

    std::string text() const {
        return "{\"ociVersion\":" + version + ",\"process\":{" + process + "},\"root\":" + root +
               ",\"linux\":{" + linux + "}" + (more.empty() ? "" : "," + more) + "}";
    }
};

}  // namespace krun::test
