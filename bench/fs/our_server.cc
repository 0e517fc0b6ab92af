// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/fd.h"
#include "bench/driver/device_peer.h"
#include "bench/fs/peer.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "fs/server.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/fs.h"

namespace krun::bench {

using vmm::must;

namespace {

std::unique_ptr<fs::FileSystem> boot_tree(std::string const& tree, fs::Sharing sharing) {
    fs::NodeIds ids;
    fs::PassthroughOptions options;
    options.sharing = sharing;
    options.submounts = fs::Submounts::kCross;
    auto real = must(fs::Passthrough::make(must(open_path(tree + "/rootfs", O_PATH | O_DIRECTORY)),
                                           must(fs::open_proc_self_fd()), options, ids));
    auto root = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    must(root->add_graft("/rootfs", std::make_unique<fs::OverlayFs>(std::move(real), ids)));
    return root;
}

}  // namespace

std::unique_ptr<Peer> our_server(std::string const& tree, fs::Sharing sharing, uint16_t queues,
                                 Waiting waiting) {
    auto server = std::make_shared<fs::Server>(boot_tree(tree, sharing));
    return std::make_unique<DevicePeer>(must(vmm::Fs::make({"bench", std::move(server)}, queues)), "fs",
                                        /*silent=*/1, queues, /*features=*/0, waiting);
}

}  // namespace krun::bench
