// SPDX-License-Identifier: Apache-2.0
// krun-oci explain: for every member of a config.json, where it takes effect, or why not.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/usable_cpus.h"
#include "config-gen/machine_size.h"
#include "oci/explain.h"
#include "oci/load.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

// A directory with a config.json is a bundle; anything else is a container's name.
Result<UniqueFd> open_subject(Globals const& globals, std::string const& subject) {
    struct stat info {};
    if (::stat((subject + "/config.json").c_str(), &info) == 0)
        return open_path(subject, O_RDONLY | O_DIRECTORY);
    if (subject.find('/') != subject.npos)
        return fail(
            Error(Errc::kNotFound, subject + ": must be a directory with a config.json, or a container"));
    auto const container = TRY(Container::open(globals.root, subject));
    return duplicate(container.dir().fd());
}

// What would become of the whole: the machine, or why there would be none.
struct Verdict {
    std::optional<MachineSize> machine;
    std::string refusal;
};

Verdict judge(std::string const& text) {
    auto const spec = oci::parse_config(text);
    if (!spec.ok()) return {{}, spec.error().message()};
    auto const size = machine_size(spec.value(), usable_cpus());
    if (!size.ok()) return {{}, size.error().message()};
    return {size.value(), {}};
}

std::string as_json(std::vector<oci::Explanation> const& fields, Verdict const& verdict) {
    JsonWriter json(JsonWriter::Style::kIndented);
    json.begin_object();
    if (verdict.machine) {
        json.key("machine").begin_object();
        json.key("cpus").unsigned_integer(verdict.machine->vcpus);
        json.key("ramMib").unsigned_integer(verdict.machine->ram_mib);
        json.end_object();
    } else {
        json.key("error").string(verdict.refusal);
    }
    json.key("fields").begin_array();
    for (auto const& [path, effect, why] : fields) {
        json.begin_object().key("path").string(path).key("effect").string(effect);
        if (!why.empty()) json.key("why").string(why);
        json.end_object();
    }
    json.end_array().end_object();
    return std::move(json).take() + "\n";
}

std::string as_table(std::vector<oci::Explanation> const& fields, Verdict const& verdict) {
    size_t width = 0;
    for (auto const& field : fields) width = std::max(width, field.path.size());
    width = std::min<size_t>(width, 60);
    constexpr size_t kEffectWidth = 16;
    std::string out;
    for (auto const& [path, effect, why] : fields) {
        out.append(path).append(path.size() < width ? width - path.size() + 2 : 2, ' ').append(effect);
        if (!why.empty()) out.append(kEffectWidth - effect.size(), ' ').append(why);
        out += '\n';
    }
    if (!verdict.machine) return out + "refused as a whole: " + verdict.refusal + "\n";
    return out + "machine: " + std::to_string(verdict.machine->vcpus) + " processors, " +
           std::to_string(verdict.machine->ram_mib) + " MiB\n";
}

Result<Outcome> explain(Globals const& globals, Options const& options) {
    auto const subject = TRY(open_subject(globals, options.positionals()[0]));
    auto const text = TRY(oci::read_config(subject.borrow()));
    auto const json = TRY_WITH(Json::parse(text, oci::kMaxConfigBytes), "config.json");
    auto const fields = oci::explain(json);
    auto const verdict = judge(text);
    return Outcome{.output = options.on("json") ? as_json(fields, verdict) : as_table(fields, verdict)};
}

constexpr Flag kFlags[] = {{"json", 0, nullptr, "as JSON"}, kHelpFlag};

}  // namespace

constinit Command const kExplainCommand = {
    .name = "explain",
    .arguments = "BUNDLE|ID",
    .summary = "tell where each field of a configuration takes effect, or why not",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = explain,
};

}  // namespace krun::runtime
