// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/state_json.h"

#include "base/field.h"

namespace krun::runtime {

void write_state(JsonWriter& writer, Record const& record, State state) {
    writer.begin_object();
    writer.key("ociVersion").string(record.oci_version);
    writer.key("id").string(record.id);
    writer.key("pid").integer(state == State::kStopped ? 0 : record.container.pid);
    writer.key("status").string(name(state));
    writer.key("bundle").string(record.bundle);
    writer.key("rootfs").string(record.rootfs);
    writer.key("created").string(record.created);
    writer.key("annotations");
    write_value(writer, record.annotations);
    writer.key("owner").string(record.owner);
    writer.end_object();
}

std::string state_json(Record const& record, State state) {
    JsonWriter writer;
    write_state(writer, record, state);
    return std::move(writer).take();
}

}  // namespace krun::runtime
