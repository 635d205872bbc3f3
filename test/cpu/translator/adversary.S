/*
 * A program for the bare machine (test/support/bare-machine.ts) with a bit of everything that can go wrong between two
 * ticks. It goes round for ever. After a fault it goes on at `start` or at one of the three jumps behind it, 16 bytes
 * apart. Data is at DATA, whose last three pages are fresh and whose fifth is read-only.
 */
        .intel_syntax noprefix
        .set DATA, 0x60000000
        .set ALIAS, 0x50000000
        .set ALIAS_TABLE, 0x60201000
        .set PAGE, 4096
        .set READ_ONLY, DATA + 4 * PAGE
        .set FRESH, DATA + 5 * PAGE

start:  jmp begin
        .balign 16
resume: jmp after_fault
        .balign 16
        jmp short_calls
        .balign 16
        jmp groups

begin:  mov ecx, 7
        xor eax, eax
        mov ebx, 3
inner:  lea edx, [rax + rcx * 4]        /* two loops, one in the other, flags read late */
        mov esi, 3
inmost: add edx, ebx
        rol edx, 3
        adc eax, edx
        dec esi
        jnz inmost
        test eax, 5
        setpe dl
        cmovs ebx, edx
        dec ecx
        jne inner

        mov edi, 5
        call fibonacci
        mov [DATA + 8], rax

        lea rsi, [rip + far_leaf]       /* calls through a register, through memory; a return to where nobody called */
        mov [DATA + 16], rsi
        call rsi
        call [DATA + 16]
        lea rax, [rip + landed]
        push rax
        ret
landed: mov r8d, 12                     /* jumps through a table */
switch: mov eax, r8d
        and eax, 3
        lea rdx, [rip + table]
        movsxd rax, dword ptr [rdx + rax * 4]
        add rax, rdx
        jmp rax
case0:  add r9, r8
        jmp next
case1:  sub r9, 17
        jmp next
case2:  imul r9, r9, 13
        jmp next
case3:  xor r9, 0x55
next:   dec r8d
        jns switch

        push r9                         /* stack operands on the stack */
        push qword ptr [rsp]
        push rsp
        pop qword ptr [rsp + 8]
        pop qword ptr [rsp]
        pop rax
        xchg ah, [DATA + 9]

        mov rax, [DATA + PAGE - 3]      /* loads and stores across the end of a page, read-modify-write too */
        add rax, r9
        mov [DATA + PAGE - 5], rax
        add qword ptr [DATA + PAGE - 1], 0x7f
        lock xadd [DATA + 2 * PAGE - 4], rax
        movups xmm0, [DATA + PAGE - 9]
        paddd xmm0, xmm0
        movups [DATA + 2 * PAGE - 15], xmm0

        mov rsi, DATA + PAGE - 20       /* REP: over the end of a page, downwards, stopped early, with nothing to do */
        mov rdi, DATA + 2 * PAGE - 7
        mov ecx, 37
        rep movsb
        std
        mov rdi, DATA + 3 * PAGE + 40
        mov ecx, 9
        rep stosq
        cld
        mov rsi, DATA + 2 * PAGE
        mov rdi, DATA + 3 * PAGE
        mov ecx, 20
        repe cmpsb
        seta al
        rep lodsb
        mov rdi, DATA
        mov ecx, 100
        mov al, 0x7f
        repne scasb

        mov rax, FRESH + PAGE - 4       /* faults: a fresh page in the midst of REP, of a store across two pages */
        add [rax], r9
        mov rdi, FRESH + 2 * PAGE - 10
        mov ecx, 30
        rep stosb
        vmcall
after_fault:                            /* four ways on, each of which changes r15 */
        mov eax, r15d
        add r15d, 1
        and eax, 3
        je divides
        cmp eax, 2
        je misaligned
        jb writes
        jmp traps
divides:
        mov eax, 100
        xor edx, edx
        mov ebx, r15d
        and ebx, 8
        div ebx                         /* #DE now and then */
        jmp after_fault
writes: mov [READ_ONLY + 64], r15       /* #PF, which goes on at `resume` or `start` */
misaligned:
        pushfq                          /* #AC at the unaligned load while RFLAGS.AC is set */
        or dword ptr [rsp], 0x40000
        popfq
        mov eax, [DATA + 4]
        mov eax, [DATA + 5]
traps:  pushfq
        and dword ptr [rsp], ~0x40000
        popfq
        pushfq                          /* #DB after each instruction while RFLAGS.TF is set */
        or dword ptr [rsp], 0x100
        popfq
        add eax, 1
        loop .+2
        pushfq
        and dword ptr [rsp], ~0x100
        popfq

        cvtsi2sd xmm1, r15              /* floats: exact, rounded, and through the evaluator with exceptions unmasked */
        sqrtsd xmm2, xmm1
        divsd xmm1, xmm2
        cvttsd2si rax, xmm1
        stmxcsr [DATA + 32]
        and dword ptr [DATA + 32], ~0x1000
        ldmxcsr [DATA + 32]
        addsd xmm2, xmm1
        or dword ptr [DATA + 32], 0x1000
        ldmxcsr [DATA + 32]

                                        /* the next instruction's immediate, and one on another page */
        call self_patch
        xor byte ptr [rip + far_patched + 2], 5
        call far_leaf
        cpuid

