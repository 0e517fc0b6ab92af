// SPDX-License-Identifier: Apache-2.0
// Moves bytes one way between two descriptors until either end is gone, and lets each side see what it would
// see if they were one pipe: end-of-file forward, "nobody reads" backward. A descriptor sent along ends it.
// Belongs to one event loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::init {

class Relay {
public:
    // Makes both descriptors non-blocking and owns them from then on. `done` runs on the loop's thread when
    // both are closed; it may destroy the relay. REQUIRES: `loop` outlives the relay; SIGPIPE is ignored; all
    // relays of a program are on one thread.
    static Result<std::unique_ptr<Relay>> make(EventLoop& loop, UniqueFd source, UniqueFd sink,
                                               std::function<void()> done);
    ~Relay();
    Relay(Relay const&) = delete;
    Relay& operator=(Relay const&) = delete;

    bool done() const { return !source_.valid() && !sink_.valid(); }
    uint64_t moved_bytes() const { return moved_bytes_; }

    // What the source holds now, and what has been read from it but not been written.
    uint64_t owed_bytes() const;
    // Somebody can still write to the source; and read from the sink. False when done.
    bool has_writer() const;
    bool has_reader() const;

private:
    Relay(EventLoop& loop, UniqueFd source, UniqueFd sink, std::function<void()> done);
    Result<void> watch();
    void source_ready();
    ssize_t read_some();
    void close_quickly(UniqueFd& end, int direction);
    void sink_ready(uint32_t events);
    void write_pending();
    size_t write_some(std::span<std::byte const> bytes);
    void close_both();
    void close_source();
    void close_sink();
    void expect_either();
    Result<void> expect(bool readable, bool writable);

    EventLoop& loop_;
    UniqueFd source_;
    UniqueFd sink_;
    std::function<void()> done_;
    std::vector<std::byte> pending_;  // read, and still to be written from begin_ on
    size_t begin_ = 0;
    bool carries_descriptors_ = false;  // one of the ends, whose other end may be the container's
    bool reading_ = false;
    bool writing_ = false;
    uint64_t moved_bytes_ = 0;
};

}  // namespace krun::init
