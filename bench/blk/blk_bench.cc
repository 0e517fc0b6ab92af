// SPDX-License-Identifier: Apache-2.0
// blk_bench [OPTION...]: our virtio-blk on a raw image beside QEMU's (qemu-storage-daemon, which has the
// device of qemu-system behind vhost-user), each behind the same driver, on the same file, in turn. Prints
// Markdown; the exit status is 1 when a target was missed.
//   --seconds S      a turn's length for each workload (0.3)
//   --turns N        turns of which the best counts (5)
//   --dir DIR        where the image is made (/dev/shm)
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "base/usable_cpus.h"
#include "bench/driver/alone.h"
#include "bench/driver/device_peer.h"
#include "bench/driver/thread_meter.h"
#include "bench/driver/vhost_user.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/blk.h"
#include "vmm/disk/open_disk.h"

namespace krun::bench {
namespace {

using vmm::must;

constexpr char const* kQemu = "/usr/bin/qemu-storage-daemon";
constexpr uint64_t kImageBytes = uint64_t{256} << 20;
constexpr uint32_t kPage = 4096;
// VIRTIO_BLK_F_FLUSH: without it each write is one that is flushed (virtio-v1.2 §5.2.6.2).
constexpr uint64_t kFeatures = uint64_t{1} << 9;

// virtio-v1.2 §5.2.6
struct Header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
enum Type : uint32_t { kIn = 0, kOut = 1 };

struct Workload {
    char const* name;
    Type type;
    uint32_t bytes;   // of a request
    uint16_t depth;   // requests under way
    bool sequential;  // or anywhere
};
constexpr double kTarget = 1.3;  // ours against theirs
constexpr Workload kWorkloads[] = {
    {"read 4 KiB anywhere, depth 1", kIn, 4096, 1, false},
    {"read 4 KiB anywhere, depth 32", kIn, 4096, 32, false},
    {"write 4 KiB anywhere, depth 1", kOut, 4096, 1, false},
    {"write 4 KiB anywhere, depth 32", kOut, 4096, 32, false},
    {"read 1 MiB in a row, depth 1", kIn, 1 << 20, 1, true},
    {"read 1 MiB in a row, depth 4", kIn, 1 << 20, 4, true},
    {"write 1 MiB in a row, depth 1", kOut, 1 << 20, 1, true},
    {"write 1 MiB in a row, depth 4", kOut, 1 << 20, 4, true},
};

struct Options {
    double seconds = 0.3;
    unsigned turns = 5;
    std::string dir = "/dev/shm";
};

// Header, pages, status, as Linux's driver lays them out; pages of one request are not neighbours.
Shape shape_of(Workload const& workload) {
    std::vector<uint32_t> const pages(workload.bytes / kPage, kPage);
    Shape shape{{sizeof(Header)}, {}};
    auto& with_data = workload.type == kIn ? shape.writable : shape.readable;
    with_data.insert(with_data.end(), pages.begin(), pages.end());
    shape.writable.push_back(1);
    return shape;
}

// Requests of one workload over the first queue.
class Driver {
public:
    Driver(Peer& peer, Workload const& workload) : queue_(peer.queues().front()), workload_(workload) {
        for (uint16_t slot = 0; slot < workload.depth; ++slot) queue_.shape(slot, shape_of(workload));
    }
    void run(uint64_t count) {
        uint64_t offered = 0;
        for (uint16_t slot = 0; slot < workload_.depth && offered < count; ++slot, ++offered) offer(slot);
        for (uint64_t done = 0; done < count; ++done) {
            uint16_t const slot = queue_.wait();
            check(slot);
            if (offered == count) continue;
            offer(slot);
            ++offered;
        }
    }

private:
    void offer(uint16_t slot) {
        uint64_t const places = kImageBytes / workload_.bytes;
        random_ = random_ * 6364136223846793005 + 1442695040888963407;
        uint64_t const place = workload_.sequential ? next_++ % places : (random_ >> 33) % places;
        Header const header{workload_.type, 0, place * workload_.bytes / 512};
        std::memcpy(queue_.part(slot, 0), &header, sizeof header);
        *status(slot) = std::byte{0xff};
        queue_.offer(slot);
    }
    void check(uint16_t slot) const {
        if (*status(slot) == std::byte{0}) return;
        std::fputs("blk_bench: a request failed\n", stderr);
        std::exit(125);
    }
    std::byte* status(uint16_t slot) const { return queue_.part(slot, 1 + workload_.bytes / kPage); }

