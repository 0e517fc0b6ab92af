// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/iovec_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace krun::vmm {
namespace {

std::span<std::byte const> view(std::string const& text) {
    return std::as_bytes(std::span(text));
}

TEST(IovecWriter, OnePieceIsBehindTheOtherWhereverThePartsAreCut) {
    for (size_t cut = 0; cut <= 8; ++cut)
        for (size_t piece = 0; piece <= 8; ++piece) {
            std::string room(8, 'x');
            iovec const parts[] = {{room.data(), cut}, {room.data(), 0}, {room.data() + cut, 8 - cut}};
            IovecWriter writer(parts);
            std::string const text = "abcdefgh";
            EXPECT_EQ(writer.write(view(text.substr(0, piece))), piece);
            EXPECT_EQ(writer.write(view(text.substr(piece))), 8 - piece);
            EXPECT_EQ(room, text) << cut << " " << piece;
        }
}

TEST(IovecWriter, WhatHasNoRoomIsLeft) {
    std::string room(3, 'x');
    iovec const part{room.data(), room.size()};
    IovecWriter writer({&part, 1});
    EXPECT_EQ(writer.write(view("ab")), 2u);
    EXPECT_EQ(writer.write(view("cd")), 1u);
    EXPECT_EQ(writer.write(view("e")), 0u);
    EXPECT_EQ(room, "abc");
}

}  // namespace
}  // namespace krun::vmm
