// SPDX-License-Identifier: Apache-2.0
#include "init/exec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace krun::init {
namespace {

constexpr uint32_t kNotExecutable = 126;
constexpr uint32_t kNotFound = 127;

// 0, or why `file` is no program. EISDIR for a directory.
int why_not_executable(std::string const& file) {
    struct stat st {};
    if (::stat(file.c_str(), &st) < 0) return errno;
    if (S_ISDIR(st.st_mode)) return EISDIR;
    // Root may execute only what somebody may (access(2)), which the kernel's check knows.
    if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) < 0) return errno;
    return 0;
}

ExecFailure describe(std::string const& name, int error) {
    std::string const start = "exec: \"" + name + "\": ";
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return {kNotFound, start + "stat " + name + ": " + errno_text(error)};
        case EISDIR:
            return {kNotExecutable, start + "is a directory: permission denied"};
        case EACCES:
            return {kNotExecutable, start + "permission denied"};
        default:
            return {kNotExecutable, start + errno_text(error)};
    }
}

std::vector<char*> pointers(std::vector<std::string> const& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    // execve(2) takes char* for history's sake and writes nothing.
    for (auto const& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

}  // namespace

std::string errno_text(int error) {
    char const* const known = strerrordesc_np(error);
    std::string text = known != nullptr ? known : "errno " + std::to_string(error);
    if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

std::string search_path(std::vector<std::string> const& env) {
    for (auto const& variable : env)
        if (variable.starts_with("PATH=")) return variable.substr(5);
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

Result<std::string, ExecFailure> find_program(std::string const& name, std::string const& path) {
    if (name.find('/') != std::string::npos) {
        int const error = why_not_executable(name);
        if (error != 0) return fail(describe(name, error));
        return name;
    }
    bool denied = false;
    for (auto const directory : split(path, ':')) {
        std::string const file = (directory.empty() ? "." : std::string(directory)) + "/" + name;
        int const error = name.empty() ? ENOENT : why_not_executable(file);
        if (error == 0) return file;
        denied = denied || error == EACCES;
    }
    // execvp(3): a match that may not be executed is remembered while the search goes on.
    if (denied) return fail(describe(name, EACCES));
    return fail(ExecFailure{kNotFound, "exec: \"" + name + "\": executable file not found in $PATH"});
}

ExecFailure run_program(std::string const& file, std::vector<std::string> const& args,
                        std::vector<std::string> const& env) {
    ::execve(file.c_str(), pointers(args).data(), pointers(env).data());
    int const error = errno;
    // The file was there a moment ago: ENOENT now means its interpreter or loader.
    uint32_t const code = error == ENOENT || error == ENOTDIR ? kNotFound : kNotExecutable;
    return {code, "exec " + file + ": " + errno_text(error)};
}

}  // namespace krun::init
