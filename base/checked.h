// SPDX-License-Identifier: Apache-2.0
// Arithmetic on numbers that came from a guest or a file.
#pragma once
#include <concepts>
#include <optional>
#include <utility>

namespace krun {

template <std::unsigned_integral T>
constexpr std::optional<T> checked_add(T a, T b) {
    T sum{};
    if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
    return sum;
}

template <std::unsigned_integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
    T product{};
    if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
    return product;
}

template <std::integral To, std::integral From>
constexpr std::optional<To> checked_narrow(From v) {
    if (!std::in_range<To>(v)) return std::nullopt;
    return static_cast<To>(v);
}

// The smallest multiple of `alignment` that is >= v, or nullopt if it does not fit.
// REQUIRES: alignment is a power of two.
template <std::unsigned_integral T>
constexpr std::optional<T> checked_align_up(T v, T alignment) {
    auto const sum = checked_add<T>(v, static_cast<T>(alignment - 1));
    if (!sum) return std::nullopt;
    return static_cast<T>(*sum & ~static_cast<T>(alignment - 1));
}

}  // namespace krun
