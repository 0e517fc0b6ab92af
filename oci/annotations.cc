// SPDX-License-Identifier: Apache-2.0
#include "oci/annotations.h"

#include <algorithm>
#include <array>
#include <climits>
#include <iterator>

#include "base/strings.h"

namespace krun::oci {
namespace {

// A text that says why a value is wrong, or nothing.
using Verdict = std::optional<std::string>;

constexpr uint64_t kMaxVcpus = 64;
constexpr uint64_t kMaxRamMib = uint64_t{1} << 20;  // 1 TiB
constexpr uint64_t kMaxBudgetBytes = uint64_t{1} << 50;
constexpr uint64_t kMaxBudgetNames = uint64_t{1} << 18;  // each is remembered by the file server
constexpr uint64_t kRamMibIgnoredBelow = 129;            // crun's rule: the kernel alone needs that much

// `rest` is what follows the row's key, where that is the beginning of many.
using Read = Verdict (*)(std::string_view rest, std::string const& value, MachineAnnotations& out);

constexpr std::string_view kSecretPrefix = "krun-oci.secret.";

Verdict read_cpus(std::string_view, std::string const& value, MachineAnnotations& out) {
    auto const number = parse_uint64(value);
    if (!number || *number > kMaxVcpus) return "must be a number of CPUs from 1 to 64";
    if (*number > 0) out.cpus = static_cast<uint32_t>(*number);
    return {};
}

Verdict read_ram(std::string_view, std::string const& value, MachineAnnotations& out) {
    auto const number = parse_uint64(value);
    if (!number || *number > kMaxRamMib) return "must be a number of MiB, at most 1048576";
    if (*number >= kRamMibIgnoredBelow) out.ram_mib = static_cast<uint32_t>(*number);
    return {};
}

Verdict read_kernel(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value.empty() || value[0] != '/') return "must be an absolute path";
    out.kernel = value;
    return {};
}

Verdict read_initrd(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value.empty() || value[0] != '/') return "must be an absolute path";
    out.initrd = value;
    return {};
}

Verdict read_kernel_parameters(std::string_view, std::string const& value, MachineAnnotations& out) {
    for (auto const word : split(value, ' ')) {
        if (word.empty()) continue;
        if (!is_kernel_parameter(word))
            return "must be words of printable characters without quotes, separated by spaces";
        out.kernel_parameters.emplace_back(word);
    }
    return {};
}

Verdict read_nested_virt(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value != "0" && value != "1" && !value.empty()) return "must be \"0\" or \"1\"";
    out.nested_virtualization = value == "1";
    return {};
}

// Where crun's machine has no network of its own kind, it has passt carry one; ours has the namespace's
// interfaces.
Verdict read_use_passt(std::string_view, std::string const& value, MachineAnnotations&) {
    if (!value.empty() && !parse_uint64(value))
        return "must be a number; above 0 the container has a network";
    return {};
}

Verdict read_handler(std::string_view, std::string const& value, MachineAnnotations&) {
    if (value != "krun") return "must be \"krun\", the only handler here";
    return {};
}

// What a client says of a container's part in its pod; other parts are nothing special.
Verdict read_container_type(std::string_view, std::string const& value, MachineAnnotations& out) {
    out.sandbox = out.sandbox || value == "sandbox";
    return {};
}

Verdict read_info(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value != "0" && value != "1") return "must be \"0\" or \"1\"";
    out.info = value == "1";
    return {};
}

bool is_plain_path(std::string_view path) {
    if (!path.starts_with('/') || path.size() >= PATH_MAX) return false;
    for (auto const name : split(path.substr(1), '/'))
        if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX) return false;
    return true;
}

Verdict inject(std::string_view path, std::string const& value, bool secret, MachineAnnotations& out) {
    if (!is_plain_path(path))
        return "the key must end in an absolute path without empty names, \".\" and \"..\"";
    size_t total = value.size();
    for (auto const& file : out.files) {
        if (file.path == path) return "the file is given twice";
        total += file.content.size();
    }
    if (total > kMaxInjectedBytes) return "all such files together may have 1 MiB";
    out.files.push_back({std::string(path), value, secret});
    return {};
}

Verdict read_file(std::string_view path, std::string const& value, MachineAnnotations& out) {
    return inject(path, value, /*secret=*/false, out);
}

Verdict read_secret(std::string_view path, std::string const& value, MachineAnnotations& out) {
    return inject(path, value, /*secret=*/true, out);
}

Verdict read_locks(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value != "guest" && value != "host") return "must be \"guest\" or \"host\"";
    out.host_locks = value == "host";
    return {};
}

Verdict read_acl(std::string_view, std::string const& value, MachineAnnotations& out) {
    if (value != "no" && value != "yes") return "must be \"no\" or \"yes\"";
    out.posix_acls = value == "yes";
    return {};
}

