// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/kernel_log.h"

#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxLineBytes = 256;

std::string_view line_at(std::string_view text, size_t position) {
    auto const newline = position == 0 ? text.npos : text.rfind('\n', position - 1);
    size_t const begin = newline == text.npos ? 0 : newline + 1;
    auto const line = text.substr(begin);
    return line.substr(0, line.find_first_of("\r\n"));
}

std::string_view last_line(std::string_view text) {
    auto const end = text.find_last_not_of("\r\n ");
    if (end == text.npos) return {};
    return line_at(text.substr(0, end + 1), end);
}

}  // namespace

void KernelLog::append(std::span<std::byte const> bytes) {
    // Only the end of a burst can survive, so no more than that is ever copied.
    if (bytes.size() > kMaxBytes) bytes = bytes.last(kMaxBytes);
    Lock lock(mu_);
    // Trimmed when it has doubled, not on every write: appending stays linear.
    if (text_.size() + bytes.size() > 2 * kMaxBytes) text_.erase(0, text_.size() - kMaxBytes + bytes.size());
    text_.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

std::string KernelLog::text() const {
    Lock lock(mu_);
    return text_.size() > kMaxBytes ? text_.substr(text_.size() - kMaxBytes) : text_;
}

std::string KernelLog::last_words() const {
    std::string const all = text();
    std::string_view view(all);
    auto const panic = view.rfind("Kernel panic");
    auto line = panic == view.npos ? last_line(view) : line_at(view, panic);
    return printable(line.substr(0, kMaxLineBytes));
}

}  // namespace krun::runtime
