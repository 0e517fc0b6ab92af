// SPDX-License-Identifier: Apache-2.0
#include "init/bus.h"

#include <fcntl.h>

#include <string>

#include "base/fd.h"

namespace krun::init {

Result<void> find_device(uint32_t number) {
    auto const driver = TRY(open_path("/sys/bus/platform/drivers/virtio-mmio/bind", O_WRONLY));
    return write_full(driver.borrow(), "virtio-mmio." + std::to_string(number));
}

}  // namespace krun::init