short_calls:
        mov ecx, 3                      /* short callees: one that calls another, flags that live across calls, */
1:      mov edi, ecx                    /* a return address that is changed, a return that skips a caller */
        call outer_leaf
        setbe al
        add r9, rax
        call poked
        call compare_leaf
        jg 2f
        add r9, 3
2:      call pass_over
        ud2
        xor r9, rcx
        call skip_caller
        add r9, 0x100
        dec ecx
        jnz 1b
        lea rax, [rip + 3f + 1]         /* into the midst of an instruction, and once more from its start */
        jmp rax
3:      test eax, 0x90c0ff90            /* A9 | NOP; INC EAX; NOP */
        call read_flags

groups: mov ebx, DATA + 2 * PAGE - 24   /* neighbours off one base: all there, across a page, the last one read-only */
        call neighbours
        mov ebx, DATA + PAGE - 12
        call neighbours
        mov ebx, FRESH + 2 * PAGE - 24
        call neighbours
        mov edi, DATA + 40              /* pages that take the same place in the TLB, in turns */
        mov esi, ALIAS + 40
        mov ecx, 3
4:      mov rax, [rdi]
        add rax, [rsi]
        add [rdi], rax
        mov rdx, [rsi + 8]
        mov [rdi + 8], rdx
        dec ecx
        jnz 4b
        and byte ptr [ALIAS_TABLE + 8], 0xfe    /* a page goes while a group of accesses holds it */
        mov ebx, ALIAS + PAGE - 16
        mov rax, [rbx]
        mov rdx, [rbx + 8]
        mov rcx, [rbx + 16]
        add r9, rcx
        test r9b, 1
        jz begin
        mov ebx, READ_ONLY - 24         /* the last of a group may only be read */
        call neighbours
        jmp begin

fibonacci:
        cmp edi, 2
        jb 1f
        push rdi
        dec edi
        call fibonacci
        pop rdi
        push rax
        lea edi, [rdi - 2]
        call fibonacci
        pop rdx
        add rax, rdx
        ret
1:      mov eax, edi
        ret

        .balign 4
table:  .long case0 - table, case1 - table, case2 - table, case3 - table

        .org PAGE - 3, 0x90             /* an instruction across the end of a page, in a loop */
across: lea rax, [rax + 0x1234567]
        dec r10d
        jns across
        mov r10d, 3
        ret
far_leaf:
        mov r11d, 2
1:      add r12d, 1
far_patched:
        add r13d, 1
        dec r11d
        jnz 1b
        jmp across
self_patch:
        add byte ptr [rip + patched + 1], 3
patched:
        mov al, 0
        inc dword ptr [rip + counter]   /* data beside code */
        ret
counter:
        .long 0

        .org 2 * PAGE + 14, 0x90
poked:  mov r10d, 0                     /* whose immediate the kernel changes now and then */
        add r9, r10
        ret
outer_leaf:
        lea eax, [rdi + rdi * 2]
        push rax
        call inner_leaf
        pop rdx
        sub eax, edx
        cmp eax, r9d
        ret
inner_leaf:
        imul eax, edi, 77
        add eax, [rsp + 8]
        ret
compare_leaf:
        cmp r9b, 0x40
        ret
pass_over:
        add qword ptr [rsp], 2          /* past the UD2 behind the call */
        ret
skip_caller:
        call 1f
        ud2
1:      pop rax
        ret
neighbours:
        mov rax, [rbx]
        mov [rbx + 8], rax
        inc dword ptr [rbx + 4]
        mov edx, [rbx + 16]
        mov [rbx + 24], rdx
        movups xmm3, [rbx + 8]
        movups [rbx + 16], xmm3
        push qword ptr [rbx + 2]
        pop qword ptr [rbx + 10]
        ret
read_flags:                             /* setters of all kinds, and a reader for each */
        mov eax, r9d
        mov ecx, r8d
        add al, cl
        adc ah, 0
        inc eax                         /* which keeps CF */
        pushfq
        shl eax, cl                     /* by nothing, perhaps */
        lahf
        neg ecx
        seto dl
        imul ecx, eax, 1001
        cmovo edx, ecx
        bt eax, 3
        rcl edx, 1
        sar edx, 5
        setc al
        cmp eax, edx
        cmovle eax, edx
        sbb edx, edx
        popfq
        adc r9d, edx
        cmpxchg [DATA + 80], edx
        sete al
        xadd ecx, edx
        setns cl
        rol cx, 9
        jc 1f
        ucomisd xmm1, xmm2
        seta cl
1:      bsf edx, eax
        cmovz edx, ecx
        and edx, 0x7fffff
        sets ch
        add r9, rdx
        ret
