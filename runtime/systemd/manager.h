// SPDX-License-Identifier: Apache-2.0
// A manager of units over D-Bus, by sd-bus(3). Part of krun-oci-systemd alone.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

struct sd_bus;

namespace krun::runtime::systemd {

enum class Whose { kHosts, kUsers };

struct Property {
    std::string name;
    std::string type;   // main.cc says which there are
    std::string value;  // as text
};
using Properties = std::vector<Property>;

class Manager {
public:
    // Errors are kSystem with an errno, as sd-bus has them.
    static Result<Manager> connect(Whose whose);
    Manager(Manager&& other) noexcept : bus_(std::exchange(other.bus_, nullptr)) {}
    Manager& operator=(Manager&&) = delete;
    ~Manager();

    // StartTransientUnit, and waits until systemd has done it, thirty seconds at most. A name that is taken
    // is an error.
    Result<void> start(std::string const& unit, Properties const& properties);
    // SetUnitProperties, until the unit ends.
    Result<void> set(std::string const& unit, Properties const& properties);

private:
    explicit Manager(sd_bus* bus) : bus_(bus) {}
    sd_bus* bus_;
};

}  // namespace krun::runtime::systemd
