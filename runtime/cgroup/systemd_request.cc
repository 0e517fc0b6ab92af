// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_request.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/scope_exit.h"
#include "runtime/host/installed_file.h"
#include "runtime/host/rootless.h"

namespace krun::runtime {
namespace {

constexpr char kProgram[] = "krun-oci-systemd";

Result<std::string> find_program() {
    for (auto const& path : installed_places(kProgram))
        if (::access(path.c_str(), X_OK) == 0) return path;
    return fail(Error(Errc::kUnsupported, std::string("the systemd cgroup manager needs ") + kProgram +
                                              ", which is not installed beside this program"));
}

// Its descriptors: nothing to read, nothing to say but the complaint.
Result<void> run(std::vector<std::string> const& words, BorrowedFd complaint) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ScopeExit const forget([&] { ::posix_spawn_file_actions_destroy(&files); });
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, complaint.raw(), STDERR_FILENO);
    pid_t pid = 0;
    int const error = ::posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ);
    if (error != 0) return fail(Error(Errc::kSystem, "run " + words[0], error));
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(Error(Errc::kSystem, WIFSIGNALED(status) ? words[0] + " died by a signal" : ""));
}

// The first line of what it complained of.
std::string complaint_of(BorrowedFd file) {
    std::array<char, 1024> text{};
    ssize_t const n = ::pread(file.raw(), text.data(), text.size(), 0);
    std::string_view const all(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
    return std::string(all.substr(0, all.find('\n')));
}

Result<void> request(char const* verb, std::string const& unit, UnitProperties const& properties) {
    auto const program = TRY(find_program());
    std::vector<std::string> words = {program, is_rootless() ? "user" : "system", verb, unit};
    for (auto const& property : properties)
        words.insert(words.end(), {property.name, property.type, property.value});
    auto const complaint = TRY(make_memfd("complaint", 0));
    auto ran = run(words, complaint.borrow());
    if (ran.ok()) return {};
    auto const text = complaint_of(complaint.borrow());
    return fail(Error(Errc::kSystem, unit + ": " + (text.empty() ? ran.error().message() : text)));
}

}  // namespace

Result<void> start_unit(std::string const& unit, UnitProperties const& properties) {
    return request("start", unit, properties);
}

Result<void> set_unit_properties(std::string const& unit, UnitProperties const& properties) {
    return request("set", unit, properties);
}

}  // namespace krun::runtime
