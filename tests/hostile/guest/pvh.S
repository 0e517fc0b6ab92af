/* SPDX-License-Identifier: Apache-2.0 */
/* The way in that QEMU uses (Xen's PVH): protected mode of 32 bits, no paging, ebx = hvm_start_info. Leaves as our
 * machine hands over: long mode with [0, 4 GiB) mapped one to one. */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad pvh_entry

    .section .text.start, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    movl $page_directories, %edi
    movl $0x83, %eax /* present, writable, 2 MiB */
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 1b
    movl $page_directories + 0x0003, page_pointers
    movl $page_directories + 0x1003, page_pointers + 8
    movl $page_directories + 0x2003, page_pointers + 16
    movl $page_directories + 0x3003, page_pointers + 24
    movl $page_pointers + 3, page_root
    movl $page_root, %eax
    movl %eax, %cr3
    movl $0x20, %eax /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx /* EFER.LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    lgdt segments_pointer
    ljmp $8, $2f
    .code64
2:  movl $pvh_stack_top, %esp
    movl %ebx, %edi
    call guest_main
3:  hlt
    jmp 3b

    .section .rodata
    .balign 8
segments:
    .quad 0, 0x00209b0000000000
segments_pointer:
    .word 15
    .long segments

    .section .bss
    .balign 4096
page_root: .skip 4096
page_pointers: .skip 4096
page_directories: .skip 4 * 4096
    .skip 8192
pvh_stack_top:

    .section .note.GNU-stack, "", @progbits
