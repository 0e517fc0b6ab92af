// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tcp_run.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tcp_frames.h"

namespace krun::vmm {
namespace {

std::span<std::byte const> view(std::string const& text) {
    return std::as_bytes(std::span(text));
}

class TcpRunTest : public ::testing::Test {
protected:
    // `count` segments of `bytes`, one behind the other.
    static std::vector<std::string> segments(TcpFrame first, size_t count, size_t bytes = 1460) {
        std::vector<std::string> out;
        for (size_t i = 0; i < count; ++i) {
            first.payload.clear();
            while (first.payload.size() < bytes)
                first.payload.push_back(static_cast<char>('a' + (i + first.payload.size()) % 26));
            out.push_back(first.bytes());
            first.sequence += static_cast<uint32_t>(bytes);
        }
        return out;
    }
    // How many of `frames` are one.
    size_t join(std::vector<std::string> frames, uint64_t offloads = kNetGuestOffloads,
                size_t longest = kMaxFrameBytes) {
        frames_ = std::move(frames);  // the run has views of them
        if (!run_.begin(view(frames_[0]), offloads, longest)) return 0;
        size_t count = 1;
        while (count < frames_.size() && run_.add(view(frames_[count]))) ++count;
        return count;
    }
    // What a driver makes of it.
    std::vector<std::string> cut() {
        std::string room(sizeof(NetHeader) + run_.bytes(), 'x');
        iovec const parts[] = {{room.data(), 5}, {room.data() + 5, 0}, {room.data() + 5, room.size() - 5}};
        run_.write(parts);
        NetHeader header;
        std::memcpy(&header, room.data(), sizeof header);
        return segments_of(header, room.substr(sizeof header));
    }

