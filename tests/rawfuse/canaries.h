// SPDX-License-Identifier: Apache-2.0
// A thousand paths beside the exported trees that no guest may reach. Reading, opening, changing or removing
// one is seen: by an inotify watch on each, by its times, owner, mode, size and links, and by its content.
#pragma once
#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace krun::test {

class Canaries {
public:
    static constexpr int kCount = 1000;

    // Makes them in `dir`, which exists.
    explicit Canaries(std::string dir);
    // The first file, and the first directory.
    std::string file() const { return paths_.front(); }
    std::string directory() const { return paths_.back(); }
    // What was done to them since they were made, one line each. Looks at them, so ask once.
    std::vector<std::string> touched();

private:
    struct Snapshot {
        struct stat stat;
        std::string content;
    };
    std::vector<std::string> paths_;
    std::vector<Snapshot> before_;
    std::map<int, std::string> watched_;
    UniqueFd watch_;
};

}  // namespace krun::test
