// SPDX-License-Identifier: Apache-2.0
// What a guest says to the host on the control connection, between things that the host asks for. Whatever it
// is: no abort, one end, a success only after the frame that says so, and each executed process has one
// story.
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/strings.h"
#include "runtime/process/guest_session.h"
#include "tests/fuzz/fuzz_script.h"

namespace {

using namespace krun;
using runtime::GuestPhase;
using runtime::GuestSession;
using runtime::ProcessEvent;

void require(bool condition) {
    if (!condition) std::abort();
}

// Whether the payload's story, as the frames in `sent` tell it, ends with a success.
bool says_success(std::span<std::byte const> sent) {
    ByteReader reader(sent);
    while (auto const header = reader.take<control::FrameHeader>()) {
        auto const body = reader.take_bytes(header->body_bytes);
        if (!body) return false;
        if (header->process != 0) continue;
        if (header->type == static_cast<uint16_t>(control::FrameType::kFailed)) return false;
        if (header->type != static_cast<uint16_t>(control::FrameType::kExited)) continue;
        control::ExitedBody exit{};
        if (body->size() != sizeof exit || header->reserved != 0) return false;
        std::memcpy(&exit, body->data(), sizeof exit);
        return exit.exit_code == 0 && exit.signal == 0;
    }
    return false;
}

// A host and a guest, driven by a script.
class Play {
public:
    Play() {
        auto [host, guest] = make_socketpair(SOCK_STREAM).value();
        guest_ = std::move(guest);
        session_ =
            GuestSession::make(
                loop_, std::move(host),
                {.changed = [this] { changed(); },
                 .process = [this](uint32_t process, ProcessEvent const& event) { event_of(process, event); },
                 .notify = [](std::string_view text) { require(text.size() <= 4096); }})
                .value();
    }

    bool over() const { return session_->phase() == GuestPhase::kEnded; }
    void step(FuzzScript& script) {
        switch (script.take<uint8_t>() % 6) {
            case 0:
                return ignore(session_->start(), "in its phase or not");
            case 1:
                if (auto const process = session_->exec("{}"); process.ok())
                    started_[process.value()] = false;
                return;
            case 2:
                return ignore(session_->signal(script.take<uint8_t>() % 4, 15), "in its phase or not");
            case 3:
                return say_frame(script);
            case 4:
                return say_raw(script.take_text(255));
            default:
                return say_long_frame(script);
        }
    }
    void hang_up() {
        guest_.reset();
        while (!over()) require(loop_.run_once(0).ok());
        require(ends_ == 1);
        if (session_->end().exit_status == 0) require(says_success(sent_));
        require(session_->end().reason == printable(session_->end().reason));
    }

private:
    void say_frame(FuzzScript& script) {
        auto const type = script.take<uint8_t>();
        auto const process = script.take<uint8_t>();
        auto const body = script.take_text(255);
        say_header({static_cast<uint32_t>(body.size()), type, 0, process});
        say_raw(body);
    }
    void say_raw(std::string const& bytes) { say(std::as_bytes(std::span(bytes))); }
    // More than a script holds: zeros.
    void say_long_frame(FuzzScript& script) {
        auto const type = script.take<uint8_t>();
        auto const len = script.take<uint32_t>();
        say_header({len, type, 0, 0});
        say(std::vector<std::byte>(std::min(len, control::kMaxGuestBodyBytes + 1)));
    }
    void say_header(control::FrameHeader const& header) { say(std::as_bytes(std::span(&header, 1))); }
    void say(std::span<std::byte const> bytes) {
        while (!bytes.empty() && !over()) {
            auto const piece = bytes.first(std::min(bytes.size(), GuestSession::kBytesATurn));
            require(write_full(guest_.borrow(), piece).ok());
            sent_.insert(sent_.end(), piece.begin(), piece.end());
            bytes = bytes.subspan(piece.size());
            require(loop_.run_once(0).ok());
        }
        listen();
    }
    void listen() {
        std::byte heard[4096];
        while (::recv(guest_.borrow().raw(), heard, sizeof heard, MSG_DONTWAIT) > 0) {
        }
    }
    void changed() {
        if (over()) ++ends_;
    }
    void event_of(uint32_t process, ProcessEvent const& event) {
        auto const known = started_.find(process);
        require(known != started_.end());
        if (event.kind == ProcessEvent::Kind::kStarted) return require(!std::exchange(known->second, true));
        require(event.kind == ProcessEvent::Kind::kExited || event.code != 0);
        require(known->second || event.signal != 0 || event.kind == ProcessEvent::Kind::kFailed);
        require(event.code <= 255 && event.signal <= 64 && event.text == printable(event.text));
        started_.erase(known);
    }

    EventLoop loop_ = EventLoop::make().value();
    UniqueFd guest_;
    std::vector<std::byte> sent_;
    std::map<uint32_t, bool> started_;  // executed and not ended; true: it runs
    int ends_ = 0;
    std::unique_ptr<GuestSession> session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    FuzzScript script(data, size);
    Play play;
    while (!script.done() && !play.over()) play.step(script);
    play.hang_up();
    return 0;
}
