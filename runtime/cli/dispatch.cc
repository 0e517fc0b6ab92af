// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/dispatch.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/usage.h"

namespace krun::runtime {
namespace {

Error wrong_usage(std::string text, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::move(text), 0, where);
}

// `text` on one line: control bytes, which would forge a record or drive a terminal, become spaces.
std::string one_line(std::string text) {
    auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    std::replace_if(text.begin(), text.end(), is_control, ' ');
    return text;
}

// Makes the file if it is missing, at once: containerd reads it after every command that failed.
Result<void> start_log(Globals const& globals) {
    if (globals.log.empty()) return {};
    // O_NONBLOCK: a FIFO without a reader is an error instead of a wait.
    int const flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY;
    auto file = TRY_WITH(open_path(globals.log, flags, 0644), "log file");
    open_log(std::move(file), globals.log_format, globals.log_level);
    return {};
}

Result<Outcome> run_command(Command const& command, Globals const& globals,
                            std::span<char const* const> arguments) {
    if (command.run == nullptr)
        return fail(Error(Errc::kUnsupported, std::string(command.name) + " is not supported yet"));
    auto const options = TRY(parse_options(command.flags, command.positionals, arguments));
    if (options.on("help")) return Outcome{.output = command_help(command)};
    size_t const count = options.positionals().size();
    std::string const name = command.name;
    if (count < command.min_positionals)
        return fail(wrong_usage(name + " needs an argument: the container's ID"));
    if (count > command.max_positionals)
        return fail(wrong_usage(name + ": unexpected argument " +
                                quoted(options.positionals()[command.max_positionals])));
    return command.run(globals, options);
}

Ended ended_with(Error const& error, int status) {
    return {.status = status, .complaint = one_line(error.message())};
}

int failure_status(Command const* command, Error const& error) {
    if (command == nullptr) return 1;
    return error.code() == Errc::kGuestFault ? command->machine_failure_status : command->failure_status;
}

Ended ended_with(Outcome outcome) {
    return {.status = outcome.status,
            .output = std::move(outcome.output),
            .complaint = one_line(std::move(outcome.complaint))};
}

// The command's own part of the line, with the log open.
Ended run_logged(std::span<char const* const> words, Globals const& globals) {
    std::string const name = words.empty() ? "" : words.front();
    Command const* const command = find_command(name);
    Result<Outcome> outcome = command != nullptr ? run_command(*command, globals, words.subspan(1))
                                                 : fail(wrong_usage("unknown command " + quoted(name)));
    // A complaint of the container process's is in the log, and engines parse the file as one record.
    bool const logged = outcome.ok() && !outcome.value().log_complaint;
    std::string trace;
    if (!outcome.ok() && globals.log_level == LogLevel::kDebug) trace = outcome.error().trace();
    Ended ended = outcome.ok() ? ended_with(std::move(outcome).value())
                               : ended_with(outcome.error(), failure_status(command, outcome.error()));
    if (!logged) log(LogLevel::kError, ended.complaint);
    ended.trace = std::move(trace);
    return ended;
}

// Where the command starts: at the first argument that is neither a global flag nor its value.
std::span<char const* const> from_command(std::span<char const* const> arguments, Options const& options) {
    return arguments.last(options.positionals().size());
}

}  // namespace

Ended dispatch(std::span<char const* const> arguments, char const* runtime_dir) {
    auto const options = parse_options(global_flags(), Positionals::kStopAtFirst, arguments);
    if (!options.ok()) return ended_with(Error(Errc::kInvalidConfig, options.error().message()), 1);
    auto const words = from_command(arguments, options.value());
    if (options.value().on("version") || options.value().on("V")) return {.output = version_text()};
    bool const asks_for_help = !words.empty() && words.front() == std::string_view("help");
    if (options.value().on("help") || asks_for_help || arguments.empty()) return {.output = program_help()};
    auto const globals = read_globals(options.value(), runtime_dir);
    if (!globals.ok()) return ended_with(globals.error(), 1);
    if (auto const log = start_log(globals.value()); !log.ok()) return ended_with(log.error(), 1);
    return run_logged(words, globals.value());
}

}  // namespace krun::runtime
