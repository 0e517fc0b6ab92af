// SPDX-License-Identifier: Apache-2.0
// Golden files: expected texts below the source tree. UPDATE_GOLDEN=1 in the environment rewrites them
// instead of comparing, so that a wanted change is seen as a diff.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace krun::test {

inline std::string read_source_file(std::string const& path) {
    std::ifstream in(std::string(KRUN_SOURCE_DIR) + "/" + path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// `path` is relative to the source tree.
inline void expect_golden(std::string const& path, std::string const& actual) {
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
        std::ofstream out(std::string(KRUN_SOURCE_DIR) + "/" + path);
        out << actual;
        ASSERT_TRUE(out.good()) << "cannot write " << path;
        return;
    }
    EXPECT_EQ(actual, read_source_file(path))
        << path << " differs; run with UPDATE_GOLDEN=1 if that is wanted";
}

}  // namespace krun::test
