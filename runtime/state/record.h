// SPDX-License-Identifier: Apache-2.0
// What one command remembers about a container for the next: the file state.json in its state directory.
// Later commands get neither config.json nor the flags of create (engines leave them out), so all they need
// is here.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/host/process_identity.h"

namespace krun::runtime {

// Raised when an older program would misread what we write.
inline constexpr uint32_t kRecordVersion = 1;
// Annotations and hooks are the user's; nothing else in it grows.
inline constexpr size_t kMaxRecordBytes = size_t{16} * 1024 * 1024;

// How far the commands have brought the container. Whether it still lives is looked up, never remembered.
enum class Phase { kCreating, kCreated, kStarted };

struct Record {
    uint32_t version = kRecordVersion;
    std::string oci_version;
    std::string id;
    std::string bundle;   // absolute
    std::string rootfs;   // absolute
    std::string created;  // RFC 3339, UTC
    std::string owner;
    std::map<std::string, std::string> annotations;
    std::string phase;                           // name(Phase)
    ProcessIdentity creator;                     // the create command, while it is creating
    ProcessIdentity container;                   // the container process, once created
    bool terminal = false;                       // process.terminal
    std::map<std::string, std::string> cgroups;  // Cgroup::directories(); empty: none
    std::string systemd_unit;                    // whose cgroup it is; empty: nobody's but ours
    // The network namespace that config.json gives by path; empty: none that outlives the container.
    std::string network_namespace;
    uint32_t vcpus = 0;  // of the machine, once created
    uint32_t ram_mib = 0;
    oci::Hooks hooks;  // those that run after create
};

constexpr char const* name(Phase phase) {
    constexpr char const* kNames[] = {"creating", "created", "started"};
    return kNames[static_cast<size_t>(phase)];
}

std::string write_record(Record const& record);
// kInvalidConfig if the text is no record of `id`, or a newer program's.
Result<Record> read_record(std::string_view text, std::string const& id);

}  // namespace krun::runtime
