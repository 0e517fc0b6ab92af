// SPDX-License-Identifier: Apache-2.0
// The stripped krun-init program, linked into whoever boots a guest (library krun_init_blob).
#pragma once
#include <cstddef>
#include <span>

namespace krun::init {

// A whole ELF file; lives as long as the program. Any thread.
std::span<std::byte const> init_blob();
// Takes its pages out of this process's memory: they are read from the program's file again if somebody
// looks.
void release_init_blob();

}  // namespace krun::init
