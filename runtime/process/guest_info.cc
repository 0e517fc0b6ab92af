// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/guest_info.h"

#include "base/field.h"
#include "base/json_writer.h"
#include "oci/annotations.h"
#include "oci/features.h"

namespace krun::runtime {
namespace {

template <class Map>
void write_texts(JsonWriter& writer, Map const& texts) {
    writer.begin_object();
    for (auto const& [name, text] : texts) writer.key(name).string(text);
    writer.end_object();
}

std::string shown_annotations(oci::Spec const& spec) {
    JsonWriter writer(JsonWriter::Style::kIndented);
    write_texts(writer, oci::without_secrets(spec.annotations));
    return std::move(writer).take() + "\n";
}

}  // namespace

GuestInfo::GuestInfo(oci::Spec const& spec, MachineSize const& size, KrunConfig const& config)
    : size_(size),
      annotations_(shown_annotations(spec)),
      cgroup_(config.krun.cgroup.begin(), config.krun.cgroup.end()) {}

std::string GuestInfo::limits() const {
    JsonWriter writer(JsonWriter::Style::kIndented);
    writer.begin_object();
    writer.key("vcpus").unsigned_integer(size_.vcpus);
    writer.key("ramMib").unsigned_integer(size_.ram_mib);
    writer.key("cgroup");
    {
        Lock const lock(mutex_);
        write_texts(writer, cgroup_);
    }
    writer.end_object();
    return std::move(writer).take() + "\n";
}

std::string GuestInfo::features() {
    return oci::features_json() + "\n";
}

void GuestInfo::limit_written(std::string_view file, std::string_view value) {
    Lock const lock(mutex_);
    cgroup_.insert_or_assign(std::string(file), std::string(value));
}

}  // namespace krun::runtime
