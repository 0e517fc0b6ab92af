// SPDX-License-Identifier: Apache-2.0
// krun-oci spec: write a config.json to start from.
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "oci/default_spec.h"
#include "runtime/cli/command_table.h"

namespace krun::runtime {
namespace {

Result<Outcome> spec(Globals const& /*globals*/, Options const& options) {
    auto const wanted =
        options.on("rootless") ? oci::rootless_spec(::geteuid(), ::getegid()) : oci::default_spec();
    std::string const bundle = options.given("bundle") ? options.value("bundle") : ".";
    auto const dir = TRY_WITH(open_path(bundle, O_RDONLY | O_DIRECTORY), "bundle");
    // O_EXCL: somebody's work is not overwritten.
    auto file = open_at(dir.borrow(), "config.json", O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!file.ok() && file.error().sys_errno() == EEXIST)
        return fail(Error(Errc::kBadState, "config.json exists already; remove it first"));
    UniqueFd const config = TRY(std::move(file));
    auto written = write_full(config.borrow(), oci::write_spec(wanted) + "\n");
    if (!written.ok()) {
        ::unlinkat(dir.borrow().raw(), "config.json", 0);
        return fail(std::move(written).error().with("write config.json"));
    }
    return Outcome{};
}

constexpr Flag kFlags[] = {{"bundle", 'b', "DIR", "where to write config.json (default: here)"},
                           {"rootless", 0, nullptr, "for a user without privileges, in a user namespace"},
                           kHelpFlag};

}  // namespace

constinit Command const kSpecCommand = {
    .name = "spec",
    .arguments = "",
    .summary = "write a config.json to start from",
    .min_positionals = 0,
    .max_positionals = 0,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = spec,
};

}  // namespace krun::runtime
