// SPDX-License-Identifier: Apache-2.0
#include "runtime/systemd/manager.h"

#include <systemd/sd-bus.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/scope_exit.h"
#include "runtime/systemd/call.h"

namespace krun::runtime::systemd {
namespace {

constexpr std::chrono::seconds kJobLimit{30};

// The jobs that systemd has said are over, and how.
struct EndedJobs {
    std::vector<std::pair<std::string, std::string>> jobs{};

    static int removed(sd_bus_message* message, void* self, sd_bus_error*) {
        uint32_t number = 0;
        char const* job = nullptr;
        char const* unit = nullptr;
        char const* result = nullptr;
        if (::sd_bus_message_read(message, "uoss", &number, &job, &unit, &result) >= 0)
            static_cast<EndedJobs*>(self)->jobs.emplace_back(job, result);
        return 0;
    }
    // Empty while it is not over.
    std::string result_of(std::string const& job) const {
        for (auto const& [path, result] : jobs)
            if (path == job) return result;
        return {};
    }
};

Result<void> wait_for_job(sd_bus* bus, EndedJobs const& ended, std::string const& job) {
    auto const give_up = std::chrono::steady_clock::now() + kJobLimit;
    std::string result;
    while ((result = ended.result_of(job)).empty()) {
        auto const left = give_up - std::chrono::steady_clock::now();
        if (left.count() <= 0) return fail(Error(Errc::kSystem, "systemd did not do it in 30 seconds"));
        auto const us = std::chrono::duration_cast<std::chrono::microseconds>(left).count();
        int worked = ::sd_bus_process(bus, nullptr);
        if (worked == 0) worked = ::sd_bus_wait(bus, static_cast<uint64_t>(us));
        if (worked < 0 && worked != -EINTR) return fail(bus_error("wait for systemd", worked));
    }
    if (result != "done") return fail(Error(Errc::kSystem, "systemd says that it " + result));
    return {};
}

}  // namespace

Result<Manager> Manager::connect(Whose whose) {
    sd_bus* bus = nullptr;
    bool const users = whose == Whose::kUsers;
    int const opened = users ? ::sd_bus_open_user(&bus) : ::sd_bus_open_system(&bus);
    if (opened >= 0) return Manager(bus);
    return fail(
        bus_error(users ? "connect to the user's systemd, by DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR"
                        : "connect to systemd",
                  opened));
}

Manager::~Manager() {
    ::sd_bus_flush_close_unref(bus_);
}

Result<void> Manager::start(std::string const& unit, Properties const& properties) {
    EndedJobs ended;
    sd_bus_slot* slot = nullptr;
    int const matched = ::sd_bus_match_signal(bus_, &slot, kService, kPath, kManagerInterface, "JobRemoved",
                                              EndedJobs::removed, &ended);
    if (matched < 0) return fail(bus_error("listen to systemd", matched));
    ScopeExit const unmatch([&] { ::sd_bus_slot_unref(slot); });
    Call call(bus_, "StartTransientUnit");
    TRY(call.string(unit).string("fail").properties(properties).no_units().call());
    return wait_for_job(bus_, ended, call.path());
}

Result<void> Manager::set(std::string const& unit, Properties const& properties) {
    Call call(bus_, "SetUnitProperties");
    return call.string(unit).boolean(true).properties(properties).call();
}

}  // namespace krun::runtime::systemd
