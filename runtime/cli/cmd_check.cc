// SPDX-License-Identifier: Apache-2.0
// krun-oci check: what this host lacks, and the remedy.
#include <algorithm>
#include <string>

#include "base/json_writer.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/host_check.h"

namespace krun::runtime {
namespace {

char const* word(Finding::Verdict verdict) {
    constexpr char const* kWords[] = {"ok", "warning", "missing"};
    return kWords[static_cast<size_t>(verdict)];
}

std::string as_json(std::vector<Finding> const& findings) {
    JsonWriter json(JsonWriter::Style::kIndented);
    json.begin_array();
    for (auto const& finding : findings) {
        json.begin_object();
        json.key("subject").string(finding.subject).key("verdict").string(word(finding.verdict));
        json.key("text").string(finding.text);
        if (!finding.remedy.empty()) json.key("remedy").string(finding.remedy);
        json.end_object();
    }
    json.end_array();
    return std::move(json).take() + "\n";
}

// A line each: VERDICT  SUBJECT  TEXT; REMEDY
std::string as_lines(std::vector<Finding> const& findings) {
    constexpr size_t kWidth = 9;
    auto const padded = [&](std::string text) {
        text.resize(std::max(text.size(), kWidth), ' ');
        return text;
    };
    std::string out;
    for (auto const& finding : findings)
        out += padded(word(finding.verdict)) + padded(finding.subject) + finding.text +
               (finding.remedy.empty() ? "" : "; " + finding.remedy) + "\n";
    return out;
}

Result<Outcome> check(Globals const& globals, Options const& options) {
    auto const findings = check_host(globals.root);
    bool const missing = std::any_of(findings.begin(), findings.end(), [](Finding const& finding) {
        return finding.verdict == Finding::Verdict::kMissing;
    });
    return Outcome{.status = missing ? 1 : 0,
                   .output = options.on("json") ? as_json(findings) : as_lines(findings)};
}

constexpr Flag kFlags[] = {{"json", 0, nullptr, "as JSON"}, kHelpFlag};

}  // namespace

constinit Command const kCheckCommand = {
    .name = "check",
    .arguments = "",
    .summary = "tell what this host lacks for running containers, and the remedy",
    .min_positionals = 0,
    .max_positionals = 0,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = check,
};

}  // namespace krun::runtime
