// SPDX-License-Identifier: Apache-2.0
#include "runtime/creation_flags.h"

#include "base/strings.h"

namespace krun::runtime {

Result<CreateRequest> read_create_request(Options const& options) {
    if (std::string const text = options.value("preserve-fds"); !text.empty()) {
        auto const count = parse_uint64(text);
        if (!count)
            return fail(Error(Errc::kInvalidConfig, "--preserve-fds " + quoted(text) + ": not a number"));
        if (*count > 0) return fail(Error(Errc::kUnsupported, "--preserve-fds is not supported yet"));
    }
    return CreateRequest{.id = options.positionals()[0],
                         .bundle = options.value("bundle"),
                         .console_socket = options.value("console-socket"),
                         .pid_file = options.value("pid-file"),
                         .console = UniqueFd()};
}

}  // namespace krun::runtime
