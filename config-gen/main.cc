// SPDX-License-Identifier: Apache-2.0
// krun-config-gen BUNDLE: prints what would be injected into the guest as /.krun_config.json.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "config-gen/from_oci.h"
#include "config-gen/machine_size.h"
#include "config-gen/write.h"
#include "oci/load.h"

namespace krun {
namespace {

constexpr char kHelp[] =
    "usage: krun-config-gen [--compact] BUNDLE\n"
    "\n"
    "Reads BUNDLE/config.json and prints the /.krun_config.json that its guest would get.\n"
    "The machine's size and the sources of bind mounts go to standard error.\n"
    "\n"
    "  --compact  print exactly the bytes, not indented\n"
    "  --help     print this text\n";

uint32_t host_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    return static_cast<uint32_t>(CPU_COUNT(&set));
}

Result<void> print_config(std::string const& bundle, JsonWriter::Style style) {
    auto const dir = TRY(open_path(bundle, O_RDONLY | O_DIRECTORY));
    auto const spec = TRY_WITH(oci::load_bundle(dir.borrow()), bundle);
    auto const plan = TRY_WITH(from_oci(spec), bundle);
    auto const size = TRY_WITH(machine_size(spec, host_cpus()), bundle);
    TRY(write_full(BorrowedFd(STDOUT_FILENO), write_krun_config(plan.config, style)));
    std::fprintf(stderr, "machine: %u vCPUs, %u MiB\n", size.vcpus, size.ram_mib);
    for (size_t i = 0; i < plan.binds.size(); ++i)
        std::fprintf(stderr, "/binds/%zu: %s%s\n", i, plan.binds[i].path.c_str(),
                     plan.binds[i].readonly ? " (read-only)" : "");
    return {};
}

int run(int argc, char** argv) {
    auto style = JsonWriter::Style::kIndented;
    std::string bundle;
    for (int i = 1; i < argc; ++i) {
        std::string_view const arg(argv[i]);
        if (arg == "--help" || arg == "-h") {
            std::fputs(kHelp, stdout);
            return 0;
        }
        if (arg == "--compact") {
            style = JsonWriter::Style::kCompact;
        } else if (arg.starts_with('-') || !bundle.empty()) {
            std::fprintf(stderr, "krun-config-gen: unexpected argument %s\n", argv[i]);
            return 1;
        } else {
            bundle = arg;
        }
    }
    if (bundle.empty()) {
        std::fputs("krun-config-gen: a bundle directory is required, see --help\n", stderr);
        return 1;
    }
    auto const printed = print_config(bundle, style);
    if (printed.ok()) return 0;
    std::fprintf(stderr, "krun-config-gen: %s\n", printed.error().message().c_str());
    return 1;
}

}  // namespace
}  // namespace krun

int main(int argc, char** argv) {
    return krun::run(argc, argv);
}