    std::vector<std::string> frames_;
    TcpRun run_;
};

TEST_F(TcpRunTest, ConsecutiveSegmentsAreOneThatIsCutIntoThemAgain) {
    std::string const timestamps = std::string("\1\1\x8\xa", 4) + "12345678";
    for (bool const ipv6 : {false, true})
        for (auto const& options : {std::string(), timestamps}) {
            for (size_t const bytes : std::initializer_list<size_t>{1, 2, 3, 4, 5, 1447, 1460}) {
                auto const frames =
                    segments({.ipv6 = ipv6, .sequence = 0xffffff00, .options = options}, 40, bytes);
                EXPECT_EQ(join(frames), 40u) << ipv6 << bytes;
                EXPECT_TRUE(cut() == frames) << ipv6 << bytes;
            }
        }
}

TEST_F(TcpRunTest, OneAloneIsNone) {
    EXPECT_EQ(join(segments({}, 1)), 1u);
    EXPECT_FALSE(run_.is_several());
}

TEST_F(TcpRunTest, TheLastMayBeShorterAndMayAskToBeGivenOn) {
    auto frames = segments({}, 3);
    auto const short_one = segments({.sequence = 3 * 1460}, 1, 100)[0];
    auto const more = segments({.sequence = 3 * 1460 + 100}, 1, 100)[0];
    EXPECT_EQ(join({frames[0], frames[1], frames[2], short_one, more}), 4u);
    EXPECT_TRUE(cut() == (std::vector{frames[0], frames[1], frames[2], short_one}));

    auto const pushed = segments({.sequence = 3 * 1460, .flags = 0x18}, 1)[0];
    auto const after = segments({.sequence = 4 * 1460}, 1)[0];
    EXPECT_EQ(join({frames[0], frames[1], frames[2], pushed, after}), 4u);
    EXPECT_TRUE(cut() == (std::vector{frames[0], frames[1], frames[2], pushed}));

    EXPECT_EQ(join({segments({.flags = 0x18}, 1)[0], frames[1]}), 1u);
}

TEST_F(TcpRunTest, NothingThatDiffersIsJoined) {
    using Change = std::function<void(TcpFrame&)>;
    std::pair<char const*, Change> const changes[] = {
        {"a gap", [](auto& f) { f.sequence += 1; }},
        {"again", [](auto& f) { f.sequence -= 1460; }},
        {"longer", [](auto& f) { f.payload += "x"; }},
        {"without data", [](auto& f) { f.payload.clear(); }},
        {"FIN", [](auto& f) { f.flags |= 0x01; }},
        {"SYN", [](auto& f) { f.flags |= 0x02; }},
        {"RST", [](auto& f) { f.flags |= 0x04; }},
        {"URG", [](auto& f) { f.flags |= 0x20; }},
        {"ECE", [](auto& f) { f.flags |= 0x40; }},
        {"CWR", [](auto& f) { f.flags |= 0x80; }},
        {"no ACK", [](auto& f) { f.flags = 0; }},
        {"another port", [](auto& f) { f.source = 81; }},
        {"another acknowledgement", [](auto& f) { f.acknowledged += 1; }},
        {"another window", [](auto& f) { f.window += 1; }},
        {"options", [](auto& f) { f.options = "\1\1\1\1"; }},
        {"another class", [](auto& f) { f.traffic_class = 3; }},
        {"another TTL", [](auto& f) { f.ttl -= 1; }},
        {"another address", [](auto& f) { f.macs[0] = '\6'; }},
        {"another protocol", [](auto& f) { f.protocol = 17; }},
    };
    for (bool const ipv6 : {false, true})
        for (auto const& [what, change] : changes) {
            TcpFrame second{.ipv6 = ipv6, .sequence = 1460, .payload = std::string(1460, 'p')};
            auto const first = segments({.ipv6 = ipv6}, 1)[0];
            ASSERT_EQ(join({first, second.bytes()}), 2u);
            change(second);
            EXPECT_EQ(join({first, second.bytes()}), 1u) << what << (ipv6 ? ", IPv6" : ", IPv4");
        }
}

TEST_F(TcpRunTest, AFragmentIsNoSegment) {
    for (uint16_t const fragment : std::initializer_list<uint16_t>{0x2000, 0x0001, 0x1fff, 0x6000})
        EXPECT_EQ(join(segments({.fragment = fragment}, 2)), 0u) << fragment;
    EXPECT_EQ(join(segments({.fragment = 0}, 2)), 2u);
}

// Each byte's change makes a checksum wrong, or the frame another.
TEST_F(TcpRunTest, WhatIsDamagedAnywhereIsNotJoined) {
    for (bool const ipv6 : {false, true}) {
        auto const frames = segments({.ipv6 = ipv6}, 2, 30);
        for (size_t frame = 0; frame < 2; ++frame)
            for (size_t at = 0; at < frames[0].size(); ++at) {
                auto damaged = frames;
                damaged[frame][at] = static_cast<char>(damaged[frame][at] ^ 0x10);
                EXPECT_LE(join(damaged), 1u) << frame << " " << at;
            }
    }
}

TEST_F(TcpRunTest, AFrameCutOrPaddedAnywhereIsNoSegment) {
    for (bool const ipv6 : {false, true}) {
        auto const frames = segments({.ipv6 = ipv6, .options = "\1\1\1\1"}, 2, 30);
        for (size_t bytes = 0; bytes < frames[0].size(); ++bytes) {
            // In memory of its own, so that a look behind its end is seen.
            std::vector<char> const cut(frames[0].begin(), frames[0].begin() + static_cast<ptrdiff_t>(bytes));
            EXPECT_FALSE(run_.begin(std::as_bytes(std::span(cut)), kNetGuestOffloads, kMaxFrameBytes))
                << bytes;
        }
        EXPECT_EQ(join({frames[0] + "x", frames[1]}), 0u);
        EXPECT_EQ(join({frames[0], frames[1] + "x"}), 1u);
    }
}

TEST_F(TcpRunTest, NoneIsLongerThanIpAllowsOrThereIsRoomFor) {
    for (bool const ipv6 : {false, true}) {
        EXPECT_EQ(join(segments({.ipv6 = ipv6}, 50)), 44u);
        EXPECT_LE(run_.bytes(), 65535u + 14);
        auto const three = segments({.ipv6 = ipv6}, 3);
        size_t const bytes = three[0].size() + 2 * 1460;
        EXPECT_EQ(join(three, kNetGuestOffloads, bytes), 3u);
        EXPECT_EQ(join(three, kNetGuestOffloads, bytes - 1), 2u);
    }
}

TEST_F(TcpRunTest, OnlyWhatTheDriverHasAcceptedIsMade) {
    auto const ipv4 = segments({}, 2);
    auto const ipv6 = segments({.ipv6 = true}, 2);
    uint64_t const csum = kNetFeatureGuestCsum;
    EXPECT_EQ(join(ipv4, csum | kNetFeatureGuestTso4), 2u);
    EXPECT_EQ(join(ipv6, csum | kNetFeatureGuestTso4), 0u);
    EXPECT_EQ(join(ipv4, csum | kNetFeatureGuestTso6), 0u);
    EXPECT_EQ(join(ipv6, csum | kNetFeatureGuestTso6), 2u);
    EXPECT_EQ(join(ipv4, kNetFeatureGuestTso4), 0u);
    EXPECT_EQ(join(ipv4, 0), 0u);
}

}  // namespace
}  // namespace krun::vmm
