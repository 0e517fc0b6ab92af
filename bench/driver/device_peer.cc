// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/device_peer.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "vmm/device_table.h"
#include "vmm/thread_syscalls.h"
#include "vmm/virtio/features.h"

namespace krun::bench {

using vmm::must;

namespace {

constexpr uint64_t kRamBytes = uint64_t{512} << 20;

std::span<SyscallRule const> syscalls_of(std::string const& kind) {
    for (auto const& one : vmm::device_kinds())
        if (one.name == kind) return one.syscalls;
    die("a kind of device that there is not");
}

}  // namespace

std::vector<pid_t> threads_of(pid_t process) {
    std::vector<pid_t> out;
    for (auto const& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task"))
        out.push_back(std::stoi(entry.path().filename()));
    return out;
}

DevicePeer::DevicePeer(std::unique_ptr<vmm::VirtioDevice> device, std::string const& kind, unsigned silent,
                       unsigned requests, uint64_t features, Waiting waiting)
    : ram_(kRamBytes, RamKind::kPrivate), interrupt_(line_.edge()), before_(threads_of(::getpid())) {
    worker_ = must(vmm::Worker::make(std::move(device), interrupt_, {}));
    // A filter makes each system call dearer, and other servers have one, too.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no new privileges");
    must(worker_->start(
        std::make_shared<SyscallFilter const>(must(vmm::thread_filter("dev-bench", syscalls_of(kind))))));
    vmm::Worker::Queues proved;
    for (unsigned i = 0; i < silent + requests; ++i) {
        auto& queue = (i < silent ? silent_ : queues_).emplace_back(ram_, waiting);
        queue.connect(worker_->doorbell(i), line_.event());
        proved.emplace_back(must(vmm::Queue::make(ram_.guest(), queue.layout())));
    }
    worker_->activate(std::move(proved), vmm::kTransportFeatures | features);
}

std::vector<pid_t> DevicePeer::threads() const {
    auto all = threads_of(::getpid());
    std::erase_if(all,
                  [&](pid_t t) { return std::find(before_.begin(), before_.end(), t) != before_.end(); });
    return all;
}

}  // namespace krun::bench