// A number of bytes, perhaps with K, M, G or T behind it.
std::optional<uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view kUnits = "KMGT";
    auto const unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
    if (unit != kUnits.npos) text.remove_suffix(1);
    unsigned const shift = unit == kUnits.npos ? 0 : 10 * (static_cast<unsigned>(unit) + 1);
    auto const number = parse_uint64(std::string(text));
    if (!number || *number > (kMaxBudgetBytes >> shift)) return std::nullopt;
    return *number << shift;
}

Verdict read_budget(std::string_view destination, std::string const& value, MachineAnnotations& out) {
    if (destination != "/" && !is_plain_path(destination))
        return "the key must end in \"/\" or the destination of a bind mount";
    BudgetAnnotation budget{std::string(destination), std::nullopt, std::nullopt};
    for (auto const part : split(value, ',')) {
        if (part.starts_with("bytes="))
            budget.bytes = parse_size(part.substr(6));
        else if (part.starts_with("files="))
            budget.files = parse_uint64(std::string(part.substr(6)));
        bool const is_set = part.starts_with("bytes=") ? budget.bytes.has_value() : budget.files.has_value();
        if (!is_set || budget.files.value_or(0) > kMaxBudgetNames)
            return "must be bytes=SIZE, at most 1024T, files=NUMBER, at most 262144, or both with a comma";
    }
    out.budgets.push_back(std::move(budget));
    return {};
}

constexpr size_t kMaxDiskName = 20;  // virtio's serial number

Verdict read_disk_option(std::string_view option, DiskAnnotation& out) {
    if (option == "ro")
        out.read_only = true;
    else if (option == "format=qcow2" || option == "format=raw")
        out.qcow2 = option == "format=qcow2";
    else
        return "there is no option " + quoted(option) + " for a disk";
    return {};
}

Verdict read_disk(std::string_view name, std::string const& value, MachineAnnotations& out) {
    if (name.empty() || name.size() > kMaxDiskName || name == kRootDiskName || name[0] == '.' ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
            name.npos)
        return "the key must end in a name of 1 to 20 letters, digits, \".\", \"_\" and \"-\" that is not "
               "\"root\"";
    auto const parts = split(value, ',');
    DiskAnnotation disk{.name = std::string(name), .path = std::string(parts[0])};
    if (disk.path.empty()) return "must begin with a path";
    for (auto const option : std::span(parts).subspan(1))
        if (auto wrong = read_disk_option(option, disk)) return wrong;
    out.disks.push_back(std::move(disk));
    return {};
}

// The rest of the value is the mount's options, whose commas are theirs.
constexpr std::string_view kMountOptions = ",options=";

Verdict read_root(std::string_view, std::string const& value, MachineAnnotations& out) {
    size_t const end = value.find(kMountOptions);
    auto const parts = split(std::string_view(value).substr(0, end), ',');
    RootDiskAnnotation root;
    root.disk.name = kRootDiskName;
    root.disk.path = parts[0];
    if (root.disk.path.empty()) return "must begin with a path";
    for (auto const option : std::span(parts).subspan(1)) {
        constexpr std::string_view kType = "fstype=";
        if (option.starts_with(kType) && option.size() > kType.size())
            root.file_system = option.substr(kType.size());
        else if (auto wrong = read_disk_option(option, root.disk))
            return wrong;
    }
    if (end != value.npos)
        for (auto const option : split(std::string_view(value).substr(end + kMountOptions.size()), ','))
            root.options.emplace_back(option);
    out.root_disk = std::move(root);
    return {};
}

Verdict read_net(std::string_view, std::string const& value, MachineAnnotations& out) {
    return read_network_annotation(value, out.network);
}

Verdict read_ports(std::string_view, std::string const& value, MachineAnnotations& out) {
    return read_ports_annotation(value, out.ports);
}

struct Row {
    AnnotationHelp help;
    Read read;                   // nullptr: not implemented
    bool private_value = false;  // not to be shown, in errors neither
};

