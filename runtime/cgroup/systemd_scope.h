// SPDX-License-Identifier: Apache-2.0
// The container's cgroup as a transient scope of systemd (systemd.scope(5)): its name, and making one
// that a container process can be born in.
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

struct ScopeName {
    std::string slice;
    std::string unit;  // ends with ".scope"
};

// From linux.cgroupsPath, "SLICE:PREFIX:NAME" under this driver; without one, or without a slice, as runc
// names it. kInvalidConfig for another form, and for what systemd does not take as a unit's name.
Result<ScopeName> scope_name(std::string const& cgroups_path, std::string const& id, bool rootless);

// A scope that is kept by a process of its own until somebody is born in it.
class NewScope {
public:
    // Waits until systemd has made it, thirty seconds at most. It is gone again when nobody is in it.
    static Result<NewScope> start(ScopeName const& name, oci::Spec const& spec, std::string const& id);
    NewScope(NewScope&& other) noexcept;
    NewScope& operator=(NewScope&&) = delete;
    // Ends its keeper.
    ~NewScope();

    // On this host; in cgroup v1, the same place in each hierarchy, where systemd has made it in some.
    Cgroup const& cgroup() const { return cgroup_; }

private:
    explicit NewScope(pid_t keeper) : keeper_(keeper) {}
    pid_t keeper_;
    Cgroup cgroup_;
};

}  // namespace krun::runtime
