/*
 * From the entry of a PVH kernel (32-bit protected mode, flat segments, no paging; ebx holds the address of the start
 * information) to 64-bit code with paging. Page tables map the first 512 MiB where they lie, in pages of 4 KiB, as BD0 and
 * Linux map a program; the pages of the heap are absent until they are first touched.
 *
 *   pml4 ──► pdpt ──► directory ──► tables[256] ──► 131072 pages
 */
    .set TABLES, 256
    .set PAGES, TABLES * 512

    .set PRESENT_WRITABLE, 3
    .set WRITABLE, 2

/* SDM Vol. 3A 2.5 "Control Registers", 2.2.1 "Extended Feature Enable Register" */
    .set CR0_PE_MP_NE_WP_PG, 0x80010023
    .set CR4_PAE_OSFXSR_OSXMMEXCPT, 0x620
    .set IA32_EFER, 0xc0000080
    .set EFER_LME, 0x100

    .set CODE_SELECTOR, 8
    .set DATA_SELECTOR, 16
    .set TSS_SELECTOR, 24

/* Xen's public/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    cld
    /* The tables' entries: present for the image, absent behind it. */
    movl $bare_page_tables, %edi
    xorl %ecx, %ecx
1:  movl %ecx, %eax
    shll $12, %eax
    cmpl $bare_heap, %eax
    jae 2f
    orl $1, %eax
2:  orl $WRITABLE, %eax
    movl %eax, (%edi, %ecx, 8)
    incl %ecx
    cmpl $PAGES, %ecx
    jne 1b

    xorl %ecx, %ecx
3:  movl %ecx, %eax
    shll $12, %eax
    addl $bare_page_tables + PRESENT_WRITABLE, %eax
    movl %eax, directory(, %ecx, 8)
    incl %ecx
    cmpl $TABLES, %ecx
    jne 3b
    movl $directory + PRESENT_WRITABLE, pdpt
    movl $pdpt + PRESENT_WRITABLE, pml4

    movl $CR4_PAE_OSFXSR_OSXMMEXCPT, %eax
    movl %eax, %cr4
    movl $pml4, %eax
    movl %eax, %cr3
    movl $IA32_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PE_MP_NE_WP_PG, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $CODE_SELECTOR, $start64

    .code64
start64:
    movl $DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $stack_top, %esp
    fninit
    movl %ebx, %edi
    xorl %ebp, %ebp
    call bare_start
    ud2

/* Loads the task register and the interrupt table that C has filled in. */
    .globl bare_load_tables
bare_load_tables:
    movl $TSS_SELECTOR, %eax
    ltr %ax
    lidt idt_pointer
    ret

/*
 * #PF, on a stack of its own, since programs use the 128 bytes below rsp. An address in the heap has its page made present,
 * with zeros in it; any other ends the machine.
 */
    .globl bare_page_fault
bare_page_fault:
    pushq %rax
    pushq %rcx
    pushq %rdi
    movq %cr2, %rax
    movq %rax, %rcx
    shrq $12, %rcx
    cmpq $PAGES, %rcx
    jae bare_bad_fault
    cmpq $bare_heap, %rax
    jb bare_bad_fault
    orb $1, bare_page_tables(, %rcx, 8)
    shlq $12, %rcx
    movq %rcx, %rdi
    movl $512, %ecx
    xorl %eax, %eax
    cld
    rep stosq
    popq %rdi
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq

    .data
    .balign 8
/* SDM Vol. 3A 3.4.5 "Segment Descriptors": 64-bit code, data, and the task state that C describes. */
    .globl bare_gdt
bare_gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0, 0
gdt_pointer:
    .word . - bare_gdt - 1
    .quad bare_gdt
idt_pointer:
    .word 15 * 16 - 1
    .quad bare_idt

    .bss
    .balign 4096
pml4:
    .skip 4096
pdpt:
    .skip 4096
directory:
    .skip 4096
bare_page_tables:
    .skip TABLES * 4096
    .skip 4096
    .globl bare_fault_stack_top
bare_fault_stack_top:
    .skip 1024 * 1024
stack_top:
    .globl bare_idt
bare_idt:
    .skip 15 * 16

    .section .note.GNU-stack, "", @progbits
