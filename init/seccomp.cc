// SPDX-License-Identifier: Apache-2.0
#include "init/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/base64.h"

namespace krun::init {

Result<std::vector<sock_filter>> parse_seccomp(std::string const& base64) {
    auto const bytes = decode_base64(base64);
    if (!bytes || bytes->empty() || bytes->size() % sizeof(sock_filter) != 0 ||
        bytes->size() / sizeof(sock_filter) > BPF_MAXINSNS)
        return fail(Error(Errc::kInvalidConfig, "seccomp: not a BPF program"));
    std::vector<sock_filter> program(bytes->size() / sizeof(sock_filter));
    std::memcpy(program.data(), bytes->data(), bytes->size());
    return program;
}

Result<void> install_seccomp(std::vector<sock_filter>& program, uint32_t flags) {
    sock_fprog const filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) != 0)
        return fail(Error::sys("install the seccomp filter"));
    return {};
}

}  // namespace krun::init
