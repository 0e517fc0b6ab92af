// SPDX-License-Identifier: Apache-2.0
// One line on a terminal that says how far the work is, rewritten a few times a second; silent anywhere else.
// Also where work that takes long learns that it shall end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace krun::image {

class Progress {
public:
    // `interrupted` may be null; it is asked often. The line goes to standard error if that is a terminal.
    explicit Progress(bool (*interrupted)());
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;
    ~Progress();  // takes the line away

    // "layer 2 of 5" and the like: what the bytes that follow belong to.
    void begin(std::string what);
    // kBadState once the caller has been interrupted.
    Result<void> advance(uint64_t bytes);

private:
    void show();
    bool (*interrupted_)();
    bool terminal_;
    std::string what_;
    uint64_t bytes_ = 0;    // since begin()
    int64_t shown_ms_ = 0;  // when, on the monotonic clock
};

}  // namespace krun::image
