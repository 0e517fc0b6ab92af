// SPDX-License-Identifier: Apache-2.0
// /.krun_config.json as init reads it. Whatever is accepted obeys the promises that init's code relies on,
// and its parts go through the parsers behind it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "init/capabilities.h"
#include "init/config.h"
#include "init/mount_options.h"
#include "init/seccomp.h"
#include "init/sysctl.h"

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    using namespace krun;
    auto const config = init::parse_config({reinterpret_cast<char const*>(data), size});
    if (!config.ok()) {
        require(!config.error().message().empty());
        return 0;
    }
    auto const& c = config.value();
    require(!c.process.args.empty() && c.process.cwd.starts_with('/') && c.krun.root.starts_with('/'));
    for (auto const& mount : c.mounts) {
        require(mount.destination.starts_with('/'));
        ignore(init::parse_mount_options(mount.options), "either way is fine");
    }
    for (auto const& [key, value] : c.krun.sysctl) require(init::sysctl_path(key).size() == key.size());
    auto const program = init::parse_seccomp(c.krun.seccomp);
    require(!program.ok() || (!program.value().empty() && program.value().size() <= BPF_MAXINSNS));
    require(init::parse_capabilities(c.process.capabilities, 40).bounding >> 41 == 0);
    return 0;
}
