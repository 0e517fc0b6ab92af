// SPDX-License-Identifier: Apache-2.0
// runtime-spec features.md and features-linux.md. What is not implemented is false, not absent: absent would
// mean unknown.
#include "oci/features.h"

#include "base/capability_names.h"
#include "oci/fields.h"
#include "oci/mount_options.h"
#include "oci/names.h"

namespace krun::oci {
namespace {

template <class Names>
void write_names(JsonWriter& writer, std::string_view key, Names const& names) {
    writer.key(key).begin_array();
    for (std::string_view const name : names) writer.string(name);
    writer.end_array();
}

// {"enabled": …}, the form of most features.
void write_enabled(JsonWriter& writer, std::string_view key, bool enabled) {
    writer.key(key).begin_object().key("enabled").boolean(enabled).end_object();
}

bool is_refused(std::string_view name, std::span<Field<Linux> const> rows) {
    for (auto const& row : rows)
        if (row.name == name) return row.effect == Effect::kRefused;
    return true;
}

void write_hooks(JsonWriter& writer) {
    writer.key("hooks").begin_array();
    for (auto const& row : FieldsOf<Hooks>::rows)
        if (row.effect != Effect::kRefused) writer.string(row.name);
    writer.end_array();
}

void write_cgroup(JsonWriter& writer) {
    writer.key("cgroup").begin_object();
    writer.key("v1").boolean(true);
    writer.key("v2").boolean(true);
    writer.key("systemd").boolean(true);
    writer.key("systemdUser").boolean(true);
    writer.key("rdma").boolean(false);
    writer.end_object();
}

void write_seccomp(JsonWriter& writer) {
    writer.key("seccomp").begin_object();
    writer.key("enabled").boolean(true);
    write_names(writer, "actions", kSeccompActions);
    write_names(writer, "operators", kSeccompOperators);
    write_names(writer, "archs", kSeccompArchs);
    write_names(writer, "knownFlags", kSeccompFlags);
    write_names(writer, "supportedFlags", kSeccompFlags);
    writer.end_object();
}

void write_linux(JsonWriter& writer) {
    writer.key("linux").begin_object();
    write_names(writer, "namespaces", kNamespaceTypes);
    write_names(writer, "capabilities", kCapabilityNames);
    write_cgroup(writer);
    write_seccomp(writer);
    write_enabled(writer, "apparmor", false);
    write_enabled(writer, "selinux", false);
    write_enabled(writer, "intelRdt", !is_refused("intelRdt", FieldsOf<Linux>::rows));
    writer.key("mountExtensions").begin_object();
    write_enabled(writer, "idmap", true);
    writer.end_object();
    write_enabled(writer, "netDevices", !is_refused("netDevices", FieldsOf<Linux>::rows));
    writer.end_object();
}

}  // namespace

std::string features_json() {
    JsonWriter writer(JsonWriter::Style::kIndented);
    writer.begin_object();
    writer.key("ociVersionMin").string(kOciVersionMin);
    writer.key("ociVersionMax").string(kOciVersionMax);
    write_hooks(writer);
    write_names(writer, "mountOptions", known_mount_options());
    write_linux(writer);
    writer.key("annotations").begin_object();
    // CRI-O and podman ask for it under runc's name.
    writer.key("org.opencontainers.runc.checkpoint.enabled").string("false");
    writer.end_object();
    constexpr std::string_view kUnsafe[] = {"krun-oci.", "krun.", "run.oci."};
    write_names(writer, "potentiallyUnsafeConfigAnnotations", kUnsafe);
    writer.end_object();
    return std::move(writer).take();
}

}  // namespace krun::oci
