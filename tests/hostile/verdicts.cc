// SPDX-License-Identifier: Apache-2.0
#include "tests/hostile/verdicts.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/strings.h"
#include "tests/hostile/cases.h"
#include "tests/hostile/why_qemu_differs.h"

namespace krun::vmm {
namespace {

constexpr char const* kDevices[] = HOSTILE_DEVICES;

constexpr char kPageBegin[] =
    "# The hostile guest\n\n"
    "Written by `HostileGuest.EveryBrokenRuleEndsAsTheTableSays` (tests/hostile): a guest that breaks one "
    "rule of one "
    "device. PASS: the\ndevice goes on as if nothing was. REJECT: it refuses the step, or asks for a reset "
    "and works "
    "after one. WEDGED: it does neither.\nFAIL: another device or the answer was wrong.\n\n"
    "The same guest runs on QEMU 7.2's microvm, as a check of the cases: it has the first five of the "
    "devices itself; "
    "sockets and file\nshares are other programs' there (vhost). ENDED: QEMU has ended itself.\n\n";

std::string with_spaces(std::string text) {
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

std::string counts(std::vector<std::string> const& ours, std::vector<std::string> const& qemus) {
    std::string out = "| verdict | krun-oci | QEMU |\n|---|---|---|\n";
    for (char const* verdict : {"PASS", "REJECT", "WEDGED", "FAIL", "ENDED", "HUNG"}) {
        auto const of = [&](auto const& all) {
            return std::to_string(std::count(all.begin(), all.end(), verdict));
        };
        out += std::string("| ") + verdict + " | " + of(ours) + " | " + of(qemus) + " |\n";
    }
    return out;
}

// What one rule's breaking came to, on each device.
struct Row {
    Case first;
    std::map<std::string, std::string> ours;
    std::map<std::string, std::vector<std::string>> qemus_other;  // verdict: devices
};

std::vector<Row> rows(std::vector<Case> const& cases, std::vector<std::string> const& ours,
                      std::vector<std::string> const& qemus) {
    std::vector<Row> out;
    for (size_t i = 0; i < cases.size(); ++i) {
        if (out.empty() || std::string(out.back().first.name) != cases[i].name)
            out.push_back({cases[i], {}, {}});
        out.back().ours[cases[i].device] = ours[i];
        if (qemus[i] != ours[i] && qemus[i] != "none")
            out.back().qemus_other[qemus[i]].emplace_back(cases[i].device);
    }
    return out;
}

std::string difference(Row const& row) {
    std::string out;
    for (auto const& [verdict, devices] : row.qemus_other) {
        if (!out.empty()) out += "; ";
        out += verdict + ":";
        for (auto const& device : devices) out += " " + device;
    }
    return out.empty() ? out : out + ": " + why_qemu_differs(row.first.name);
}

}  // namespace

std::vector<Case> all_cases() {
    std::vector<Case> out;
#define ON_ALL(area_of, function, verdict) \
    for (char const* device : kDevices) out.push_back({#area_of, #function, device, verdict});
#define ON_ITS_OWN(area_of, function, verdict) out.push_back({#area_of, #function, #area_of, verdict});
    HOSTILE_CASES(ON_ALL)
    HOSTILE_OWN_CASES(ON_ITS_OWN)
    return out;
}

char const* word(unsigned verdict) {
    if ((verdict & FAIL) != 0) return "FAIL";
    if ((verdict & WEDGED) != 0) return "WEDGED";
    return verdict == REJECT ? "REJECT" : "PASS";
}

std::string list_of(std::vector<Case> const& cases, std::vector<std::string> const& verdicts) {
    std::string out;
    for (size_t i = 0; i < cases.size() && i < verdicts.size(); ++i)
        out += std::string(cases[i].area) + " " + cases[i].name + " " + cases[i].device + " " + verdicts[i] +
               "\n";
    return out;
}

std::vector<std::string> verdicts_of(std::vector<Case> const& cases, std::string const& list) {
    std::vector<std::string> out;
    for (auto const line : split(list, '\n')) {
        if (line.empty()) continue;
        out.emplace_back(line.substr(line.rfind(' ') + 1));
    }
    return list_of(cases, out) == list ? out : std::vector<std::string>();
}

std::string page_of(std::vector<Case> const& cases, std::vector<std::string> const& ours,
                    std::vector<std::string> const& qemus) {
    std::string out = kPageBegin + counts(ours, qemus) + "\n| area | what the guest does |";
    for (char const* device : kDevices) out += std::string(" ") + device + " |";
    out += " QEMU, where it differs |\n|---|---|";
    for (size_t i = 0; i <= std::size(kDevices); ++i) out += "---|";
    out += "\n";
    for (auto const& row : rows(cases, ours, qemus)) {
        out += "| " + std::string(row.first.area) + " | " + with_spaces(row.first.name) + " |";
        for (char const* device : kDevices) {
            auto const cell = row.ours.find(device);
            out += " " + (cell == row.ours.end() ? std::string() : cell->second) + " |";
        }
        out += " " + difference(row) + " |\n";
    }
    return out;
}

}  // namespace krun::vmm
