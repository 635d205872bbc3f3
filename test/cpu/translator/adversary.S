/*
 * A program for the bare machine (test/support/bare-machine.ts) with a bit of everything that can go wrong between two
 * ticks. It goes round for ever; `start` is at offset 0, `resume` at offset 16. Data is at DATA, whose last three pages
 * are fresh and whose fifth is read-only.
 */
        .intel_syntax noprefix
        .set DATA, 0x60000000
        .set PAGE, 4096
        .set READ_ONLY, DATA + 4 * PAGE
        .set FRESH, DATA + 5 * PAGE

start:  jmp begin
        .balign 16
resume: jmp after_fault

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
        add byte ptr [rip + patched + 1], 3
patched:
        mov al, 0
        xor byte ptr [rip + far_patched + 2], 5
        call far_leaf
        cpuid
        inc dword ptr [rip + counter]   /* data beside code */
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
counter:
        .long 0

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
