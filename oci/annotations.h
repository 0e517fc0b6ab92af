// SPDX-License-Identifier: Apache-2.0
// The annotations that mean something to this runtime, typed. All others are metadata of somebody else and
// are accepted silently (runtime-spec config.md#annotations).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace krun::oci {

struct MachineAnnotations {
    std::optional<uint32_t> cpus;     // krun.cpus: 1..64; 0 means the default, as for crun
    std::optional<uint32_t> ram_mib;  // krun.ram_mib: above 128; up to that it means the default, as for crun
    std::string kernel;               // krun-oci.kernel: absolute path of a kernel image on the host
    // io.kubernetes.cri.container-type or io.kubernetes.cri-o.ContainerType: a pod's pause container, which
    // has no machine.
    bool sandbox = false;
};

// A value that does not fit its key, and any key in krun-oci. that does not exist, is kInvalidConfig; what is
// known but not implemented is kUnsupported. Both name the key: `annotations["krun.cpus"]: …`.
Result<MachineAnnotations> read_annotations(std::map<std::string, std::string> const& annotations);

// Keys that read_annotations acts upon and what each takes: for the documentation.
struct AnnotationHelp {
    std::string_view key;
    std::string_view value;
    std::string_view meaning;
};
std::span<AnnotationHelp const> annotation_help();

}  // namespace krun::oci
