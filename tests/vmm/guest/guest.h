// SPDX-License-Identifier: Apache-2.0
// What freestanding guests share: entry, device registers, and reports to the host. The machine hands over in
// long mode with [0, 4 GiB) mapped one to one and no stack.
#pragma once
#include <stdint.h>

#define GUEST_ENTRY                                  \
    __asm__(                                         \
        ".section .text.start, \"ax\"\n"             \
        ".globl _start\n"                            \
        "_start: lea stack_top(%rip), %rsp\n"        \
        "        mov %rsi, %rdi\n" /* boot_params */ \
        "        call guest_main\n"                  \
        "1:      jmp 1b\n"                           \
        ".section .bss\n"                            \
        ".balign 16\n"                               \
        ".skip 4096\n"                               \
        "stack_top:\n"                               \
        ".text\n")

void guest_main(uint64_t boot_params);

// Devices are one page each, in the order of the host's device list.
inline static uint64_t device(unsigned slot) {
    return 0xd0000000u + 0x1000u * (uint64_t)slot;
}
inline static void write32(uint64_t at, uint32_t value) {
    *(uint32_t volatile*)at = value;
}
inline static uint32_t read32(uint64_t at) {
    return *(uint32_t volatile*)at;
}
// The device in slot 0 of each test keeps what is written to its configuration space.
inline static void report(uint32_t value) {
    write32(device(0) + 0x100, value);
}
// The limit of the interrupt table is 0, so the fault's handler faults, and the fault after that ends the VM.
inline static __attribute__((noreturn)) void triple_fault(void) {
    __asm__ volatile("ud2");
    __builtin_unreachable();
}