    DriverQueue& queue_;
    Workload const& workload_;
    uint64_t random_ = 1;
    uint64_t next_ = 0;
};

std::unique_ptr<Peer> ours(std::string const& image) {
    auto disk = must(vmm::open_disk({image, vmm::DiskFormat::kRaw, /*read_only=*/false}));
    return std::make_unique<DevicePeer>(
        must(vmm::Blk::make({"bench", std::move(disk)}, /*vcpus=*/1, usable_cpus())), "blk",
        /*silent=*/0, /*requests=*/1, kFeatures, Waiting::kYields);
}

std::unique_ptr<Peer> qemus(std::string const& image) {
    return vhost_user({kQemu, "--blockdev", "driver=file,node-name=image,filename=" + image, "--export",
                       "type=vhost-user-blk,id=disk,node-name=image,addr.type=fd,addr.str=3,writable=on"},
                      /*silent=*/0, /*requests=*/1, kFeatures, Waiting::kYields);
}

struct Result {
    double ns = 0;  // a request
    std::optional<double> system_calls;
    double processor_ns = 0;
};

Result measure(Peer& peer, Workload const& workload, double seconds) {
    Driver driver(peer, workload);
    uint64_t count = 16;
    while (true) {
        auto const threads = peer.threads();
        uint64_t const processor = processor_ns(threads);
        uint64_t const begin = now_ns();
        driver.run(count);
        auto const ns = static_cast<double>(now_ns() - begin);
        auto const n = static_cast<double>(count);
        if (ns < seconds * 1e9 * 0.7) {
            count = std::max(count * 2, static_cast<uint64_t>(n * seconds * 1e9 / std::max(ns, 1.0)));
            continue;
        }
        Result result{ns / n, std::nullopt, static_cast<double>(processor_ns(threads) - processor) / n};
        // Counting makes each of them dearer, so it is done apart.
        SystemCallCounter const counter(peer.threads());
        driver.run(count / 8 + 1);
        if (auto const calls = counter.read())
            result.system_calls = static_cast<double>(*calls) / static_cast<double>(count / 8 + 1);
        return result;
    }
}

void print(Workload const& workload, Result const& result) {
    char text[64];
    auto const bytes = static_cast<double>(workload.bytes);
    if (workload.bytes >= 1 << 20)
        std::snprintf(text, sizeof text, "%.2f GB/s", bytes / result.ns);
    else
        std::snprintf(text, sizeof text, "%.1f k/s", 1e6 / result.ns);
    std::printf("| %s | %.2f | ", text, result.ns / 1e3);
    std::printf(result.system_calls ? "%.2f" : "?", result.system_calls.value_or(0));
    std::printf(" | %.2f ", result.processor_ns / 1e3);
}

// Whether the target was met. Of each the best turn counts.
bool compare(Workload const& workload, Options const& options, std::string const& image) {
    std::optional<Result> best[2];
    for (unsigned turn = 0; turn < options.turns; ++turn)
        for (int who = 0; who < 2; ++who) {
            auto const peer = who == 0 ? ours(image) : qemus(image);
            auto const result = measure(*peer, workload, options.seconds);
            if (!best[who] || result.ns < best[who]->ns) best[who] = result;
        }
    TransfersAlone calls(image,
                         workload.type == kIn ? TransfersAlone::Kind::kRead : TransfersAlone::Kind::kWrite,
                         workload.bytes, kImageBytes);
    double const alone =
        alone_ns([&](uint64_t count) { calls.run(count); }, options.seconds / 3, options.turns);
    double const ratio = best[1]->ns / best[0]->ns;
    bool const met = ratio >= kTarget;
    std::printf("| %s ", workload.name);
    for (auto const& result : best) print(workload, *result);
    std::printf("| %.2f | %.1f %s | %.2f | %.2f |\n", ratio, kTarget, met ? "met" : "**missed**", alone / 1e3,
                best[1]->ns / alone);
    std::fflush(stdout);
    return met;
}

Options parse(int argc, char** argv) {
    Options out;
    for (int i = 1; i < argc; ++i) {
        std::string const word = argv[i];
        bool const has_value = i + 1 < argc;
        if (word == "--seconds" && has_value)
            out.seconds = std::atof(argv[++i]);
        else if (word == "--turns" && has_value)
            out.turns = static_cast<unsigned>(std::atoi(argv[++i]));
        else if (word == "--dir" && has_value)
            out.dir = argv[++i];
        else {
            std::fprintf(stderr, "blk_bench: unknown option \"%s\", or it lacks its value\n", word.c_str());
            std::exit(2);
        }
    }
    return out;
}

int main(int argc, char** argv) {
    auto const options = parse(argc, argv);
    std::string image = options.dir + "/blk-bench-XXXXXX";
    UniqueFd const file(::mkstemp(image.data()));
    if (!file.valid() || ::ftruncate(file.borrow().raw(), static_cast<off_t>(kImageBytes)) != 0)
        die("make an image");
    // All of it in the page cache: what is compared is the device, not the storage.
    std::string const pattern(1 << 20, 'x');
    for (uint64_t at = 0; at < kImageBytes; at += pattern.size())
        must(write_full(file.borrow(), std::as_bytes(std::span(pattern))));
    std::printf(
        "| | ours | us | system calls | processor us | QEMU | us | system calls | processor us | ratio | "
        "target | the call alone, us | ratio of that |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    bool all_met = true;
    for (auto const& workload : kWorkloads) all_met &= compare(workload, options, image);
    ::unlink(image.c_str());
    return all_met ? 0 : 1;
}

}  // namespace
}  // namespace krun::bench

int main(int argc, char** argv) {
    return krun::bench::main(argc, argv);
}
