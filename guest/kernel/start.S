/* Multiboot enters here in 32-bit protected mode; the kernel leaves for 64-bit mode at once. */
#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 0x00010003 /* modules on pages, a memory map, addresses below */

#define PRESENT  0x01
#define WRITABLE 0x02
#define USER     0x04
#define LARGE    0x80

.section .header, "a"
.balign 4
header:
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
    .long header, image_start, image_end, bss_end, start

.section .text
.code32
.globl start
start:
    cli
    mov $kernel_stack, %esp
    mov %ebx, %edi                      /* the first argument of kernel_main */

    /* The first 2 MiB belong to the kernel, the next 2 MiB to the program in ring 3; the third gigabyte is mapped on demand. */
    movl $(directory_pointers + PRESENT + WRITABLE + USER), pml4
    movl $(directory + PRESENT + WRITABLE + USER), directory_pointers
    movl $(PRESENT + WRITABLE + LARGE), directory
    movl $(0x200000 + PRESENT + WRITABLE + USER + LARGE), directory + 8

    mov $0x20, %eax                     /* CR4.PAE */
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $0xC0000080, %ecx               /* EFER: SCE, LME and NXE */
    rdmsr
    or $0x901, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80010001, %eax                /* PG, WP, PE */
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

.code64
long_mode:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    call kernel_main
halt:
    hlt
    jmp halt

/* SYSCALL comes here on the stack of the program: RAX is the argument, and becomes the result. */
.globl system_call
system_call:
    mov %rsp, user_stack
    mov $system_stack, %rsp
    push %rcx
    push %r11
    mov %rax, %rdi
    call handle_system_call
    pop %r11
    pop %rcx
    mov user_stack, %rsp
    sysretq

/* enter_user(rip, rsp): calls the program in ring 3; leave_user() makes that call return. */
.globl enter_user
enter_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, kernel_return
    mov %rsp, task_state + 4            /* RSP0: interrupts of ring 3 come below this frame */
    push $0x1B
    push %rsi
    push $0x202
    push $0x23
    push %rdi
    iretq
.globl leave_user
leave_user:
    mov kernel_return, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

.section .data
.balign 8
gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF            /* 08: 64-bit code, ring 0 */
    .quad 0x00CF93000000FFFF            /* 10: data, ring 0 */
    .quad 0x00CFF3000000FFFF            /* 18: data, ring 3 */
    .quad 0x00AFFB000000FFFF            /* 20: 64-bit code, ring 3 */
.globl gdt_task
gdt_task:
    .quad 0, 0                          /* 28: the task-state segment, whose base kernel.c fills in */
gdt_pointer:
    .word . - gdt - 1
    .quad gdt

.section .bss
.balign 4096
.globl directory_pointers
pml4: .skip 4096
directory_pointers: .skip 4096
directory: .skip 4096
.skip 16384
kernel_stack:
.skip 8192
system_stack:
.globl interrupt_stack
.skip 8192
interrupt_stack:
user_stack: .skip 8
kernel_return: .skip 8
.balign 16
.globl task_state
task_state: .skip 104
