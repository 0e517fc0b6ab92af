// SPDX-License-Identifier: Apache-2.0
// Result<T, E>: a value or the reason there is none. std::expected is C++23 in GCC 12 and absent from
// clang 14 with libstdc++ 12, so this is ours.
#pragma once
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace krun {

class Error;

template <class E>
struct Failure {
    E error;
};
template <class E>
Failure<std::decay_t<E>> fail(E&& error) {
    return {std::forward<E>(error)};
}

template <class T, class E = Error>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Failure<E> f) : state_(std::in_place_index<1>, std::move(f.error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    // REQUIRES: ok(). Checked by std::get, which aborts: exceptions are off.
    T& value() & { return std::get<0>(state_); }
    T const& value() const& { return std::get<0>(state_); }
    T value() && { return std::get<0>(std::move(state_)); }
    // REQUIRES: !ok().
    E const& error() const& { return std::get<1>(state_); }
    E error() && { return std::get<1>(std::move(state_)); }

private:
    std::variant<T, E> state_;
};

template <class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() = default;
    Result(Failure<E> f) : error_(std::move(f.error)) {}

    bool ok() const noexcept { return !error_; }
    void value() const noexcept {}
    E const& error() const& { return *error_; }
    E error() && { return *std::move(error_); }

private:
    std::optional<E> error_;
};

// Drops a result on purpose; `why` is for the reader.
template <class R>
void ignore(R const& /*result*/, char const* /*why*/) {}

}  // namespace krun

// TRY(expr) is the value of expr, or returns its error from the enclosing function.
// Do not nest one TRY inside another: the inner variable would shadow the outer. In braces or among
// arguments, no TRY after something that owns memory or a descriptor: GCC 12 and clang 14 do not destroy what
// was made already when a statement expression returns.
#define TRY(expr)                                                \
    __extension__({                                              \
        auto try_result_ = (expr);                               \
        if (!try_result_.ok()) [[unlikely]]                      \
            return ::krun::fail(std::move(try_result_).error()); \
        std::move(try_result_).value();                          \
    })
// TRY_WITH(expr, context) is TRY that first adds one frame saying what we were doing.
#define TRY_WITH(expr, context)                                                \
    __extension__({                                                            \
        auto try_result_ = (expr);                                             \
        if (!try_result_.ok()) [[unlikely]]                                    \
            return ::krun::fail(std::move(try_result_).error().with(context)); \
        std::move(try_result_).value();                                        \
    })
