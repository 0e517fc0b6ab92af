// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/host_check.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup_hierarchies.h"
#include "runtime/host/installed_file.h"
#include "runtime/host/kvm_device.h"
#include "runtime/host/passt_program.h"
#include "runtime/host/rootless.h"
#include "runtime/network/setup.h"
#include "runtime/process/kernel_image.h"
#include "vmm/kvm/speed.h"

namespace krun::runtime {
namespace {

using Verdict = Finding::Verdict;

struct Answer {
    Verdict verdict = Verdict::kOk;
    std::string text{};
    std::string remedy{};
};

bool can(std::string const& path, int mode) {
    return ::access(path.c_str(), mode) == 0;
}

Answer check_kvm(std::string const& /*root*/) {
    auto const kvm = open_kvm();
    if (kvm.ok()) return {.text = "/dev/kvm can be used"};
    // The error's text is what is wrong, then a colon and what to do.
    auto const message = kvm.error().message();
    auto const colon = message.find(": ");
    return {Verdict::kMissing, message.substr(0, colon),
            colon == message.npos ? "" : message.substr(colon + 2)};
}

// A kernel boots with some hundred million instructions.
Answer check_speed(std::string const& /*root*/) {
    constexpr double kSlow = 20e6;
    auto kvm = open_kvm();
    if (!kvm.ok()) return {Verdict::kMissing, "cannot be measured without /dev/kvm", "see kvm"};
    auto const speed = vmm::measure_guest_speed(std::move(kvm).value());
    if (!speed.ok())
        return {Verdict::kMissing, speed.error().message(), "load kvm_intel or kvm_amd, not another KVM"};
    auto const tenths = static_cast<uint64_t>(speed.value() / 1e5);
    auto const text = "a guest's kernel runs " + std::to_string(tenths / 10) + "." +
                      std::to_string(tenths % 10) + " million instructions a second";
    if (speed.value() >= kSlow) return {.text = text};
    return {Verdict::kWarning, text + ": KVM is software here, and a guest takes minutes to boot",
            cpu_has_virtualization()
                ? "load kvm_intel or kvm_amd"
                : "enable virtualization in the firmware, or nested virtualization in the host of this "
                  "virtual machine"};
}

Answer check_kernel(std::string const& /*root*/) {
    auto const kernel = open_kernel("");
    if (kernel.ok()) return {.text = kernel.value().path};
    return {Verdict::kMissing, kernel.error().message(),
            "install the package, run hack/kernel/build, or set KRUN_OCI_KERNEL"};
}

// cgroup v2 lists its controllers in a file, v1 mounts them.
std::set<std::string> controllers_of(CgroupHierarchies const& host) {
    std::set<std::string> out;
    if (host.mode == CgroupMode::kUnified) {
        auto const text = read_file(std::string(kCgroupRoot) + "/cgroup.controllers", 4096);
        auto const line = text.ok() ? split(text.value(), '\n').front() : std::string_view();
        for (auto const name : split(line, ' ')) out.emplace(name);
    } else {
        for (auto const& hierarchy : host.all)
            out.insert(hierarchy.controllers.begin(), hierarchy.controllers.end());
    }
    std::erase_if(out, [](auto const& name) { return name.empty() || name.starts_with("name="); });
    return out;
}

struct ModeNeeds {
    char const* name;
    std::vector<char const*> controllers;  // for limits, and to pause
};
ModeNeeds needs_of(CgroupMode mode) {
    if (mode == CgroupMode::kUnified) return {"v2", {"cpu", "cpuset", "io", "memory"}};
    return {mode == CgroupMode::kHybrid ? "v1 beside an empty v2" : "v1",
            {"blkio", "cpu", "cpuacct", "cpuset", "freezer", "memory"}};
}

Answer check_cgroup(std::string const& /*root*/) {
    auto const host = find_cgroup_hierarchies();
    if (host.mode == CgroupMode::kNone)
        return {Verdict::kWarning,
                "no cgroups at /sys/fs/cgroup: the host limits no machine, and cannot pause one",
                "mount -t cgroup2 cgroup2 /sys/fs/cgroup"};
    auto const [name, needed] = needs_of(host.mode);
    auto const has = controllers_of(host);
    std::string text = name;
    std::string lacks;
    for (auto const& controller : has) text += (text == name ? ", with " : " ") + controller;
    for (char const* const controller : needed)
        if (!has.contains(controller)) lacks += std::string(" ") + controller;
    if (lacks.empty()) return {.text = text};
    return {Verdict::kWarning, name + (" without the controllers" + lacks) + ": what needs them is an error",
            "enable them on the kernel's command line, or delegate them to this cgroup"};
}

Answer check_systemd(std::string const& /*root*/) {
    for (auto const& path : installed_places("krun-oci-systemd"))
        if (can(path, X_OK)) {
            if (can("/run/systemd/system", F_OK)) return {.text = path};
            return {Verdict::kWarning, "systemd does not run here: --systemd-cgroup is an error",
                    "use --cgroup-manager=cgroupfs"};
        }
    return {Verdict::kWarning, "krun-oci-systemd is not beside this program: --systemd-cgroup is an error",
            "install the package"};
}

Answer check_state(std::string const& root) {
    std::filesystem::path place = root;
    std::error_code none;
    while (!std::filesystem::exists(place, none) && place.has_relative_path()) place = place.parent_path();
    if (std::filesystem::is_directory(place, none) && can(place, W_OK | X_OK)) return {.text = root};
    return {Verdict::kMissing, root + " cannot be written",
            is_rootless() ? "set XDG_RUNTIME_DIR, or --root" : "mount /run writable, or set --root"};
}

Answer check_descriptors(std::string const& /*root*/) {
    constexpr rlim_t kEnough = 4096;  // files that the guest has open, and streams of executed processes
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    auto const text = "at most " + std::to_string(limit.rlim_max) + " open files";
    if (limit.rlim_max >= kEnough) return {.text = text};
    return {Verdict::kWarning, text + ": a guest that opens more gets EMFILE",
            "raise the hard limit of RLIMIT_NOFILE"};
}

Answer check_memory(std::string const& /*root*/) {
    constexpr uint64_t kDefaultMachine = uint64_t{1} << 30;
    auto const pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_AVPHYS_PAGES)));
    uint64_t const bytes = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    auto const text = std::to_string(bytes >> 20) + " MiB are free";
    if (bytes >= kDefaultMachine) return {.text = text};
    return {Verdict::kWarning, text + ": a machine may use 1024 MiB", "give containers a memory limit"};
}

