// SPDX-License-Identifier: Apache-2.0
#include "init/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability_names.h"

namespace krun::init {
namespace {

uint64_t bits_of(std::vector<std::string> const& names, unsigned last) {
    uint64_t bits = 0;
    for (auto const& name : names)
        for (unsigned i = 0; i < std::size(kCapabilityNames) && i <= last; ++i)
            if (kCapabilityNames[i] == name) bits |= uint64_t{1} << i;
    return bits;
}

Result<void> set_thread(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i)
        data[i] = {static_cast<uint32_t>(effective >> 32 * i), static_cast<uint32_t>(permitted >> 32 * i),
                   static_cast<uint32_t>(inheritable >> 32 * i)};
    if (::syscall(SYS_capset, &header, data) < 0) return fail(Error::sys("set capabilities"));
    return {};
}

Result<CapabilitySets> thread_sets() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (::syscall(SYS_capget, &header, data) < 0) return fail(Error::sys("read capabilities"));
    CapabilitySets out;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
        out.effective |= uint64_t{data[i].effective} << 32 * i;
        out.permitted |= uint64_t{data[i].permitted} << 32 * i;
        out.inheritable |= uint64_t{data[i].inheritable} << 32 * i;
    }
    return out;
}

}  // namespace

CapabilitySets parse_capabilities(guest::Capabilities const& names, unsigned last) {
    return {bits_of(names.bounding, last), bits_of(names.effective, last), bits_of(names.inheritable, last),
            bits_of(names.permitted, last), bits_of(names.ambient, last)};
}

unsigned last_capability() {
    unsigned last = 0;
    while (last < 63 && ::prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) ++last;
    return last;
}

Result<void> limit_bounding(CapabilitySets const& sets, unsigned last) {
    for (unsigned i = 0; i <= last; ++i)
        if ((sets.bounding >> i & 1) == 0 && ::prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            return fail(Error::sys("drop a capability from the bounding set"));
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return fail(Error::sys("keep capabilities"));
    return {};
}

Result<void> set_capabilities(CapabilitySets const& sets, uint64_t also_effective) {
    TRY(set_thread(sets.effective | also_effective, sets.permitted | also_effective, sets.inheritable));
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(Error::sys("clear the ambient capabilities"));
    uint64_t const possible = sets.ambient & sets.permitted & sets.inheritable;
    for (unsigned i = 0; i < 64; ++i)
        if ((possible >> i & 1) != 0 && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return fail(Error::sys("raise an ambient capability"));
    return {};
}

Result<void> use_permitted_capabilities() {
    auto const sets = TRY(thread_sets());
    return set_thread(sets.permitted, sets.permitted, sets.inheritable);
}

Result<void> keep_capabilities(uint64_t kept) {
    auto const sets = TRY(thread_sets());
    return set_thread(sets.effective & kept, sets.permitted & kept, sets.inheritable & kept);
}

Result<void> drop_to(CapabilitySets const& sets) {
    return set_thread(sets.effective, sets.permitted, sets.inheritable);
}

}  // namespace krun::init
