# SPDX-License-Identifier: Apache-2.0
# The same end for two ways to begin: our 64-bit entry and the 32-bit PVH entry that QEMU takes (Linux
# Documentation/arch/x86/pvh; Xen's XEN_ELFNOTE_PHYS32_ENTRY, 18). No interrupt table, an invalid instruction:
# triple fault.
.section .note.pvh, "a", @note
.long 4, 4, 18
.asciz "Xen"
.long pvh_entry

.section .text
.globl _start
.code64
_start:
    ud2
.code32
pvh_entry:
    lidt no_table
    ud2
.balign 8
no_table:
    .word 0
    .long 0
.section .note.GNU-stack, "", @progbits
