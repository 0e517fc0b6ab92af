// SPDX-License-Identifier: Apache-2.0
// krun-oci-systemd: asks systemd for what krun-oci needs of it (org.freedesktop.systemd1(5)). A program of
// its own, because krun-oci is one static file that starts fast, and libsystemd is a shared library.
//
//   krun-oci-systemd system|user start|set UNIT [NAME TYPE VALUE]...
//
// start makes a transient unit and waits until systemd has done it, thirty seconds at most; set changes
// properties of one until it ends. TYPE is D-Bus's: b, u, i, t, x, s, and lists: ay, au with numbers between
// spaces, as with a text a line. Exit status 0, or 1 with one line on standard error.
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "runtime/systemd/manager.h"

namespace krun::runtime {
namespace {

Result<systemd::Properties> read_properties(std::span<char const* const> words) {
    systemd::Properties out;
    for (; words.size() >= 3; words = words.subspan(3)) out.push_back({words[0], words[1], words[2]});
    if (!words.empty()) return fail(Error(Errc::kInvalidConfig, "a property has a name, a type and a value"));
    return out;
}

Result<void> run(std::span<char const* const> words) {
    if (words.size() < 3)
        return fail(Error(Errc::kInvalidConfig, "usage: system|user start|set UNIT [NAME TYPE VALUE]..."));
    bool const user = std::string_view(words[0]) == "user";
    std::string_view const verb = words[1];
    auto const properties = TRY(read_properties(words.subspan(3)));
    auto manager = TRY(systemd::Manager::connect(user ? systemd::Whose::kUsers : systemd::Whose::kHosts));
    if (verb == "start") return manager.start(words[2], properties);
    if (verb == "set") return manager.set(words[2], properties);
    return fail(Error(Errc::kInvalidConfig, "not a verb: " + std::string(verb)));
}

}  // namespace
}  // namespace krun::runtime

int main(int argc, char** argv) {
    auto const done = krun::runtime::run(std::span<char const* const>(argv + 1, argv + argc));
    if (done.ok()) return 0;
    std::fprintf(stderr, "%s\n", done.error().message().c_str());
    return 1;
}
