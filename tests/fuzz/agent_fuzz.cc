// SPDX-License-Identifier: Apache-2.0
// What the host says to init, in pieces as they may arrive: frames come out as they went in, and what asks
// for a process obeys the promises that init's code relies on. The first byte is the size of the pieces.
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/fd.h"
#include "config-gen/user_names.h"
#include "init/config.h"
#include "init/control_link.h"
#include "init/seccomp.h"

namespace {

using namespace krun;

void require(bool condition) {
    if (!condition) std::abort();
}

void check_exec(std::string_view text) {
    auto const config = init::parse_exec_config(text);
    if (!config.ok()) return require(!config.error().message().empty());
    auto const& process = config.value().process;
    require(!process.args.empty() && process.cwd.starts_with('/'));
    uint32_t seen = 0;
    for (auto const& passed : process.passed_fds) {
        require(passed.fd >= 3 && passed.fd < control::kMaxStreams && (seen >> passed.fd & 1) == 0);
        seen |= 1U << passed.fd;
        require(passed.access == "r" || passed.access == "w" || passed.access == "rw");
    }
    // The environment is as good a table of strange lines as any.
    std::string lines;
    for (auto const& line : process.env) lines += line + "\n";
    auto const user = look_up_user(process.user, lines, lines);
    require(!user.ok() || process.user.name.empty() || user.value().uid != UINT32_MAX);
    ignore(init::parse_seccomp(config.value().seccomp), "either way is fine");
}

// Returns how much of `sent` the frames are.
size_t check_frames(std::vector<init::Frame> const& frames, std::span<uint8_t const> sent) {
    size_t at = 0;
    for (auto const& frame : frames) {
        require(frame.body.size() == frame.header.body_bytes);
        require(sent.size() - at >= sizeof frame.header + frame.body.size());
        require(std::memcmp(sent.data() + at, &frame.header, sizeof frame.header) == 0);
        at += sizeof frame.header;
        require(frame.body.empty() ||
                std::memcmp(sent.data() + at, frame.body.data(), frame.body.size()) == 0);
        at += frame.body.size();
        if (frame.header.type == static_cast<uint16_t>(control::FrameType::kExec))
            check_exec({reinterpret_cast<char const*>(frame.body.data()), frame.body.size()});
    }
    return at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    if (size < 2) return 0;
    size_t const piece = size_t{data[0]} + 1;
    std::span<uint8_t const> const bytes(data + 1, size - 1);
    auto [host, guest] = make_socketpair(SOCK_STREAM).value();
    init::ControlLink link(std::move(guest));
    size_t framed = 0;
    for (size_t sent = 0; sent < bytes.size();) {
        auto const next = bytes.subspan(sent, std::min(piece, bytes.size() - sent));
        require(write_full(host.borrow(), std::as_bytes(next)).ok());
        sent += next.size();
        auto const frames = link.receive();
        if (!frames.ok()) return 0;
        framed += check_frames(frames.value(), bytes.subspan(framed, sent - framed));
    }
    return 0;
}
