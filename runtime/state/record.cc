// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/record.h"

#include <algorithm>

#include "base/field.h"
#include "base/json_writer.h"
#include "oci/fields.h"

namespace krun {

template <>
struct FieldsOf<runtime::ProcessIdentity> {
    using Process = runtime::ProcessIdentity;
    static constexpr Field<Process> rows[] = {
        field<&Process::pid>("pid", Effect::kHost, kRequired),
        field<&Process::start_time>("startTime", Effect::kHost, kRequired),
        field<&Process::boot_id>("bootId", Effect::kHost, kRequired),
    };
};

template <>
struct FieldsOf<runtime::Record> {
    using Record = runtime::Record;
    static constexpr Field<Record> rows[] = {
        field<&Record::version>("version", Effect::kHost, kRequired),
        field<&Record::oci_version>("ociVersion", Effect::kHost, kRequired),
        field<&Record::id>("id", Effect::kHost, kRequired),
        field<&Record::bundle>("bundle", Effect::kHost, kRequired),
        field<&Record::rootfs>("rootfs", Effect::kHost, kRequired),
        field<&Record::created>("created", Effect::kHost, kRequired),
        field<&Record::owner>("owner", Effect::kHost),
        field<&Record::annotations>("annotations", Effect::kHost),
        field<&Record::phase>("phase", Effect::kHost, kRequired),
        field<&Record::creator>("creator", Effect::kHost, kRequired),
        field<&Record::container>("container", Effect::kHost, kRequired),
        field<&Record::terminal>("terminal", Effect::kHost),
        field<&Record::cgroups>("cgroups", Effect::kHost),
        field<&Record::systemd_unit>("systemdUnit", Effect::kHost),
        field<&Record::network_namespace>("networkNamespace", Effect::kHost),
        field<&Record::vcpus>("vcpus", Effect::kHost),
        field<&Record::ram_mib>("ramMib", Effect::kHost),
        field<&Record::hooks>("hooks", Effect::kHost),
    };
};

}  // namespace krun

namespace krun::runtime {
namespace {

Error bad_record(char const* why, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, why, 0, where);
}

bool is_phase(std::string const& text) {
    constexpr Phase kPhases[] = {Phase::kCreating, Phase::kCreated, Phase::kStarted};
    return std::any_of(std::begin(kPhases), std::end(kPhases), [&](Phase p) { return text == name(p); });
}

}  // namespace

std::string write_record(Record const& record) {
    JsonWriter writer;
    write_value(writer, record);
    return std::move(writer).take();
}

Result<Record> read_record(std::string_view text, std::string const& id) {
    auto const json = TRY(Json::parse(text, kMaxRecordBytes));
    // The version first: of a newer record the rest may not make sense.
    Json const* const version = json.find("version");
    if (version != nullptr && TRY(JsonAt(*version, "version").unsigned_integer(UINT32_MAX)) > kRecordVersion)
        return fail(bad_record("a newer version of this program wrote it"));
    auto record = TRY(read_object<Record>("", json));
    if (record.id != id) return fail(bad_record("it is another container's"));
    if (!is_phase(record.phase)) return fail(bad_record("phase is unknown"));
    return record;
}

}  // namespace krun::runtime
