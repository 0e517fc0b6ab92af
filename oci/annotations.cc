// SPDX-License-Identifier: Apache-2.0
#include "oci/annotations.h"

#include <array>
#include <iterator>

#include "base/strings.h"

namespace krun::oci {
namespace {

// A text that says why a value is wrong, or nothing.
using Verdict = std::optional<std::string>;

constexpr uint64_t kMaxVcpus = 64;
constexpr uint64_t kMaxRamMib = uint64_t{1} << 20;  // 1 TiB
constexpr uint64_t kRamMibIgnoredBelow = 129;       // crun's rule: the kernel alone needs that much

Verdict read_cpus(std::string const& value, MachineAnnotations& out) {
    auto const number = parse_uint64(value);
    if (!number || *number > kMaxVcpus) return "must be a number of CPUs from 1 to 64";
    if (*number > 0) out.cpus = static_cast<uint32_t>(*number);
    return {};
}

Verdict read_ram(std::string const& value, MachineAnnotations& out) {
    auto const number = parse_uint64(value);
    if (!number || *number > kMaxRamMib) return "must be a number of MiB, at most 1048576";
    if (*number >= kRamMibIgnoredBelow) out.ram_mib = static_cast<uint32_t>(*number);
    return {};
}

Verdict read_kernel(std::string const& value, MachineAnnotations& out) {
    if (value.empty() || value[0] != '/') return "must be an absolute path";
    out.kernel = value;
    return {};
}

Verdict read_handler(std::string const& value, MachineAnnotations&) {
    if (value != "krun") return "must be \"krun\", the only handler here";
    return {};
}

// What a client says of a container's part in its pod; other parts are nothing special.
Verdict read_container_type(std::string const& value, MachineAnnotations& out) {
    out.sandbox = out.sandbox || value == "sandbox";
    return {};
}

struct Row {
    AnnotationHelp help;
    Verdict (*read)(std::string const& value, MachineAnnotations& out);  // nullptr: not implemented
};

constexpr Row kRows[] = {
    {{"krun.cpus", "1 to 64", "virtual CPUs; 0 for the default"}, read_cpus},
    {{"krun.ram_mib", "129 to 1048576", "memory of the machine in MiB; less means the default"}, read_ram},
    {{"krun.use_passt", "0", "not implemented: network through passt"}, nullptr},
    {{"krun.nested_virt", "0", "not implemented: virtual machines in the guest"}, nullptr},
    {{"krun.variant", "", "not implemented: confidential machines"}, nullptr},
    {{"krun.gpu_flags", "0", "not implemented: graphics"}, nullptr},
    {{"run.oci.handler", "krun", "accepted, for configurations written for crun"}, read_handler},
    {{"krun-oci.kernel", "absolute path", "kernel image on the host"}, read_kernel},
    {{"io.kubernetes.cri.container-type", "sandbox", "a pod's pause container: a process without a machine"},
     read_container_type},
    {{"io.kubernetes.cri-o.ContainerType", "sandbox", "the same, by another engine"}, read_container_type},
};

std::string where(std::string_view key) {
    return "annotations[" + quoted(key) + "]: ";
}

// "" and "0" are how a switch that does not exist here may be off.
Result<void> read_one(Row const& row, std::string const& value, MachineAnnotations& out) {
    if (row.read == nullptr) {
        if (value.empty() || value == "0") return {};
        return fail(Error(Errc::kUnsupported, where(row.help.key) + "is not supported, is " + quoted(value)));
    }
    if (auto const wrong = row.read(value, out))
        return fail(Error(Errc::kInvalidConfig, where(row.help.key) + *wrong + ", is " + quoted(value)));
    return {};
}

bool is_known(std::string_view key) {
    for (Row const& row : kRows)
        if (row.help.key == key) return true;
    return false;
}

constexpr auto kHelp = [] {
    std::array<AnnotationHelp, std::size(kRows)> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = kRows[i].help;
    return out;
}();

}  // namespace

Result<MachineAnnotations> read_annotations(std::map<std::string, std::string> const& annotations) {
    MachineAnnotations out;
    for (Row const& row : kRows) {
        auto const it = annotations.find(std::string(row.help.key));
        if (it != annotations.end()) TRY(read_one(row, it->second, out));
    }
    for (auto it = annotations.lower_bound("krun-oci."); it != annotations.end(); ++it) {
        if (!it->first.starts_with("krun-oci.")) break;
        if (!is_known(it->first))
            return fail(Error(Errc::kInvalidConfig, where(it->first) + "there is no such setting"));
    }
    return out;
}

std::span<AnnotationHelp const> annotation_help() {
    return kHelp;
}

}  // namespace krun::oci
