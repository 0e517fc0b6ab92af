// SPDX-License-Identifier: Apache-2.0
// An interface's address from whoever gives addresses there: before the payload runs, once, and for as long
// as the machine lives.
#pragma once
#include "base/error.h"

namespace krun::init {

// Asks for an address and gives it to the interface, which is up: with mask, default route and MTU. Waits
// some seconds for an answer; that there is none is no error, as a network may have IPv6 alone. One line in
// the log says so.
Result<void> configure_by_dhcp(int interface);

}  // namespace krun::init
