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
#include <vector>

#include "base/error.h"
#include "oci/network_annotation.h"
#include "oci/ports_annotation.h"

namespace krun::oci {

// A file that exists in memory only, laid over whatever the container has at `path`.
struct InjectedFile {
    std::string path;  // absolute, without "." and ".."; links in it are followed inside the container
    std::string content;
    bool secret = false;  // only the container's root may read it, and once
};

// What all of them may have together: they are in the machine's memory and in config.json.
inline constexpr size_t kMaxInjectedBytes = size_t{1} << 20;

// A disk image or a block device of the host.
struct DiskAnnotation {
    std::string name;  // what the guest knows it by: 1 to 20 of [A-Za-z0-9._-]
    std::string path;  // on the host; one that is not absolute is in the bundle
    bool qcow2 = false;
    bool read_only = false;
};

// The disk that is the container's root.
struct RootDiskAnnotation {
    DiskAnnotation disk;
    std::string file_system;           // empty: whichever of the guest kernel's fits
    std::vector<std::string> options;  // as in mounts[].options
};
inline constexpr std::string_view kRootDiskName = "root";

// What the container may add to its root or to one of its bind mounts. One of the two is there at least.
struct BudgetAnnotation {
    std::string destination;  // "/" or a mount's
    std::optional<uint64_t> bytes;
    std::optional<uint64_t> files;  // names
};

struct MachineAnnotations {
    std::optional<uint32_t> cpus;     // krun.cpus: 1..64; 0 means the default, as for crun
    std::optional<uint32_t> ram_mib;  // krun.ram_mib: above 128; up to that it means the default, as for crun
    std::string kernel;               // krun-oci.kernel: absolute path of a kernel image on the host
    std::string initrd;               // krun-oci.initrd: absolute path on the host, for that kernel
    std::vector<std::string> kernel_parameters;  // krun-oci.kernel-parameters
    bool nested_virtualization = false;          // krun.nested_virt
    // io.kubernetes.cri.container-type or io.kubernetes.cri-o.ContainerType: a pod's pause container, which
    // has no machine.
    bool sandbox = false;
    std::vector<InjectedFile> files;  // krun-oci.file.PATH and krun-oci.secret.PATH, in the order of the keys
    bool host_locks = false;          // krun-oci.locks: "host"
    bool posix_acls = false;          // krun-oci.acl: "yes"
    std::vector<BudgetAnnotation> budgets;        // krun-oci.budget.DESTINATION, in the order of the keys
    bool info = false;                            // krun-oci.info: the container sees /run/krun
    std::vector<DiskAnnotation> disks;            // krun-oci.disk.NAME, in the order of the keys
    std::optional<RootDiskAnnotation> root_disk;  // krun-oci.root
    PortsAnnotation ports;                        // krun-oci.ports: only where the network is the host's own
    std::optional<NetworkAnnotation> network;     // krun-oci.net: in place of the namespace's interfaces
};

// A value that does not fit its key, and any key in krun-oci. that does not exist, is kInvalidConfig; what is
// known but not implemented is kUnsupported. Both name the key: `annotations["krun.cpus"]: …`.
Result<MachineAnnotations> read_annotations(std::map<std::string, std::string> const& annotations);

// One word of a kernel's command line: printable, without spaces and quotes, which would join words.
bool is_kernel_parameter(std::string_view word);

// The same without what krun-oci.secret.PATH says, which is for the container alone: such values are empty.
std::map<std::string, std::string> without_secrets(std::map<std::string, std::string> annotations);

// Keys that read_annotations acts upon and what each takes: for the documentation.
struct AnnotationHelp {
    std::string_view key;  // one that ends in "." is the beginning of many
    std::string_view value;
    std::string_view meaning;
};
std::span<AnnotationHelp const> annotation_help();
// The row of `key`, or nullptr.
AnnotationHelp const* find_annotation(std::string_view key);

}  // namespace krun::oci
