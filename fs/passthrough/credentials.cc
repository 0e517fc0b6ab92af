// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/credentials.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/guard.h"
#include "fs/passthrough/host_file.h"

namespace krun::fs {

namespace {

struct Capabilities {
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    uint64_t effective() const { return data[0].effective | uint64_t{data[1].effective} << 32; }
    uint64_t permitted() const { return data[0].permitted | uint64_t{data[1].permitted} << 32; }
    void set_effective(uint64_t bits) {
        data[0].effective = static_cast<uint32_t>(bits);
        data[1].effective = static_cast<uint32_t>(bits >> 32);
    }
};

constexpr uint64_t bit(int capability) {
    return uint64_t{1} << capability;
}

std::optional<Capabilities> get_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    Capabilities caps{};
    if (::syscall(SYS_capget, &header, caps.data) != 0) return std::nullopt;
    return caps;
}

// Sets the effective set; permitted and inheritable stay.
void set_effective(uint64_t bits) {
    auto caps = get_capabilities();
    if (!caps || caps->effective() == bits) return;
    caps->set_effective(bits & caps->permitted());
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    ::syscall(SYS_capset, &header, caps->data);
}

// What a thread is when it acts as nobody else.
struct Self {
    uint32_t uid;
    uint32_t gid;
    std::optional<Capabilities> capabilities;
};

// setfsuid and setfsgid tell nothing of success; asking for -1 changes nothing and tells the id there is.
uint32_t current_fsuid() {
    return static_cast<uint32_t>(::syscall(SYS_setfsuid, -1));
}
uint32_t current_fsgid() {
    return static_cast<uint32_t>(::syscall(SYS_setfsgid, -1));
}

Self const& self() {
    static thread_local Self const self{current_fsuid(), current_fsgid(), get_capabilities()};
    return self;
}

bool give_up_groups() {
    if (!guard_stands("groups")) return true;
    static thread_local bool done = false;
    if (!done) done = ::syscall(SYS_getgroups, 0, nullptr) == 0 || ::syscall(SYS_setgroups, 0, nullptr) == 0;
    return done;
}

}  // namespace

FsResult<ActAs> ActAs::caller(Caller caller) {
    ActAs scope;
    if (!guard_stands("owner")) return scope;
    if (caller.uid == self().uid && caller.gid == self().gid && !caller.group) return scope;
    if (!self().capabilities || !give_up_groups()) return fail(Errno{EPERM});

    scope.caller_ = caller;  // the destructor undoes it
    if (caller.group) {
        gid_t const group = *caller.group;
        if (::syscall(SYS_setgroups, 1, &group) != 0) return fail(Errno{EPERM});
    }
    if (caller.gid != self().gid) ::syscall(SYS_setfsgid, caller.gid);
    // Takes the file capabilities away unless it is root's (capabilities(7)).
    if (caller.uid != self().uid) ::syscall(SYS_setfsuid, caller.uid);
    if (current_fsuid() != caller.uid || current_fsgid() != caller.gid) return fail(Errno{EPERM});
    return scope;
}

bool ActAs::override_permissions() {
    auto const own = caller_ ? self().capabilities->effective() : 0;
    if ((own & bit(CAP_DAC_OVERRIDE)) == 0) return false;
    auto const now = get_capabilities();
    if (!now || (now->effective() & bit(CAP_DAC_OVERRIDE)) != 0) return false;
    set_effective(now->effective() | bit(CAP_DAC_OVERRIDE));
    return true;
}

ActAs::~ActAs() {
    if (!caller_) return;
    int const saved_errno = errno;
    if (caller_->uid != self().uid) ::syscall(SYS_setfsuid, self().uid);
    if (caller_->gid != self().gid) ::syscall(SYS_setfsgid, self().gid);
    set_effective(self().capabilities->effective());
    if (caller_->group) ::syscall(SYS_setgroups, 0, nullptr);
    errno = saved_errno;
}

mode_t with_umask(uint32_t mode, uint32_t umask) {
    // Threads share their umask with the process until they leave its fs_struct (unshare(2) CLONE_FS).
    static thread_local bool const own = ::unshare(CLONE_FS) == 0;
    static thread_local std::optional<uint32_t> current;
    if (!own) return mode & ~umask;
    if (current != umask) {
        ::umask(umask);
        current = umask;
    }
    return mode;
}

WithoutFsetid::WithoutFsetid() {
    if (!guard_stands("set-id")) return;
    auto const caps = get_capabilities();
    if (!caps || (caps->effective() & bit(CAP_FSETID)) == 0) return;
    saved_ = caps->effective();
    set_effective(*saved_ & ~bit(CAP_FSETID));
}

void kill_if_set(BorrowedFd file, std::optional<WithoutFsetid>& kill) {
    static constexpr uint32_t kSetgid = S_ISGID | S_IXGRP;
    auto const stat = stat_of(file);
    auto const mode = stat.ok() ? stat.value().attr.mode : uint32_t{S_ISUID};
    if ((mode & S_ISUID) != 0 || (mode & kSetgid) == kSetgid) kill.emplace();
}

WithoutFsetid::~WithoutFsetid() {
    if (!saved_) return;
    int const saved_errno = errno;
    set_effective(*saved_);
    errno = saved_errno;
}

}  // namespace krun::fs
