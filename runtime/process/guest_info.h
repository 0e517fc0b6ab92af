// SPDX-License-Identifier: Apache-2.0
// What a container may read about itself below /run/krun: JSON documents that are computed when they are
// opened, so that a limit changed by `update` shows. Nothing in them is secret from the container.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "config-gen/krun_config.h"
#include "config-gen/machine_size.h"
#include "oci/spec.h"

namespace krun::runtime {

// All methods may be called from any thread.
class GuestInfo {
public:
    GuestInfo(oci::Spec const& spec, MachineSize const& size, KrunConfig const& config);

    // {"vcpus": 2, "ramMib": 1024, "cgroup": {"memory.max": "…"}}: the machine's size, and what was last
    // written into files of the payload's cgroup, by their names.
    std::string limits() const EXCLUDES(mutex_);
    // Those of config.json; values of secrets are empty.
    std::string const& annotations() const { return annotations_; }
    // What `krun-oci features` prints.
    static std::string features();

    void limit_written(std::string_view file, std::string_view value) EXCLUDES(mutex_);

private:
    MachineSize const size_;
    std::string const annotations_;
    mutable Mutex mutex_;
    std::map<std::string, std::string, std::less<>> cgroup_ GUARDED_BY(mutex_);
};

}  // namespace krun::runtime
