// SPDX-License-Identifier: Apache-2.0
// What failed, why, and what we were doing at each level. One pointer wide, so that Result<T> stays
// small; the control plane pays one allocation for a failure.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace krun {

// A place in our source. std::source_location is missing from libstdc++ 12 under clang 14; these
// builtins are in both compilers.
struct Where {
    char const* file;
    unsigned line;
    static constexpr Where current(char const* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
        return {file, line};
    }
};

// Who has to act: user, operator, guest author, us.
enum class Errc : uint8_t {
    kInvalidConfig,  // user: a flag or config.json
    kBadState,       // user: the operation does not fit the container's state
    kNotFound,       // user: no such container
    kUnsupported,    // user: valid input we do not implement
    kSystem,         // operator: a host call failed; sys_errno() is set
    kGuestFault,     // guest: broke a contract it can see
    kInternal,       // us
};

class [[nodiscard]] Error {
public:
    Error(Errc code, std::string text, int sys_errno = 0, Where where = Where::current());
    // Captures errno at once, so that nothing between the call and the report can change it.
    static Error sys(std::string text, Where where = Where::current());
    // Adds one frame: what we were doing when it failed, in lower case, without "failed to".
    Error with(std::string context, Where where = Where::current()) &&;

    Errc code() const { return body_->code; }
    int sys_errno() const { return body_->sys_errno; }  // 0 if no host call failed

    // One line for the terminal and the log's "msg": outermost first, then the errno text.
    std::string message() const;
    // For --debug: one frame a line, innermost first, with the place in our source.
    std::string trace() const;

private:
    struct Frame {
        std::string text;
        Where where;
    };
    struct Body {
        Errc code;
        int sys_errno;
        std::vector<Frame> frames;
    };
    std::unique_ptr<Body> body_;
};

// The data plane's error: what a FUSE reply or a virtio status carries. No text, no allocation.
struct Errno {
    int value;
};

}  // namespace krun
