/*
 * The first instruction of a process: rsp points to argc, and the frame it makes is the outermost one. The address of
 * the dynamic section is taken here and not in C, which would read it from a table that may need relocation; an image
 * linked at a fixed address has none, and 0 stands for it.
 */
    .weak _DYNAMIC
    .hidden _DYNAMIC
    .globl _start
    .type _start, @function
    .text
_start:
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    movq %rsp, %rdi
    leaq _DYNAMIC(%rip), %rsi
    call bd0_start
    ud2
    .cfi_endproc
    .size _start, . - _start

/* The note that says whose image this is: System V gABI "Note Section"; its type is 1, its descriptor a version. */
    .section .note.BD0, "a", @note
    .balign 4
    .long 4, 4, 1
    .asciz "BD0"
    .long 1

    .section .note.GNU-stack, "", @progbits
