// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/privileges.h"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <iterator>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// Creating, owning and labelling files for the guest's users is all the container process does with
// privilege. MKNOD is absent on purpose: no device node is ever made on the host for a guest.
constexpr cap_value_t kKept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
                                 CAP_SETGID, CAP_SETUID,       CAP_SETFCAP};

bool kept(cap_value_t capability) {
    return std::find(std::begin(kKept), std::end(kKept), capability) != std::end(kKept);
}

Result<void> empty_bounding_set() {
    for (cap_value_t capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
        if (::prctl(PR_CAPBSET_READ, capability) == 1 && ::prctl(PR_CAPBSET_DROP, capability) < 0)
            return fail(Error::sys("drop a capability from the bounding set"));
    }
    return {};
}

// Permitted and effective: what of kKept this process has (a rootless one has none on the host).
Result<void> keep_only_listed() {
    cap_t const state = ::cap_get_proc();
    if (state == nullptr) return fail(Error::sys("read capabilities"));
    ::cap_clear_flag(state, CAP_INHERITABLE);
    for (cap_value_t capability = 0; capability < cap_max_bits(); ++capability) {
        if (kept(capability)) continue;
        ::cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, CAP_CLEAR);
        ::cap_set_flag(state, CAP_PERMITTED, 1, &capability, CAP_CLEAR);
    }
    bool const set = ::cap_set_proc(state) == 0;
    auto error = Error::sys("drop capabilities");
    ::cap_free(state);
    if (!set) return fail(std::move(error));
    return {};
}

}  // namespace

Result<void> drop_privileges() {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(Error::sys("clear ambient capabilities"));
    // Needs CAP_SETPCAP; without it there is nothing in the sets that an exec could gain from.
    if (::cap_get_bound(CAP_SETPCAP) == 1) {
        auto emptied = empty_bounding_set();
        if (!emptied.ok() && emptied.error().sys_errno() != EPERM) return emptied;
    }
    TRY(keep_only_listed());
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(Error::sys("set no_new_privs"));
    return {};
}

void make_room_for_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    ignore(::setrlimit(RLIMIT_NOFILE, &limit), "the old limit stays");
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    auto const last = std::min<rlim_t>(limit.rlim_cur, kReadyDescriptors) - 1;
    // Any descriptor will do; one that takes the last place makes the table that long.
    auto const root = open_path("/", O_PATH | O_DIRECTORY);
    if (!root.ok()) return;
    UniqueFd const highest(::fcntl(root.value().borrow().raw(), F_DUPFD_CLOEXEC, static_cast<int>(last)));
}

}  // namespace krun::runtime
