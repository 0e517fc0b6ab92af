// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace krun {

Error::Error(Errc code, std::string text, int sys_errno, Where where) : body_(new Body{code, sys_errno, {}}) {
    body_->frames.push_back({std::move(text), where});
}

Error Error::sys(std::string text, Where where) {
    int const saved = errno;
    return Error(Errc::kSystem, std::move(text), saved, where);
}

Error Error::with(std::string context, Where where) && {
    body_->frames.push_back({std::move(context), where});
    return std::move(*this);
}

std::string Error::message() const {
    std::string out;
    for (auto f = body_->frames.rbegin(); f != body_->frames.rend(); ++f)
        out += (out.empty() ? "" : ": ") + f->text;
    if (body_->sys_errno == 0) return out;
    char const* text = strerrordesc_np(body_->sys_errno);  // strerror() is not thread-safe
    return out + ": " + (text != nullptr ? text : "errno " + std::to_string(body_->sys_errno));
}

std::string Error::trace() const {
    std::string out;
    for (auto const& f : body_->frames)
        out += "  " + f.text + "  [" + f.where.file + ":" + std::to_string(f.where.line) + "]\n";
    return out;
}

}  // namespace krun
