// SPDX-License-Identifier: Apache-2.0
// A directory of a test's own, removed with all that is in it.
#pragma once
#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/fd.h"

namespace krun::test {

class TempDir {
public:
    explicit TempDir(std::string const& parent = "/tmp") {
        std::string name = parent + "/krun-test-XXXXXX";
        KRUN_CHECK(::mkdtemp(name.data()) != nullptr, "mkdtemp");
        path_ = name;
        fd_ = std::move(open_path(path_, O_RDONLY | O_DIRECTORY)).value();
    }
    TempDir(TempDir const&) = delete;
    TempDir& operator=(TempDir const&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string const& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    BorrowedFd fd() const { return fd_.borrow(); }

    void make_dir(std::string_view name) const { std::filesystem::create_directories(*this / name); }
    void write(std::string_view name, std::string_view text) const {
        std::ofstream(*this / name, std::ios::binary) << text;
    }
    void link(std::string_view target, std::string_view name) const {
        std::filesystem::create_symlink(target, *this / name);
    }

private:
    std::string path_;
    UniqueFd fd_;
};

}  // namespace krun::test
