// SPDX-License-Identifier: Apache-2.0
// The only file that includes nettle, which libarchive is built on anyway.
#include "config-gen/image/digest.h"

#include <nettle/nettle-meta.h>

#include <algorithm>
#include <vector>

#include "base/strings.h"

namespace krun::image {
namespace {

constexpr nettle_hash const* kHashes[] = {&nettle_sha256, &nettle_sha512};

nettle_hash const* find_hash(std::string_view algorithm) {
    for (auto const* hash : kHashes)
        if (algorithm == hash->name) return hash;
    return nullptr;
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

uint8_t const* as_octets(std::byte const* bytes) {
    return reinterpret_cast<uint8_t const*>(bytes);  // unsigned char may alias anything
}

std::string hex_of(std::vector<uint8_t> const& bytes) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (uint8_t const b : bytes) (out += kHex[b >> 4]) += kHex[b & 15];
    return out;
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
    auto const colon = text.find(':');
    if (colon == text.npos)
        return fail(Error(Errc::kInvalidConfig, "not a digest, as sha256:… is: " + quoted(text)));
    auto const* const hash = find_hash(text.substr(0, colon));
    if (hash == nullptr)
        return fail(Error(Errc::kUnsupported, "digest is neither sha256 nor sha512: " + quoted(text)));
    auto const hex = text.substr(colon + 1);
    if (hex.size() != 2 * size_t{hash->digest_size} || !is_lower_hex(hex))
        return fail(Error(Errc::kInvalidConfig, "not " + std::to_string(2 * hash->digest_size) +
                                                    " lower-case hex digits: " + quoted(text)));
    return Digest(text.substr(0, colon), hex);
}

Verifier::Verifier(Digest wanted) : wanted_(std::move(wanted)) {
    auto const* const hash = find_hash(wanted_.algorithm());
    state_ = std::make_unique<std::byte[]>(hash->context_size);
    hash->init(state_.get());
}

void Verifier::add(Bytes bytes) {
    find_hash(wanted_.algorithm())->update(state_.get(), bytes.size(), as_octets(bytes.data()));
    bytes_ += bytes.size();
}

Result<void> Verifier::finish() {
    auto const* const hash = find_hash(wanted_.algorithm());
    std::vector<uint8_t> out(hash->digest_size);
    hash->digest(state_.get(), out.size(), out.data());
    auto const found = hex_of(out);
    if (found == wanted_.hex()) return {};
    return fail(Error(Errc::kInvalidConfig,
                      "content is not " + wanted_.text() + " but " + wanted_.algorithm() + ":" + found));
}

}  // namespace krun::image
