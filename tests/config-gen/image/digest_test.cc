// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace krun::image {
namespace {

using ::testing::HasSubstr;

// FIPS 180-4's examples: "abc".
constexpr char kSha256[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kSha512[] =
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

Result<void> verify_abc(char const* digest, std::string const& text) {
    Verifier verifier(Digest::parse(digest).value());
    for (char const& c : text) verifier.add(std::as_bytes(std::span(&c, 1)));
    EXPECT_EQ(verifier.bytes(), text.size());
    return verifier.finish();
}

TEST(Digest, ContentIsComparedInPieces) {
    for (char const* const digest : {kSha256, kSha512}) {
        EXPECT_TRUE(verify_abc(digest, "abc").ok());
        EXPECT_THAT(verify_abc(digest, "abd").error().message(),
                    HasSubstr(std::string("content is not ") + digest));
        EXPECT_FALSE(verify_abc(digest, "").ok());
    }
}

TEST(Digest, IsWrittenAsItWasRead) {
    auto const digest = Digest::parse(kSha256).value();
    EXPECT_EQ(digest.text(), kSha256);
    EXPECT_EQ(digest.algorithm(), "sha256");
}

// descriptor.md#digests. Nothing but hex digits: the name of a file is made of them.
TEST(Digest, AnythingElseIsRefused) {
    std::string const hex(64, 'a');
    std::vector<std::string> const invalid = {"",
                                              hex,
                                              "sha256",
                                              "sha256:",
                                              "sha256:" + hex.substr(1),
                                              "sha256:" + hex + "a",
                                              "sha256:" + std::string(64, 'A'),
                                              "sha256:../" + hex.substr(3),
                                              "sha512:" + hex};
    for (auto const& text : invalid)
        EXPECT_EQ(Digest::parse(text).error().code(), Errc::kInvalidConfig) << text;
    for (char const* const algorithm : {"md5:", "../sha256:", "SHA256:", ":"})
        EXPECT_EQ(Digest::parse(algorithm + hex).error().code(), Errc::kUnsupported) << algorithm;
}

}  // namespace
}  // namespace krun::image