Answer check_tap(std::string const& /*root*/) {
    auto const tried = try_hand_over();
    if (!tried.ok())
        return {Verdict::kWarning, tried.error().message() + ": containers with a network do not start",
                "modprobe -a sch_ingress cls_matchall cls_u32 act_mirred act_skbedit act_gact"};
    if (tried.value().empty()) return {.text = "an interface can be handed to a guest"};
    return {Verdict::kWarning,
            tried.value() + ": what processes in a container's namespace send to it does not reach it",
            "modprobe tun"};
}

Answer check_passt(std::string const& /*root*/) {
    if (char const* const path = passt_program()) return {.text = path};
    return {
        Verdict::kWarning,
        "passt is not installed: in the host's network, and in one that another container has, containers "
        "have loopback only",
        "install passt"};
}

struct Check {
    char const* subject;
    Answer (*ask)(std::string const& root);
};
constexpr Check kChecks[] = {
    {"kvm", check_kvm},           {"speed", check_speed},     {"kernel", check_kernel},
    {"cgroup", check_cgroup},     {"systemd", check_systemd}, {"state", check_state},
    {"files", check_descriptors}, {"memory", check_memory},   {"tap", check_tap},
    {"passt", check_passt},
};

}  // namespace

std::vector<Finding> check_host(std::string const& root) {
    std::vector<Finding> out;
    for (auto const& [subject, ask] : kChecks) {
        auto answer = ask(root);
        out.push_back({subject, answer.verdict, std::move(answer.text), std::move(answer.remedy)});
    }
    return out;
}

}  // namespace krun::runtime
