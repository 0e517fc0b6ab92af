// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_scope.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/systemd_request.h"
#include "runtime/cgroup/unit_properties.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxUnitName = 255;  // UNIT_NAME_MAX, without its NUL

// systemd.unit(5): letters, digits, and a few marks. A slash would be another object's path.
bool is_unit_name(std::string_view text) {
    constexpr std::string_view kMarks = ":-_.\\@";
    return !text.empty() && text.size() <= kMaxUnitName && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.find(c) != kMarks.npos;
    });
}

UnitProperties all_properties(ScopeName const& name, oci::Spec const& spec, std::string const& id,
                              pid_t keeper, UnitProperties annotated) {
    UnitProperties out = {
        {"Description", "s", "container " + id},
        {"Slice", "s", name.slice},
        {"Delegate", "b", "true"},
        {"DefaultDependencies", "b", "false"},
        // Killed for want of memory, it would stay as failed, and its name be taken.
        {"CollectMode", "s", "inactive-or-failed"},
        {"TasksMax", "t", kUnlimited},  // the guest's business; here it would count our threads
    };
    if (spec.linux.resources)
        for (auto& limit : scope_limits(*spec.linux.resources)) out.push_back(std::move(limit));
    for (auto& property : annotated) out.push_back(std::move(property));
    out.push_back({"PIDs", "au", std::to_string(keeper)});
    return out;
}

// A process that does nothing until we end it, or end ourselves.
Result<pid_t> spawn_keeper() {
    pid_t const creator = ::getpid();
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork the scope's keeper"));
    if (pid > 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != creator) ::_exit(0);
    while (true) ::pause();
}

// systemd makes it in its own hierarchy, and of cgroup v1's in those alone that a limit of the unit needs.
std::optional<Cgroup> scope_cgroup(Cgroup const& keeper, std::string const& unit) {
    auto const& all = keeper.directories();
    auto const named = all.find("name=systemd");
    auto const own = named != all.end() ? named : all.begin();
    if (own == all.end() || !own->second.ends_with("/" + unit)) return std::nullopt;
    return same_place(own->first, own->second);
}

}  // namespace

Result<ScopeName> scope_name(std::string const& cgroups_path, std::string const& id, bool rootless) {
    ScopeName out;
    auto const parts = split(cgroups_path, ':');
    auto const invalid = [&](char const* why) {
        return fail(Error(Errc::kInvalidConfig,
                          "linux.cgroupsPath: " + std::string(why) + ", is " + quoted(cgroups_path)));
    };
    if (!cgroups_path.empty() && parts.size() != 3)
        return invalid("must be SLICE:PREFIX:NAME for the systemd cgroup manager");
    if (parts.size() == 3) out.slice = parts[0];
    if (out.slice.empty()) out.slice = rootless ? "user.slice" : "system.slice";
    std::string const prefix = parts.size() == 3 ? std::string(parts[1]) : "krun-oci";
    std::string const name = parts.size() == 3 ? std::string(parts[2]) : id;
    out.unit = (prefix.empty() ? name : prefix + "-" + name) + ".scope";
    if (!is_unit_name(out.unit) || name.empty()) return invalid("must be a unit's name");
    if (!is_unit_name(out.slice) || !out.slice.ends_with(".slice")) return invalid("must begin with a slice");
    return out;
}

Result<NewScope> NewScope::start(ScopeName const& name, oci::Spec const& spec, std::string const& id) {
    auto annotated = TRY(scope_annotations(spec.annotations));
    NewScope scope(TRY(spawn_keeper()));
    TRY(start_unit(name.unit, all_properties(name, spec, id, scope.keeper_, std::move(annotated))));
    auto cgroup = scope_cgroup(cgroup_of(scope.keeper_), name.unit);
    if (!cgroup) return fail(Error(Errc::kSystem, name.unit + ": systemd has not made it a cgroup"));
    scope.cgroup_ = *std::move(cgroup);
    return scope;
}

NewScope::NewScope(NewScope&& other) noexcept
    : keeper_(std::exchange(other.keeper_, 0)), cgroup_(std::move(other.cgroup_)) {}

NewScope::~NewScope() {
    if (keeper_ <= 0) return;
    ::kill(keeper_, SIGKILL);
    while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace krun::runtime
