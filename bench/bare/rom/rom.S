/*
 * A system ROM that holds a bare-metal image, for an emulator of a whole PC that loads none by itself: from the reset vector to
 * 32-bit protected mode, the image copied to where it says, and then as a loader of PVH kernels would enter it. IMAGE is the
 * path of the ELF file, COMMAND_LINE the arguments.
 *
 *   0xfff00000  image, command line, start information
 *   0xffff0000  code of this file
 *   0xfffffff0  reset vector: SDM Vol. 3A 10.1.4 "First Instruction Executed"
 */
    .set PT_LOAD, 1
    .set START_INFO, 0x8000 /* where it is copied to: the image maps only the lower memory */

    .section .image, "a"
    .balign 16
image:
    .incbin IMAGE
    .balign 16
/* Xen's public/arch-x86/hvm/start_info.h */
start_info:
    .long 0x336ec578, 1, 0, 0
    .quad 0
    .long START_INFO + command_line - start_info, 0
    .quad 0
command_line:
    .asciz COMMAND_LINE
start_info_end:

    .section .code, "ax"
code:
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .code16
start16:
    cli
    movb $2, %al
    outb %al, $0x92 /* address line 20 */
    lgdtl %cs:(gdt_pointer - code)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $start32

    .code32
start32:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    cld
    /* ELF64: e_entry at 24, e_phoff at 32, e_phentsize at 54, e_phnum at 56; p_type 0, p_offset 8, p_paddr 24,
       p_filesz 32. What a segment has beyond its bytes in the file is zero, as memory is after reset. */
    movl image + 32, %ebx
    addl $image, %ebx
    movzwl image + 56, %edx
1:  cmpl $PT_LOAD, (%ebx)
    jne 2f
    movl 8(%ebx), %esi
    addl $image, %esi
    movl 24(%ebx), %edi
    movl 32(%ebx), %ecx
    rep movsb
2:  movzwl image + 54, %eax
    addl %eax, %ebx
    decl %edx
    jnz 1b
    movl $start_info, %esi
    movl $START_INFO, %edi
    movl $start_info_end - start_info, %ecx
    rep movsb
    movl $START_INFO, %ebx
    jmp *image + 24

    .org code + 0xfff0
    .code16
    .byte 0xe9 /* jmp start16, in an offset of 16 bits that wraps */
    .word (start16 - code - 0xfff3) & 0xffff
    .org code + 0x10000
