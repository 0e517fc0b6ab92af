// SPDX-License-Identifier: Apache-2.0
// A directory that appears under its name when it is complete, or not at all: it is made beside the name and
// renamed. Only its owner may enter it, since what is unpacked may hold set-id programs for others to run.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::image {

class Staging {
public:
    // `target` may exist as an empty directory, and not as anything else.
    static Result<Staging> make(std::string const& target);
    Staging(Staging&&) noexcept = default;
    Staging& operator=(Staging&&) = delete;
    ~Staging();  // removes it with all that it holds, unless it was published

    BorrowedFd directory() const { return directory_.borrow(); }
    Result<void> publish();

private:
    Staging(UniqueFd parent, std::string name) : parent_(std::move(parent)), name_(std::move(name)) {}
    UniqueFd parent_;     // invalid once published, or moved from
    std::string target_;  // in the parent
    std::string name_;    // of the directory until then
    UniqueFd directory_;
};

}  // namespace krun::image
