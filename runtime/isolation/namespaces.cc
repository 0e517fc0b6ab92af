// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace krun::runtime {
namespace {

// Who makes a namespace that is listed without a path, and whether one with a path is entered on the host.
struct Kind {
    std::string_view name;
    int flag;
    bool on_host;  // false: only init makes one, in the guest
};
constexpr Kind kKinds[] = {
    {"network", CLONE_NEWNET, true}, {"ipc", CLONE_NEWIPC, true},    {"uts", CLONE_NEWUTS, true},
    {"mount", CLONE_NEWNS, false},  // the container process always has its own
    {"pid", CLONE_NEWPID, false},    {"user", CLONE_NEWUSER, false}, {"cgroup", CLONE_NEWCGROUP, false},
    {"time", CLONE_NEWTIME, false},
};

Kind const* find_kind(std::string_view name) {
    auto const* kind =
        std::find_if(std::begin(kKinds), std::end(kKinds), [&](Kind const& k) { return k.name == name; });
    return kind == std::end(kKinds) ? nullptr : kind;
}

Result<void> plan_one(oci::Namespace const& ns, NamespacePlan& plan) {
    auto const* const kind = find_kind(ns.type);
    if (kind == nullptr) return fail(Error(Errc::kInvalidConfig, "unknown namespace type"));
    if (ns.path.empty()) {
        if (kind->on_host) plan.create |= kind->flag;
        return {};
    }
    auto fd = TRY(open_namespace(ns, kind->flag));
    if (kind->on_host) plan.join.push_back({kind->flag, std::move(fd)});
    return {};
}

}  // namespace

Result<UniqueFd> open_namespace(oci::Namespace const& ns, int type) {
    UniqueFd fd(::open(ns.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd.valid()) return fail(Error::sys("open " + ns.path));
    int const actual = ::ioctl(fd.borrow().raw(), NS_GET_NSTYPE);
    if (actual != type)
        return fail(Error(Errc::kInvalidConfig, ns.path + " is not a namespace of this type"));
    return fd;
}

Result<NamespacePlan> plan_namespaces(oci::Spec const& spec) {
    NamespacePlan plan;
    for (auto const& ns : spec.linux.namespaces) TRY_WITH(plan_one(ns, plan), "linux.namespaces: " + ns.type);
    if ((plan.create & CLONE_NEWUTS) == 0) return plan;
    plan.hostname = spec.hostname;
    plan.domainname = spec.domainname;
    return plan;
}

Result<void> enter_namespaces(NamespacePlan const& plan) {
    for (auto const& join : plan.join)
        if (::setns(join.fd.borrow().raw(), join.type) < 0) return fail(Error::sys("enter a namespace"));
    if (plan.create != 0 && ::unshare(plan.create) < 0) return fail(Error::sys("create namespaces"));
    auto const& host = plan.hostname;
    auto const& domain = plan.domainname;
    if (!host.empty() && ::sethostname(host.data(), host.size()) < 0) return fail(Error::sys("hostname"));
    if (!domain.empty() && ::setdomainname(domain.data(), domain.size()) < 0)
        return fail(Error::sys("domainname"));
    return {};
}

}  // namespace krun::runtime
