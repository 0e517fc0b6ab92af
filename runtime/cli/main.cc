// SPDX-License-Identifier: Apache-2.0
// krun-oci: runs OCI containers in virtual machines. The only place that prints.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <span>

#include "base/fd.h"
#include "runtime/cli/dispatch.h"

namespace {

// A descriptor that we open must never become somebody's stdio.
void fill_stdio() {
    for (int fd = 0; fd <= 2; ++fd)
        if (::fcntl(fd, F_GETFD) < 0)
            // Takes the lowest number, and is for children as well. NOLINTNEXTLINE(android-cloexec-open)
            static_cast<void>(::open("/dev/null", O_RDWR));
}

// What an engine asks for and cannot be given is a failure.
bool print(int fd, std::string const& text) {
    return text.empty() || krun::write_full(krun::BorrowedFd(fd), text).ok();
}

}  // namespace

int main(int argc, char** argv) {
    fill_stdio();
    for (int const signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);  // write(2) fails instead
    auto const arguments =
        std::span<char const* const>(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0);
    auto const ended = krun::runtime::dispatch(arguments, ::getenv("XDG_RUNTIME_DIR"));
    bool const printed = print(1, ended.output);
    if (!ended.complaint.empty()) print(2, ended.complaint + "\n" + ended.trace);
    return printed ? ended.status : 1;
}
