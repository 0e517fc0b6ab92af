// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/creation_flags.h"

namespace krun::runtime {

Result<CreateRequest> read_create_request(Options const& options) {
    auto passed = TRY(fds_for_payload(options.value("preserve-fds")));
    return CreateRequest{.id = options.positionals()[0],
                         .bundle = options.value("bundle"),
                         .console_socket = options.value("console-socket"),
                         .pid_file = options.value("pid-file"),
                         .pidfd_socket = options.value("pidfd-socket"),
                         .console = UniqueFd(),
                         .passed = std::move(passed)};
}

}  // namespace krun::runtime
