/*
 * Multiboot enters here in 32-bit protected mode, where the kernel stays. The header is that of Multiboot 1, or with MULTIBOOT2 that
 * of Multiboot 2.
 */
#ifdef MULTIBOOT2
#define MAGIC 0xE85250D6
.section .header, "a"
.balign 8
header:
    .long MAGIC, 0, header_end - header, -(MAGIC + header_end - header)
    .word 1, 0                          /* the kernel wants the command line, and the map of memory */
    .long 16, 1, 6
    .word 0, 0                          /* the end of the tags */
    .long 8
header_end:
#else
#define MAGIC 0x1BADB002
#define FLAGS 0x00000003                /* modules on pages, a memory map; the addresses are those of the ELF file */
.section .header, "a"
.balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)
#endif

.section .text
.globl start
start:
    cli
    mov $kernel_stack, %esp
    push %ebx
    push %eax
    lgdt gdt_pointer
    ljmp $0x08, $1f
1:  mov $0x10, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    mov %ecx, %ss
    mov %ecx, %fs
    mov %ecx, %gs
    call kernel_main
2:  hlt
    jmp 2b

/* The handlers of all vectors: they push a vector, and an error code where the processor has pushed none. */
.balign 16
.globl entries
entries:
.set vector, 0
.rept 49
    .balign 16
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17
    push $0
    .endif
    push $vector
    jmp handle
    .set vector, vector + 1
.endr
handle:
    pusha
    push %ds
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    push %esp
    cld
    call handle_interrupt
    add $4, %esp
    pop %ds
    popa
    add $8, %esp
    iret

/* enter_user(eip, esp): calls the program in ring 3; leave_user() makes that call return. */
.globl enter_user
enter_user:
    mov 4(%esp), %eax
    mov 8(%esp), %edx
    push %ebx
    push %esi
    push %edi
    push %ebp
    mov %esp, kernel_return
    mov %esp, task_state + 4            /* ESP0: interrupts of ring 3 come below this frame */
    mov $0x23, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    push %ecx
    push %edx
    push $0x202
    push $0x1B
    push %eax
    iret
.globl leave_user
leave_user:
    mov kernel_return, %esp
    pop %ebp
    pop %edi
    pop %esi
    pop %ebx
    ret

.section .data
.balign 8
.globl gdt
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF            /* 08: code, ring 0 */
    .quad 0x00CF93000000FFFF            /* 10: data, ring 0 */
    .quad 0x00CFFB000000FFFF            /* 18: code, ring 3 */
    .quad 0x00CFF3000000FFFF            /* 20: data, ring 3 */
    .quad 0                             /* 28: the task-state segment, which kernel.c fills in */
gdt_pointer:
    .word . - gdt - 1
    .long gdt

.section .bss
.balign 16
.skip 16384
kernel_stack:
kernel_return: .skip 4
.balign 16
.globl task_state
task_state: .skip 104

.section .note.GNU-stack, "", @progbits
