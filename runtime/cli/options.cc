// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/options.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace krun::runtime {
namespace {

// Go's strconv.ParseBool, which engines' values come from.
std::optional<bool> parse_bool(std::string_view text) {
    for (std::string_view const yes : {"1", "t", "T", "true", "TRUE", "True"})
        if (text == yes) return true;
    for (std::string_view const no : {"0", "f", "F", "false", "FALSE", "False"})
        if (text == no) return false;
    return std::nullopt;
}

Error bad_flag(std::string_view what, std::string_view written, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::string(what) + " " + std::string(written), 0, where);
}

using Given = std::map<std::string_view, std::vector<std::string>>;

class Parser {
public:
    Parser(std::span<Flag const> flags, std::span<char const* const> arguments)
        : flags_(flags), left_(arguments) {}

    bool done() const { return left_.empty(); }
    std::string_view take() {
        std::string_view const argument = left_.front();
        left_ = left_.subspan(1);
        return argument;
    }
    std::span<char const* const> rest() const { return left_; }

    // Reads the flag, or the cluster of short ones, that `word` is, and the value that may follow it.
    Result<void> take_flag(std::string_view word, Given& given) {
        bool const two_dashes = word.starts_with("--");
        std::string_view const body = word.substr(two_dashes ? 2 : 1);
        auto const equals = body.find('=');
        std::string_view const name = body.substr(0, equals);
        auto const* flag = find([&](Flag const& f) { return f.name == name; });
        if (flag == nullptr && !two_dashes) return take_cluster(word, given);
        if (flag == nullptr) return fail(bad_flag("unknown option", word.substr(0, word.find('='))));
        if (equals == body.npos) return take_value(*flag, word, std::nullopt, given);
        return take_value(*flag, word.substr(0, word.find('=')), body.substr(equals + 1), given);
    }

private:
    template <class F>
    Flag const* find(F matches) const {
        auto const found = std::find_if(flags_.begin(), flags_.end(), matches);
        return found == flags_.end() ? nullptr : &*found;
    }

    // -q, -qf json, -fjson, -f=json
    Result<void> take_cluster(std::string_view word, Given& given) {
        for (size_t i = 1; i < word.size(); ++i) {
            auto const* flag = find([&](Flag const& f) { return f.short_name == word[i]; });
            if (flag == nullptr) return fail(bad_flag("unknown option", word.substr(0, word.find('='))));
            std::string_view const tail = word.substr(i + 1);
            bool const has_equals = tail.starts_with('=');
            std::string const written = {'-', word[i]};
            if (has_equals) return take_value(*flag, written, tail.substr(1), given);
            if (flag->value_name != nullptr && !tail.empty()) return take_value(*flag, written, tail, given);
            TRY(take_value(*flag, written, std::nullopt, given));
        }
        return {};
    }

    Result<void> take_value(Flag const& flag, std::string_view written, std::optional<std::string_view> value,
                            Given& given) {
        if (flag.value_name != nullptr) {
            if (!value && done()) return fail(bad_flag("flag needs an argument:", written));
            given[flag.name].emplace_back(value ? *value : take());
            return {};
        }
        auto const on = value ? parse_bool(*value) : true;
        if (!on) return fail(bad_flag("not true or false: the value of", written));
        given[flag.name].emplace_back(*on ? "true" : "false");
        return {};
    }

    std::span<Flag const> flags_;
    std::span<char const* const> left_;
};

}  // namespace

std::vector<std::string> Options::values(std::string_view flag) const {
    KRUN_CHECK(std::any_of(flags_.begin(), flags_.end(), [&](Flag const& f) { return f.name == flag; }),
               "a command asks for a flag that its row lacks");
    auto const found = given_.find(flag);
    return found == given_.end() ? std::vector<std::string>() : found->second;
}

std::string Options::value(std::string_view flag) const {
    auto const all = values(flag);
    return all.empty() ? std::string() : all.back();
}

bool Options::on(std::string_view flag) const {
    return value(flag) == "true";
}

bool Options::given(std::string_view flag) const {
    return given_.contains(flag);
}

Result<Options> parse_options(std::span<Flag const> flags, Positionals positionals,
                              std::span<char const* const> arguments) {
    Options options(flags);
    Parser parser(flags, arguments);
    bool flags_ended = false;
    while (!parser.done()) {
        std::string_view const word = parser.take();
        if (!flags_ended && word == "--") {
            flags_ended = true;
        } else if (!flags_ended && word.size() > 1 && word.starts_with('-')) {
            TRY(parser.take_flag(word, options.given_));
        } else {
            options.positionals_.emplace_back(word);
            flags_ended |= positionals == Positionals::kStopAtFirst;
        }
    }
    return options;
}

}  // namespace krun::runtime
