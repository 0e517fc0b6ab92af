// SPDX-License-Identifier: Apache-2.0
// What the user asked for: runtime-spec config.md (version 1.3 and below), the Linux and VM parts. Plain
// data, filled by load.h from the rows in fields_*.cc. A member that is absent in the file has its default.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oci/spec_linux.h"
#include "oci/spec_process.h"

namespace krun::oci {

struct Root {
    std::string path;  // as written: relative to the bundle, or absolute
    bool readonly = false;
};

struct Mount {
    std::string destination;  // absolute in a validated spec
    std::string type;
    std::string source;
    std::vector<std::string> options;  // mount_options.h parses them
    std::vector<IdMapping> uid_mappings{};
    std::vector<IdMapping> gid_mappings{};
};

struct Hook {
    std::string path;  // absolute
    std::vector<std::string> args;
    std::optional<std::vector<std::string>> env;  // absent: the runtime's own environment
    std::optional<int32_t> timeout;               // seconds, > 0
};

struct Hooks {
    std::vector<Hook> prestart;
    std::vector<Hook> create_runtime;
    std::vector<Hook> create_container;
    std::vector<Hook> start_container;  // paths of the container
    std::vector<Hook> poststart;
    std::vector<Hook> poststop;
};

struct VmKernel {
    std::string path;  // absolute, on the host
    std::vector<std::string> parameters;
    std::string initrd;  // the same, or empty
};

struct VmHardware {
    std::optional<uint32_t> vcpus;
    std::optional<uint64_t> memory;  // bytes
};

struct Vm {
    std::optional<VmKernel> kernel;
    std::optional<VmHardware> hw_config;
};

struct Spec {
    std::string oci_version;
    std::optional<Process> process;  // `start` needs it, `create` does not
    Root root;
    std::string hostname;
    std::string domainname;
    std::vector<Mount> mounts;
    Hooks hooks;
    std::map<std::string, std::string> annotations;
    Linux linux;
    std::optional<Vm> vm;
};

}  // namespace krun::oci
