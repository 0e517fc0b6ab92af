// SPDX-License-Identifier: Apache-2.0
// The host-guest contract: what /.krun_config.json says, as plain data. The host fills it from config.json
// (config-gen/from_oci.h), init carries it out. `process`, `mounts`, `hostname` and `domainname` have the
// shape of runtime-spec config.md, so that libkrun's init can read them too; all that is ours is in `krun`.
// Host and guest read and write by the same rows, at the end of this file. Prose: docs/krun-config.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/field.h"

namespace krun {

// Raised whenever an older init would carry out a newer file wrongly.
inline constexpr uint32_t kKrunConfigVersion = 1;
// What init is willing to read: generous for thousands of mounts, bounded for guest memory.
inline constexpr size_t kMaxKrunConfigBytes = size_t{8} * 1024 * 1024;

namespace guest {

struct ConsoleSize {  // in characters
    uint16_t height = 0;
    uint16_t width = 0;
};

struct User {
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t umask = 0022;
    std::vector<uint32_t> additional_gids;
    // Names or decimal numbers to be looked up in the container's /etc/passwd and /etc/group; they win over
    // the numbers above. Empty: not asked for. A user without a group gets the group that passwd says.
    std::string name;
    std::string group_name;
};

// A descriptor of the host process that the guest process gets under the same number, as a stream.
struct PassedFd {
    uint32_t fd = 3;       // 3..control::kMaxStreams - 1
    std::string access{};  // "r", "w", "rw"; "listen": a socket that listens for what the host's accepts
    std::string family{};  // of a listening one: "unix", "inet" or "inet6"
    uint32_t port = 0;     // of a listening one, where there are ports
};

// Names as in capabilities(7): "CAP_CHOWN".
struct Capabilities {
    std::vector<std::string> bounding;
    std::vector<std::string> effective;
    std::vector<std::string> inheritable;
    std::vector<std::string> permitted;
    std::vector<std::string> ambient;
};

struct Rlimit {
    std::string type;   // "RLIMIT_NOFILE"
    uint64_t soft = 0;  // RLIM_INFINITY is 2^64-1
    uint64_t hard = 0;
};

struct Scheduler {
    std::string policy;  // "SCHED_RR"
    int32_t nice = 0;
    int32_t priority = 0;
    std::vector<std::string> flags;
    uint64_t runtime = 0;  // ns; these three for SCHED_DEADLINE
    uint64_t deadline = 0;
    uint64_t period = 0;
};

struct IoPriority {
    std::string class_name;  // "IOPRIO_CLASS_BE"
    int32_t priority = 0;
};

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args;
    std::vector<std::string> env;  // "NAME=value", exactly what the payload gets, HOME excepted
    std::string cwd;
    Capabilities capabilities;
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::optional<int32_t> oom_score_adj;
    std::vector<PassedFd> passed_fds;
    std::optional<Scheduler> scheduler;
    std::optional<IoPriority> io_priority;
};

// Of a bind source that is a unix socket of the host's: what init makes in its place looks like it.
struct SocketSource {
    uint32_t mode = 0;  // permission bits
    uint32_t uid = 0;
    uint32_t gid = 0;
};

struct Mount {
    std::string destination;  // absolute, inside the payload's root
    std::string type;         // "bind" for bind mounts, whatever config.json calls them
    std::string source;       // of a bind mount: a path in the boot tree, "/binds/N"
    std::vector<std::string> options;
    std::optional<SocketSource> socket{};
};

struct Device {
    std::string path;
    std::string type;  // "c", "b", "u" (as c) or "p"
    uint32_t major = 0;
    uint32_t minor = 0;
    uint32_t file_mode = 0666;
    uint32_t uid = 0;
    uint32_t gid = 0;
};

struct IdMapping {
    uint32_t container_id = 0;
    uint32_t host_id = 0;  // of the machine, whose ids are those of the host's files
    uint32_t size = 0;
};

struct TimeOffset {
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
};

// A program of the container's that runs between start and the payload's program.
struct Hook {
    std::string path;
    std::vector<std::string> args;                // empty: the path alone
    std::optional<std::vector<std::string>> env;  // absent: the payload's
    uint32_t timeout = 0;                         // in seconds; 0: none
};

// The disk whose file system is the payload's root.
struct RootDisk {
    std::string serial;
    std::string type;  // empty: the first of the kernel's file systems that takes it
    std::vector<std::string> options;
};

// The object `krun`.
struct Krun {
    uint32_t version = kKrunConfigVersion;
    std::string root = "/rootfs";         // the payload's root in the boot tree
    bool debug = false;                   // init tells its steps on the console
    bool readonly = false;                // linux: root.readonly
    std::string propagation;              // linux.rootfsPropagation; empty: private
    std::vector<std::string> namespaces;  // of "ipc", "uts", "cgroup", "time"; pid and mount are always new
    std::vector<IdMapping> uid_mappings;  // not empty: a user namespace with these maps
    std::vector<IdMapping> gid_mappings;
    std::map<std::string, TimeOffset> time_offsets;
    std::vector<Device> devices;        // beyond the default ones
    std::vector<std::string> disks;     // serials of those that the payload gets nodes of
    std::optional<RootDisk> root_disk;  // mounted at `root`, where the boot tree has nothing
    std::vector<std::string> masked_paths;
    std::vector<std::string> readonly_paths;
    std::map<std::string, std::string> sysctl;
    std::map<std::string, std::string> cgroup;  // file in the payload's cgroup: what to write
    std::string seccomp;                        // struct sock_filter[], base64; empty: no filter
    uint32_t seccomp_flags = 0;                 // SECCOMP_FILTER_FLAG_*
    uint32_t personality = 0;                   // PER_LINUX32 and the like, personality(2)
    std::string notify_socket;                  // where the payload finds its NOTIFY_SOCKET; empty: none
    std::vector<Hook> start_container_hooks;    // in their order, as the payload's user
    std::string state;                          // what they read on standard input (runtime.md#state)
};

// What the kernel shows for an id that no mapping covers (user_namespaces(7)).
inline constexpr uint32_t kUnmappedId = 65534;

// The machine's id for `id` of the payload's user namespace: the same if there is no such namespace.
inline uint32_t machine_id(std::vector<IdMapping> const& mappings, uint32_t id) {
    if (mappings.empty()) return id;
    for (auto const& [inside, outside, size] : mappings)
        if (id >= inside && id - inside < size) return outside + (id - inside);
    return kUnmappedId;
}

}  // namespace guest

