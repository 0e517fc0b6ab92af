// SPDX-License-Identifier: Apache-2.0
// Which system calls a thread may make, as a seccomp program. Built by hand and not with libseccomp, in some
// microseconds and short, so that each thread can have one of its own.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace krun {

// One system call that is allowed, perhaps only with certain arguments. A call in several rules is allowed
// if one of them allows it.
struct SyscallRule {
    enum class Test : uint8_t {
        kNone,        // any arguments
        kOneOf,       // the argument is one of `values`
        kNoBitsOf,    // the argument has none of the bits of `values`
        kOwnProcess,  // the argument is this process's id
    };
    int number;  // SYS_…
    Test test = Test::kNone;
    uint8_t argument = 0;                   // which, from 0; its low 32 bits are tested
    std::span<uint32_t const> values = {};  // of static storage
};

class SyscallFilter {
public:
    // `thread` names the thread in reports; of it 15 characters are kept. Fails where the kernel has no
    // seccomp filters, and for more than 120 separate runs of numbers.
    static Result<SyscallFilter> make(std::string const& thread, std::vector<SyscallRule> rules);

    // Confines the calling thread, and what it will make, for ever, and unblocks SIGSYS in it. Every other
    // call raises that: without a handler, or with SIGSYS blocked, the whole process dies. Needs
    // no_new_privs.
    Result<void> install() const;

    // The name given for the calling thread, "" before install(). Async-signal-safe.
    static char const* thread_name();

    std::span<sock_filter const> program() const { return program_; }

private:
    SyscallFilter(std::string thread, std::vector<sock_filter> program)
        : thread_(std::move(thread)), program_(std::move(program)) {}
    std::string thread_;
    std::vector<sock_filter> program_;
};

}  // namespace krun
