// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/spec_warnings.h"

#include "base/strings.h"

namespace krun::runtime {
namespace {

// A host's namespace cannot be entered from another kernel. The network's is the one that the machine is
// connected to.
bool is_out_of_reach(oci::Namespace const& ns) {
    return !ns.path.empty() && ns.type != "network";
}

}  // namespace

std::vector<std::string> process_warnings(oci::Process const& process) {
    std::vector<std::string> out;
    if (!process.apparmor_profile.empty())
        out.emplace_back("process.apparmorProfile: the guest kernel has no AppArmor: without effect");
    if (!process.selinux_label.empty())
        out.emplace_back("process.selinuxLabel: the guest kernel has no SELinux: without effect");
    return out;
}

std::vector<std::string> spec_warnings(oci::Spec const& spec) {
    std::vector<std::string> out;
    if (spec.process) out = process_warnings(*spec.process);
    for (auto const& ns : spec.linux.namespaces)
        if (is_out_of_reach(ns))
            out.push_back("linux.namespaces: " + ns.type + ": the payload does not share " + quoted(ns.path) +
                          ", because its machine has a kernel of its own");
    return out;
}

}  // namespace krun::runtime