constexpr Row kRows[] = {
    {{"krun.cpus", "1 to 64", "virtual CPUs; 0 for the default"}, read_cpus},
    {{"krun.ram_mib", "129 to 1048576", "memory of the machine in MiB; less means the default"}, read_ram},
    {{"krun.use_passt", "number", "accepted: a container has its namespace's network without it"},
     read_use_passt},
    {{"krun.nested_virt", "0 or 1", "the guest's CPU has VMX or SVM, if the host's KVM can do that"},
     read_nested_virt},
    {{"krun.variant", "", "not implemented: confidential machines"}, nullptr},
    {{"krun.gpu_flags", "0", "not implemented: graphics"}, nullptr},
    {{"run.oci.handler", "krun", "accepted, for configurations written for crun"}, read_handler},
    {{"krun-oci.kernel", "absolute path", "kernel image on the host"}, read_kernel},
    {{"krun-oci.locks", "guest, host",
      "whom locks of files exclude: processes of this container, or other containers and the host, too; "
      "waiting for a lock of the host's cannot be interrupted"},
     read_locks},
    {{"krun-oci.acl", "no, yes",
      "POSIX ACLs of the root file system count, and can be set; making files then takes longer"},
     read_acl},
    {{"krun-oci.budget.", "bytes=SIZE[,files=NUMBER]",
      "what the container may add to its root (`krun-oci.budget./`) or to the bind mount whose destination "
      "follows; "
      "then ENOSPC"},
     read_budget},
    {{"krun-oci.initrd", "absolute path", "initial RAM disk on the host, for that kernel"}, read_initrd},
    {{"krun-oci.kernel-parameters", "words",
      "more of the kernel's command line; not what the machine says itself"},
     read_kernel_parameters},
    {{"krun-oci.file.", "text",
      "a file at the path that follows, with this content, in memory only: "
      "`krun-oci.file./etc/motd`"},
     read_file,
     true},
    {{kSecretPrefix, "text", "the same, for the container's root alone and gone once it has been read"},
     read_secret,
     true},
    {{"krun-oci.disk.", "path[,format=qcow2][,ro]",
      "a disk image or block device of the host as /dev/vdX and /dev/disk/by-id/virtio-NAME in the "
      "container, for its "
      "root alone; NAME is what follows: `krun-oci.disk.data`"},
     read_disk},
    {{"krun-oci.root", "path[,format=qcow2][,ro][,fstype=TYPE][,options=LIST]",
      "the container's root is the file system on this disk; LIST are mount options with commas between "
      "them"},
     read_root},
    {{"krun-oci.net", "unixstream:PATH or unixgram:PATH[,mac=ADDRESS][,mtu=NUMBER]",
      "the network is a program that listens on this socket (passt; gvproxy), in place of the namespace's "
      "interfaces; the address is asked for by DHCP"},
     read_net},
    {{"krun-oci.ports", "FIRST[-LAST][/tcp or /udp][,...]",
      "in the host's own network, on which of the host's ports the payload is reached"},
     read_ports},
    {{"krun-oci.info", "0 or 1", "the container sees limits, annotations and features below /run/krun"},
     read_info},
    {{"io.kubernetes.cri.container-type", "sandbox", "a pod's pause container: a process without a machine"},
     read_container_type},
    {{"io.kubernetes.cri-o.ContainerType", "sandbox", "the same, by another engine"}, read_container_type},
};

std::string where(std::string_view key) {
    return "annotations[" + quoted(key) + "]: ";
}

bool is_of(Row const& row, std::string_view key) {
    return row.help.key.ends_with('.') ? key.starts_with(row.help.key) : key == row.help.key;
}

Row const* find_row(std::string_view key) {
    for (Row const& row : kRows)
        if (is_of(row, key)) return &row;
    return nullptr;
}

// "" and "0" are how a switch that does not exist here may be off.
Result<void> read_one(Row const& row, std::string_view key, std::string const& value,
                      MachineAnnotations& out) {
    if (row.read == nullptr) {
        if (value.empty() || value == "0") return {};
        return fail(Error(Errc::kUnsupported, where(key) + "is not supported, is " + quoted(value)));
    }
    auto const wrong = row.read(key.substr(row.help.key.size()), value, out);
    if (!wrong) return {};
    std::string const shown = row.private_value ? "" : ", is " + quoted(value);
    return fail(Error(Errc::kInvalidConfig, where(key) + *wrong + shown));
}

constexpr auto kHelp = [] {
    std::array<AnnotationHelp, std::size(kRows)> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = kRows[i].help;
    return out;
}();

}  // namespace

Result<MachineAnnotations> read_annotations(std::map<std::string, std::string> const& annotations) {
    MachineAnnotations out;
    for (auto const& [key, value] : annotations) {
        if (auto const* row = find_row(key))
            TRY(read_one(*row, key, value, out));
        else if (key.starts_with("krun-oci."))
            return fail(Error(Errc::kInvalidConfig, where(key) + "there is no such setting"));
    }
    return out;
}

bool is_kernel_parameter(std::string_view word) {
    auto const fits = [](char c) { return c > ' ' && c < 0x7f && c != '"'; };
    return !word.empty() && std::all_of(word.begin(), word.end(), fits);
}

std::map<std::string, std::string> without_secrets(std::map<std::string, std::string> annotations) {
    for (auto& [key, value] : annotations)
        if (key.starts_with(kSecretPrefix)) value.clear();
    return annotations;
}

std::span<AnnotationHelp const> annotation_help() {
    return kHelp;
}

AnnotationHelp const* find_annotation(std::string_view key) {
    auto const* row = find_row(key);
    return row == nullptr ? nullptr : &row->help;
}

}  // namespace krun::oci
