// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/vhost_user.h"
#include "bench/fs/peer.h"

namespace krun::bench {

std::unique_ptr<Peer> virtiofsd(std::string const& program, std::string const& tree,
                                std::vector<std::string> const& options, Waiting waiting) {
    std::vector<std::string> words{program, "--fd=3", "-f", "-o", "source=" + tree, "-o", "log_level=err",
                                   // As our tree is served: attributes that files may have are answered.
                                   "-o", "xattr", "-o", "announce_submounts",
                                   // Its other sandbox puts a process in between, whose threads are hidden.
                                   "-o", "sandbox=chroot"};
    words.insert(words.end(), options.begin(), options.end());
    return vhost_user(std::move(words), /*silent=*/1, /*requests=*/1, /*features=*/0, waiting);
}

}  // namespace krun::bench
