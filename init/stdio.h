// SPDX-License-Identifier: Apache-2.0
// The streams of one process: its standard ones and the descriptors passed on to it, each relayed to a
// connection with the host. Without a terminal they are pipes of its own, so that /dev/stdout can be opened
// again; with one, the pseudo-terminal's master, relayed both ways.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/listening_socket.h"
#include "init/relay.h"

namespace krun::init {

// By number of the stream.
using Connections = std::map<uint32_t, UniqueFd>;

// The connections that `process` needs before it can be set up.
std::vector<uint32_t> stream_numbers(guest::Process const& process);

// A descriptor that the process shall have under `number`.
struct ProcessEnd {
    uint32_t number = 0;
    UniqueFd fd;
};

class Stdio {
public:
    explicit Stdio(EventLoop& loop) : loop_(loop) {}

    // Starts the relays; returns the process's ends. A terminal's is made by the process itself, whose devpts
    // it comes from: see open_console(). REQUIRES: all of stream_numbers() is in `connections`.
    Result<std::vector<ProcessEnd>> open(guest::Process const& process, Connections connections);

    // Relays `connection` to and from the process's listening socket `number`. An error if there is none, or
    // if it takes no connection.
    Result<void> accept(uint32_t number, UniqueFd connection);
    // Relays `master` to and from the terminal's connection; an error without one.
    Result<void> open_console(UniqueFd master);
    // Kept until there is a console; nothing happens without one.
    Result<void> resize(uint16_t rows, uint16_t columns);

    // The process is dead: what it has written by now is still owed to the host, input matters only to others
    // that hold its streams. May be called again when those have died.
    void process_ended();
    // After process_ended(): what was owed is delivered, or nobody wants it. Streams that have not ended by
    // then are held by some other process.
    bool settled() const;
    // Bit N: stream N has not ended.
    uint32_t open_streams() const;
    bool done() const { return open_streams() == 0; }
    void close();
    // For noticing progress.
    uint64_t moved_bytes() const;

private:
    struct Stream {
        uint32_t number = 0;
        std::unique_ptr<Relay> input{};   // host to guest
        std::unique_ptr<Relay> output{};  // guest to host
        uint64_t owed_until = 0;          // output->moved_bytes() that settle it
    };
    struct Size {
        uint16_t rows = 0;
        uint16_t columns = 0;
    };
    Result<ProcessEnd> open_input(uint32_t number, UniqueFd connection);
    Result<ProcessEnd> open_output(uint32_t number, UniqueFd connection);
    Result<ProcessEnd> open_duplex(uint32_t number, UniqueFd connection);
    Result<ProcessEnd> open_listener(guest::PassedFd const& passed);
    Result<void> relay_both_ways(Stream& stream, UniqueFd local, UniqueFd connection,
                                 std::function<void()> const& done);
    void console_lost();

    EventLoop& loop_;
    std::vector<Stream> streams_;
    std::map<uint32_t, ListeningAddress> listeners_;
    UniqueFd console_connection_;  // until the console is open
    // The master, for its size; closed with the last relay so that a lost console hangs up.
    UniqueFd console_;
    UniqueFd slave_;  // keeps the terminal alive while no process has it open
    Size size_;       // asked for before there was a console; 0 rows: not asked for
};

}  // namespace krun::init
