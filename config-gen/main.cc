// SPDX-License-Identifier: Apache-2.0
// krun-config-gen BUNDLE: prints what would be injected into the guest as /.krun_config.json.
// krun-config-gen unpack IMAGE --bundle DIR: makes a bundle of an image.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "config-gen/from_oci.h"
#include "config-gen/image/progress.h"
#include "config-gen/image/unpack.h"
#include "config-gen/image/unpack_command.h"
#include "config-gen/machine_size.h"
#include "config-gen/write.h"
#include "oci/load.h"

namespace krun {
namespace {

constexpr char kHelp[] =
    "usage: krun-config-gen [--compact] BUNDLE\n"
    "       krun-config-gen unpack [flags] IMAGE --bundle DIR [-- ARGUMENT...]\n"
    "\n"
    "Reads BUNDLE/config.json and prints the /.krun_config.json that its guest would get.\n"
    "The machine's size and the sources of bind mounts go to standard error.\n"
    "\n"
    "  --compact  print exactly the bytes, not indented\n"
    "  --help     print this text\n"
    "\n"
    "unpack makes a bundle of an image, see unpack --help.\n";

uint32_t host_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    return static_cast<uint32_t>(CPU_COUNT(&set));
}

int report(Error const& error) {
    std::fprintf(stderr, "krun-config-gen: %s\n", error.message().c_str());
    return 1;
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

int run_print(std::span<char const* const> words) {
    auto style = JsonWriter::Style::kIndented;
    std::string bundle;
    for (std::string_view const arg : words) {
        if (arg == "--help" || arg == "-h") {
            std::fputs(kHelp, stdout);
            return 0;
        }
        if (arg == "--compact") {
            style = JsonWriter::Style::kCompact;
        } else if (arg.starts_with('-') || !bundle.empty()) {
            return report(Error(Errc::kInvalidConfig, "unexpected argument " + std::string(arg)));
        } else {
            bundle = arg;
        }
    }
    if (bundle.empty())
        return report(Error(Errc::kInvalidConfig, "a bundle directory is required, see --help"));
    auto const printed = print_config(bundle, style);
    return printed.ok() ? 0 : report(printed.error());
}

volatile sig_atomic_t interrupted = 0;

// A signal that would end the program ends its work first, so that nothing half-made is left.
void end_work_at_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    for (int const signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

Result<image::Warnings> unpack(image::UnpackOptions const& options) {
    image::Progress progress([] { return interrupted != 0; });
    return image::unpack(options, progress);
}

int run_unpack(std::span<char const* const> words) {
    auto const options = image::parse_unpack(words);
    if (!options.ok()) return report(options.error());
    if (!options.value()) {
        std::fputs(image::kUnpackHelp.data(), stdout);
        return 0;
    }
    end_work_at_signals();
    auto const warnings = unpack(*options.value());
    if (!warnings.ok()) return report(warnings.error());
    for (auto const& line : warnings.value().lines())
        std::fprintf(stderr, "krun-config-gen: warning: %s\n", line.c_str());
    return 0;
}

int run(std::span<char const* const> words) {
    if (!words.empty() && std::string_view(words.front()) == "unpack") return run_unpack(words.subspan(1));
    return run_print(words);
}

}  // namespace
}  // namespace krun

int main(int argc, char** argv) {
    return krun::run(std::span<char const* const>(argv, static_cast<size_t>(argc)).subspan(1));
}
