// SPDX-License-Identifier: Apache-2.0
#include "runtime/systemd/call.h"

#include <cerrno>
#include <cstdint>

#include "base/strings.h"

namespace krun::runtime::systemd {

Error bus_error(std::string what, int result, Where where) {
    return Error(Errc::kSystem, std::move(what), -result, where);
}

Call::Call(sd_bus* bus, char const* method) : bus_(bus), method_(method) {
    note(::sd_bus_message_new_method_call(bus, &message_, kService, kPath, kManagerInterface, method));
}

Call::~Call() {
    ::sd_bus_message_unref(message_);
    ::sd_bus_message_unref(reply_);
}

void Call::note(int result) {
    if (good()) result_ = result;
}

void Call::open(char type, char const* contents) {
    if (good()) note(::sd_bus_message_open_container(message_, type, contents));
}

void Call::close() {
    if (good()) note(::sd_bus_message_close_container(message_));
}

Call& Call::string(std::string const& text) {
    if (good()) note(::sd_bus_message_append_basic(message_, SD_BUS_TYPE_STRING, text.c_str()));
    return *this;
}

Call& Call::boolean(bool value) {
    int const number = value ? 1 : 0;
    if (good()) note(::sd_bus_message_append_basic(message_, SD_BUS_TYPE_BOOLEAN, &number));
    return *this;
}

Call& Call::no_units() {
    open(SD_BUS_TYPE_ARRAY, "(sa(sv))");
    close();
    return *this;
}

Call& Call::properties(Properties const& properties) {
    open(SD_BUS_TYPE_ARRAY, "(sv)");
    for (auto const& [name, type, value] : properties) {
        open(SD_BUS_TYPE_STRUCT, "sv");
        string(name);
        variant(type, value);
        close();
    }
    close();
    return *this;
}

void Call::variant(std::string const& type, std::string const& value) {
    open(SD_BUS_TYPE_VARIANT, type.c_str());
    if (type == "s")
        string(value);
    else if (type == "b")
        boolean(value == "true");
    else if (type.size() == 2 && type[0] == SD_BUS_TYPE_ARRAY)
        list(type[1], value);
    else
        number(type.empty() ? '\0' : type[0], value);
    close();
}

// Each type from memory of its own size.
void Call::number(char type, std::string_view text) {
    auto const wide = parse_uint64(text);
    auto const with_sign = parse_int64(text);
    auto const large = wide.value_or(0);
    auto const value = with_sign.value_or(0);
    auto const byte = static_cast<uint8_t>(large);
    auto const small = static_cast<uint32_t>(large);
    auto const small_with_sign = static_cast<int32_t>(value);
    void const* memory = nullptr;
    if (type == SD_BUS_TYPE_BYTE && wide && large <= UINT8_MAX) memory = &byte;
    if (type == SD_BUS_TYPE_UINT32 && wide && large <= UINT32_MAX) memory = &small;
    if (type == SD_BUS_TYPE_INT32 && with_sign && small_with_sign == value) memory = &small_with_sign;
    if (type == SD_BUS_TYPE_UINT64 && wide) memory = &large;
    if (type == SD_BUS_TYPE_INT64 && with_sign) memory = &value;
    if (memory == nullptr) return note(-EINVAL);
    if (good()) note(::sd_bus_message_append_basic(message_, type, memory));
}

void Call::list(char type, std::string const& text) {
    char const contents[] = {type, '\0'};
    open(SD_BUS_TYPE_ARRAY, contents);
    bool const texts = type == SD_BUS_TYPE_STRING;
    if (!text.empty())
        for (auto const item : split(text, texts ? '\n' : ' ')) {
            if (texts)
                string(std::string(item));
            else
                number(type, item);
        }
    close();
}

Result<void> Call::call() {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    if (good()) note(::sd_bus_call(bus_, message_, 0, &error, &reply_));
    std::string what = std::string("systemd ") + method_;
    if (error.message != nullptr) what += std::string(": ") + error.message;
    ::sd_bus_error_free(&error);
    if (!good()) return fail(bus_error(std::move(what), result_));
    return {};
}

std::string Call::path() const {
    char const* text = nullptr;
    return ::sd_bus_message_read(reply_, "o", &text) < 0 ? "" : text;
}

}  // namespace krun::runtime::systemd
