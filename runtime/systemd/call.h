// SPDX-License-Identifier: Apache-2.0
// One method call on systemd's manager object, under construction and done.
#pragma once
#include <systemd/sd-bus.h>

#include <string>

#include "base/error.h"
#include "runtime/systemd/manager.h"

namespace krun::runtime::systemd {

inline constexpr char kService[] = "org.freedesktop.systemd1";
inline constexpr char kPath[] = "/org/freedesktop/systemd1";
inline constexpr char kManagerInterface[] = "org.freedesktop.systemd1.Manager";

// The error that sd-bus gave as -errno.
Error bus_error(std::string what, int result, Where where = Where::current());

// Arguments are added in the method's order. The first error stays, and is call()'s.
class Call {
public:
    Call(sd_bus* bus, char const* method);
    Call(Call const&) = delete;
    Call& operator=(Call const&) = delete;
    ~Call();

    Call& string(std::string const& text);
    Call& boolean(bool value);
    Call& properties(Properties const& properties);  // a(sv)
    Call& no_units();                                // an empty a(sa(sv))

    Result<void> call();
    // The object path that the method returned. REQUIRES: call() succeeded.
    std::string path() const;

private:
    bool good() const { return result_ >= 0; }
    void note(int result);
    void open(char type, char const* contents);
    void close();
    void variant(std::string const& type, std::string const& value);
    void number(char type, std::string_view text);
    void list(char type, std::string const& text);

    sd_bus* bus_;
    char const* method_;
    sd_bus_message* message_ = nullptr;
    sd_bus_message* reply_ = nullptr;
    int result_ = 0;
};

}  // namespace krun::runtime::systemd
