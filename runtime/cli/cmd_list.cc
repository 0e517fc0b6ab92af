// SPDX-License-Identifier: Apache-2.0
// krun-oci list: all containers of a state directory. A damaged one is shown as "unknown", not an error.
#include <algorithm>
#include <array>
#include <vector>

#include "base/strings.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"
#include "runtime/state/state_json.h"
#include "runtime/state/store.h"

namespace krun::runtime {
namespace {

using Row = std::array<std::string, 6>;

std::vector<Row> table_of(Globals const& globals, std::vector<std::string> const& ids) {
    std::vector<Row> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
    for (auto const& id : ids) {
        auto const container = Container::open(globals.root, id);
        if (!container.ok()) {
            rows.push_back({id, "0", "unknown", "", "", ""});
            continue;
        }
        Record const& record = container.value().record();
        State const state = container.value().state();
        pid_t const pid = state == State::kStopped ? 0 : record.container.pid;
        rows.push_back({id, std::to_string(pid), name(state), record.bundle, record.created, record.owner});
    }
    return rows;
}

// Columns as wide as their widest cell, three spaces between them.
std::string aligned(std::vector<Row> const& rows) {
    std::array<size_t, 6> widths{};
    for (Row const& row : rows)
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (Row const& row : rows) {
        for (size_t i = 0; i + 1 < row.size(); ++i)
            out += row[i] + std::string(widths[i] - row[i].size() + 3, ' ');
        out += row.back() + "\n";
    }
    return out;
}

std::string json_of(Globals const& globals, std::vector<std::string> const& ids) {
    JsonWriter writer;
    writer.begin_array();
    for (auto const& id : ids) {
        auto const container = Container::open(globals.root, id);
        if (container.ok())
            write_state(writer, container.value().record(), container.value().state());
        else
            writer.begin_object().key("id").string(id).key("status").string("unknown").end_object();
    }
    writer.end_array();
    return std::move(writer).take() + "\n";
}

Result<Outcome> list(Globals const& globals, Options const& options) {
    std::string const format = options.value("format");
    if (format != "" && format != "table" && format != "json")
        return fail(Error(Errc::kInvalidConfig, "--format " + quoted(format) + ": must be table or json"));
    auto const store = TRY(Store::open(globals.root));
    auto const ids = TRY(store.list());
    Outcome outcome;
    if (options.on("quiet"))
        for (auto const& id : ids) outcome.output += id + "\n";
    else
        outcome.output = format == "json" ? json_of(globals, ids) : aligned(table_of(globals, ids));
    return outcome;
}

constexpr Flag kFlags[] = {{"format", 'f', "table|json", "how to print"},
                           {"quiet", 'q', nullptr, "print only the names"},
                           kHelpFlag};

}  // namespace

constinit Command const kListCommand = {
    .name = "list",
    .arguments = "",
    .summary = "list containers",
    .min_positionals = 0,
    .max_positionals = 0,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = list,
};

}  // namespace krun::runtime
