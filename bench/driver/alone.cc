// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/alone.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>

#include "bench/driver/driver_queue.h"

namespace krun::bench {

static constexpr uint32_t kPage = 4096;
// Small ones go anywhere: a prime, so that each place has its turn.
static constexpr uint64_t kStep = 7919;

static double turn_ns(std::function<void(uint64_t)> const& run, double seconds) {
    for (uint64_t count = 16;; count *= 2) {
        uint64_t const begin = now_ns();
        run(count);
        auto const ns = static_cast<double>(now_ns() - begin);
        if (ns >= seconds * 1e9 / 2) return ns / static_cast<double>(count);
    }
}

double alone_ns(std::function<void(uint64_t)> const& run, double seconds, unsigned turns) {
    double best = std::numeric_limits<double>::infinity();
    for (unsigned turn = 0; turn < turns; ++turn) best = std::min(best, turn_ns(run, seconds));
    return best;
}

TransfersAlone::TransfersAlone(std::string const& path, Kind kind, uint32_t bytes, uint64_t file_bytes)
    : kind_(kind),
      bytes_(bytes),
      places_(file_bytes / bytes),
      file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)),
      ram_(uint64_t{4} * bytes + (1 << 20), RamKind::kPrivate) {
    if (!file_.valid()) die("open the file that is read and written");
    for (uint32_t done = 0; done < bytes; done += kPage)
        pages_.push_back({ram_.host(ram_.allocate(uint64_t{2} * kPage)), kPage});
}

void TransfersAlone::run(uint64_t count) {
    auto const parts = static_cast<int>(pages_.size());
    for (uint64_t i = 0; i < count; ++i) {
        auto const at = static_cast<off_t>(next_ % places_ * bytes_);
        next_ += bytes_ == kPage ? kStep : 1;
        // The calls that the devices' filters know.
        auto const transfer = kind_ == Kind::kRead ? ::preadv2 : ::pwritev2;
        ssize_t const done = transfer(file_.borrow().raw(), pages_.data(), parts, at, 0);
        if (done != static_cast<ssize_t>(bytes_)) die("read or write what was to be measured");
    }
}

}  // namespace krun::bench
