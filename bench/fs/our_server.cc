// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "bench/fs/peer.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "fs/passthrough/syscalls.h"
#include "fs/server.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/fs.h"
#include "vmm/thread_syscalls.h"
#include "vmm/virtio/features.h"
#include "vmm/virtio/worker.h"

namespace krun::bench {

using vmm::must;

std::vector<pid_t> threads_of(pid_t process) {
    std::vector<pid_t> out;
    for (auto const& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task"))
        out.push_back(std::stoi(entry.path().filename()));
    return out;
}

namespace {

constexpr uint64_t kRamBytes = uint64_t{512} << 20;

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

class OurServer final : public Peer {
public:
    OurServer(std::string const& tree, fs::Sharing sharing, uint16_t queues, Waiting waiting)
        : ram_(kRamBytes, RamKind::kPrivate),
          hiprio_(ram_, waiting),
          interrupt_(must(make_eventfd())),
          before_(threads_of(::getpid())) {
        auto server = std::make_shared<fs::Server>(boot_tree(tree, sharing));
        worker_ = must(
            vmm::Worker::make(must(vmm::Fs::make({"bench", std::move(server)}, queues)), interrupt_, {}));
        // Confined as in a machine: a filter makes each system call dearer, and virtiofsd has one, too.
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no new privileges");
        must(worker_->start(std::make_shared<SyscallFilter const>(
            must(vmm::thread_filter("dev-bench", fs::kPassthroughSyscalls)))));
        vmm::Worker::Queues proved;
        proved.emplace_back(must(vmm::Queue::make(ram_.guest(), hiprio_.layout())));
        for (uint16_t i = 0; i < queues; ++i) {
            queues_.emplace_back(ram_, waiting).connect(worker_->doorbell(), interrupt_.line());
            proved.emplace_back(must(vmm::Queue::make(ram_.guest(), queues_.back().layout())));
        }
        worker_->activate(std::move(proved), vmm::kTransportFeatures);
    }

    std::vector<DriverQueue>& queues() override { return queues_; }
    std::vector<pid_t> threads() const override {
        auto all = threads_of(::getpid());
        std::erase_if(all,
                      [&](pid_t t) { return std::find(before_.begin(), before_.end(), t) != before_.end(); });
        return all;
    }

private:
    Ram ram_;
    DriverQueue hiprio_;
    std::vector<DriverQueue> queues_;
    vmm::Interrupt interrupt_;
    std::vector<pid_t> before_;
    std::unique_ptr<vmm::Worker> worker_;
};

}  // namespace

std::unique_ptr<Peer> our_server(std::string const& tree, fs::Sharing sharing, uint16_t queues,
                                 Waiting waiting) {
    return std::make_unique<OurServer>(tree, sharing, queues, waiting);
}

}  // namespace krun::bench