struct KrunConfig {
    guest::Process process;
    std::vector<guest::Mount> mounts;  // in the order in which they are made
    std::string hostname;              // empty: left alone
    std::string domainname;
    guest::Krun krun;
};

// Required are, beyond what init cannot do without, the members whose value when absent would not be zero:
// a table leaves out zeroes.
template <>
struct FieldsOf<guest::ConsoleSize> {
    static constexpr Field<guest::ConsoleSize> rows[] = {
        field<&guest::ConsoleSize::height>("height", Effect::kGuest, kRequired),
        field<&guest::ConsoleSize::width>("width", Effect::kGuest, kRequired),
    };
};
template <>
struct FieldsOf<guest::User> {
    static constexpr Field<guest::User> rows[] = {
        field<&guest::User::uid>("uid", Effect::kGuest, kRequired),
        field<&guest::User::gid>("gid", Effect::kGuest, kRequired),
        field<&guest::User::umask>("umask", Effect::kGuest, kRequired),
        field<&guest::User::additional_gids>("additionalGids"),
        field<&guest::User::name>("name"),
        field<&guest::User::group_name>("groupName"),
    };
};
template <>
struct FieldsOf<guest::PassedFd> {
    static constexpr Field<guest::PassedFd> rows[] = {
        field<&guest::PassedFd::fd>("fd", Effect::kGuest, kRequired),
        field<&guest::PassedFd::access>("access", Effect::kGuest, kRequired),
        field<&guest::PassedFd::family>("family"),
        field<&guest::PassedFd::port>("port"),
    };
};
template <>
struct FieldsOf<guest::Capabilities> {
    static constexpr Field<guest::Capabilities> rows[] = {
        field<&guest::Capabilities::bounding>("bounding"),
        field<&guest::Capabilities::effective>("effective"),
        field<&guest::Capabilities::inheritable>("inheritable"),
        field<&guest::Capabilities::permitted>("permitted"),
        field<&guest::Capabilities::ambient>("ambient"),
    };
};
template <>
struct FieldsOf<guest::Rlimit> {
    static constexpr Field<guest::Rlimit> rows[] = {
        field<&guest::Rlimit::type>("type", Effect::kGuest, kRequired),
        field<&guest::Rlimit::soft>("soft", Effect::kGuest, kRequired),
        field<&guest::Rlimit::hard>("hard", Effect::kGuest, kRequired),
    };
};
template <>
struct FieldsOf<guest::Scheduler> {
    static constexpr Field<guest::Scheduler> rows[] = {
        field<&guest::Scheduler::policy>("policy", Effect::kGuest, kRequired),
        field<&guest::Scheduler::nice>("nice"),
        field<&guest::Scheduler::priority>("priority"),
        field<&guest::Scheduler::flags>("flags"),
        field<&guest::Scheduler::runtime>("runtime"),
        field<&guest::Scheduler::deadline>("deadline"),
        field<&guest::Scheduler::period>("period"),
    };
};
template <>
struct FieldsOf<guest::IoPriority> {
    static constexpr Field<guest::IoPriority> rows[] = {
        field<&guest::IoPriority::class_name>("class", Effect::kGuest, kRequired),
        field<&guest::IoPriority::priority>("priority"),
    };
};
template <>
struct FieldsOf<guest::Process> {
    static constexpr Field<guest::Process> rows[] = {
        field<&guest::Process::terminal>("terminal"),
        field<&guest::Process::console_size>("consoleSize"),
        field<&guest::Process::user>("user", Effect::kGuest, kRequired),
        field<&guest::Process::args>("args", Effect::kGuest, kRequired),
        field<&guest::Process::env>("env"),
        field<&guest::Process::cwd>("cwd", Effect::kGuest, kRequired),
        field<&guest::Process::capabilities>("capabilities"),
        field<&guest::Process::rlimits>("rlimits"),
        field<&guest::Process::no_new_privileges>("noNewPrivileges"),
        field<&guest::Process::oom_score_adj>("oomScoreAdj"),
        field<&guest::Process::passed_fds>("passedFds"),
        field<&guest::Process::scheduler>("scheduler"),
        field<&guest::Process::io_priority>("ioPriority"),
    };
};
template <>
struct FieldsOf<guest::SocketSource> {
    static constexpr Field<guest::SocketSource> rows[] = {
        field<&guest::SocketSource::mode>("mode"),
        field<&guest::SocketSource::uid>("uid"),
        field<&guest::SocketSource::gid>("gid"),
    };
};
template <>
struct FieldsOf<guest::Mount> {
    static constexpr Field<guest::Mount> rows[] = {
        field<&guest::Mount::destination>("destination", Effect::kGuest, kRequired),
        field<&guest::Mount::type>("type", Effect::kGuest, kRequired),
        field<&guest::Mount::source>("source"),
        field<&guest::Mount::options>("options"),
        field<&guest::Mount::socket>("socket"),
    };
};
template <>
struct FieldsOf<guest::Device> {
    static constexpr Field<guest::Device> rows[] = {
        field<&guest::Device::path>("path", Effect::kGuest, kRequired),
        field<&guest::Device::type>("type", Effect::kGuest, kRequired),
        field<&guest::Device::major>("major"),
        field<&guest::Device::minor>("minor"),
        field<&guest::Device::file_mode>("fileMode", Effect::kGuest, kRequired),
        field<&guest::Device::uid>("uid"),
        field<&guest::Device::gid>("gid"),
    };
};
template <>
struct FieldsOf<guest::IdMapping> {
    static constexpr Field<guest::IdMapping> rows[] = {
        field<&guest::IdMapping::container_id>("containerID", Effect::kGuest, kRequired),
        field<&guest::IdMapping::host_id>("hostID", Effect::kGuest, kRequired),
        field<&guest::IdMapping::size>("size", Effect::kGuest, kRequired),
    };
};
template <>
struct FieldsOf<guest::TimeOffset> {
    static constexpr Field<guest::TimeOffset> rows[] = {
        field<&guest::TimeOffset::seconds>("secs"),
        field<&guest::TimeOffset::nanoseconds>("nanosecs"),
    };
};
template <>
struct FieldsOf<guest::Hook> {
    static constexpr Field<guest::Hook> rows[] = {
        field<&guest::Hook::path>("path", Effect::kGuest, kRequired),
        field<&guest::Hook::args>("args"),
        field<&guest::Hook::env>("env"),
        field<&guest::Hook::timeout>("timeout"),
    };
};
template <>
struct FieldsOf<guest::RootDisk> {
    static constexpr Field<guest::RootDisk> rows[] = {
        field<&guest::RootDisk::serial>("serial", Effect::kGuest, kRequired),
        field<&guest::RootDisk::type>("type"),
        field<&guest::RootDisk::options>("options"),
    };
};
template <>
struct FieldsOf<guest::Krun> {
    static constexpr Field<guest::Krun> rows[] = {
        field<&guest::Krun::version>("version", Effect::kGuest, kRequired),
        field<&guest::Krun::root>("root", Effect::kGuest, kRequired),
        field<&guest::Krun::debug>("debug"),
        field<&guest::Krun::readonly>("readonly"),
        field<&guest::Krun::propagation>("propagation"),
        field<&guest::Krun::namespaces>("namespaces"),
        field<&guest::Krun::uid_mappings>("uidMappings"),
        field<&guest::Krun::gid_mappings>("gidMappings"),
        field<&guest::Krun::time_offsets>("timeOffsets"),
        field<&guest::Krun::devices>("devices"),
        field<&guest::Krun::disks>("disks"),
        field<&guest::Krun::root_disk>("rootDisk"),
        field<&guest::Krun::masked_paths>("maskedPaths"),
        field<&guest::Krun::readonly_paths>("readonlyPaths"),
        field<&guest::Krun::sysctl>("sysctl"),
        field<&guest::Krun::cgroup>("cgroup"),
        field<&guest::Krun::seccomp>("seccomp"),
        field<&guest::Krun::seccomp_flags>("seccompFlags"),
        field<&guest::Krun::personality>("personality"),
        field<&guest::Krun::notify_socket>("notifySocket"),
        field<&guest::Krun::start_container_hooks>("startContainerHooks"),
        field<&guest::Krun::state>("state"),
    };
};
template <>
struct FieldsOf<KrunConfig> {
    static constexpr Field<KrunConfig> rows[] = {
        field<&KrunConfig::process>("process", Effect::kGuest, kRequired),
        field<&KrunConfig::mounts>("mounts"),
        field<&KrunConfig::hostname>("hostname"),
        field<&KrunConfig::domainname>("domainname"),
        field<&KrunConfig::krun>("krun", Effect::kGuest, kRequired),
    };
};

}  // namespace krun
