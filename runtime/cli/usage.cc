// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/usage.h"

#include "oci/features.h"
#include "runtime/cli/command_table.h"

namespace krun::runtime {
namespace {

// "  LEFT      RIGHT\n", the right column starting at `width`.
std::string entry(std::string const& left, char const* right, size_t width) {
    std::string const gap(left.size() + 2 < width ? width - left.size() : 2, ' ');
    return "  " + left + gap + right + "\n";
}

// "-b, --bundle DIR"
std::string spelling(Flag const& flag) {
    std::string out =
        flag.short_name != 0 ? std::string{'-', flag.short_name, ',', ' '} : std::string("    ");
    out += std::string("--") + flag.name;
    if (flag.value_name != nullptr) out += std::string(" ") + flag.value_name;
    return out;
}

std::string flag_list(std::span<Flag const> flags) {
    std::string out;
    for (Flag const& flag : flags)
        if (flag.help != nullptr) out += entry(spelling(flag), flag.help, 34);
    return out;
}

}  // namespace

std::string program_help() {
    std::string out =
        "krun-oci runs OCI containers, each in a virtual machine of its own.\n\n"
        "Usage: krun-oci [FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n";
    for (Command const* command : commands())
        if (command->run != nullptr) out += entry(command->name, command->summary, 12);
    out += "\nFlags:\n" + flag_list(global_flags());
    return out + "\n\"krun-oci COMMAND --help\" shows the flags of a command.\n";
}

std::string command_help(Command const& command) {
    std::string out = std::string("krun-oci ") + command.name + ": " + command.summary +
                      "\n\nUsage: krun-oci " + command.name + " [FLAGS]";
    if (*command.arguments != '\0') out += std::string(" ") + command.arguments;
    return out + "\n\nFlags:\n" + flag_list(command.flags);
}

std::string version_text() {
    return "krun-oci version " KRUN_VERSION "\ncommit: " KRUN_COMMIT "\nspec: " +
           std::string(oci::kOciVersionMax) + "\n";
}

}  // namespace krun::runtime
