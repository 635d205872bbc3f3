/** Protected mode outside long mode, as the SDM has it: on both engines, and in qemu-system, where that is right. */
import t from 'tap';
import { NO_LIMITS, gateTo, inIdt, testModes, user, type ModeCase } from '../../support/mode-cases.js';
import { SELECTORS as S } from '../../support/mode-kernel.js';

t.setTimeout(0);

const [DE, UD, TS, NP, SS, GP, PF] = [0, 6, 10, 11, 12, 13, 14];

const load = (segment: string, selector: number): string => `mov eax, ${selector}; mov ${segment}, eax`;

/** SDM Vol. 3A 5.3 and 5.5: limits and types of segments. */
const SEGMENTS: readonly ModeCase[] = [
  { code: `${load('fs', S.small)}; mov al, fs:[0xff]; mov eax, 1`, expected: 'done', eax: 1 },
  { code: `${load('fs', S.small)}; mov al, fs:[0x100]`, expected: [GP, 0], qemu: NO_LIMITS },
  { code: `${load('fs', S.small)}; mov eax, fs:[0xfc]; mov eax, 2`, expected: 'done', eax: 2 },
  { code: `${load('fs', S.small)}; mov eax, fs:[0xfd]`, expected: [GP, 0], qemu: NO_LIMITS },
  { code: `${load('fs', S.small)}; mov fs:[0x200], ax`, expected: [GP, 0], qemu: NO_LIMITS },
  { code: `${load('fs', S.expandDown)}; mov al, fs:[0xfff]`, expected: [GP, 0], qemu: NO_LIMITS },
  { code: `${load('fs', S.expandDown)}; mov al, fs:[0x1000]; mov eax, 3`, expected: 'done', eax: 3 },
  { code: `${load('fs', S.readOnly)}; mov eax, fs:[0]; mov eax, 4`, expected: 'done', eax: 4 },
  {
    code: `${load('fs', S.readOnly)}; mov fs:[0], eax`,
    expected: [GP, 0],
    qemu: 'it does not check the types of segments',
  },
  { code: `mov cs:[0], eax`, expected: [GP, 0], qemu: 'it does not check the types of segments' },
  { code: 'xor eax, eax; mov fs, eax; mov al, fs:[0]', expected: [GP, 0], qemu: 'it does not check for null segments' },
  { code: load('fs', S.executeOnly), expected: [GP, S.executeOnly] },
  { code: load('fs', S.absent), expected: [NP, S.absent] },
  { code: load('fs', S.beyond), expected: [GP, S.beyond] },
  { code: load('ss', 0), expected: [GP, 0] },
  { code: load('ss', S.readOnly), expected: [GP, S.readOnly] },
  { code: load('ss', S.userData), expected: [GP, S.userData & ~3] },
  { code: load('ss', S.absent), expected: [SS, S.absent] },
  { code: `${load('ss', S.small)}; mov esp, 0x80; mov eax, [esp + 0x7d]`, expected: [SS, 0], qemu: NO_LIMITS },
  {
    code: `${load('fs', S.offset)}; mov eax, fs:[offset scratch - 0x12345]; mov eax, 5`,
    expected: [GP, 0],
    qemu: NO_LIMITS,
  },
  { code: `${load('fs', S.offset)}; mov eax, fs:[0x100]; mov ebx, [0x12445]; sub eax, ebx`, expected: 'done', eax: 0 },
  { code: user(`mov eax, ${S.data}; mov ds, eax`), expected: [GP, S.data], cs: S.userCode },
  { code: user(`mov eax, ${S.conforming}; mov ds, eax; mov eax, 6`), expected: 'done', eax: 6, cs: S.userCode },
];

/** SDM Vol. 1 6.2.3: the stack, by SS.B; operand and address size, by CS.D. */
const SIZES: readonly ModeCase[] = [
  { code: `${load('ss', S.data16)}; mov esp, 0x50000; push 0x11223344; mov eax, esp`, expected: 'done', eax: 0x5fffc },
  { code: 'mov eax, 0x12345678; .byte 0x66, 0xb8, 0x01, 0x00; nop', expected: 'done', eax: 0x12340001 },
  { code: 'push 0x1234; .byte 0x66, 0x58; movzx eax, ax; add esp, 2', expected: 'done', eax: 0x1234 },
  { code: 'mov eax, -1; inc eax; dec eax; .byte 0x40', expected: 'done', eax: 0 },
  { code: 'pusha; pop eax; mov eax, [esp + 8]; sub eax, esp', expected: 'done', eax: 28 },
  { code: `pushf; pop eax`, expected: 'done', eax: 0x46 },
  { code: 'mov ax, 0x0708; aam; movzx eax, ax', expected: 'done', eax: 8 },
  { code: `mov eax, ${S.data}; lar eax, ax`, expected: 'done', eax: 0xc09300 },
  { code: `mov eax, ${S.task}; lar eax, ax`, expected: 'done', eax: 0x8b00 },
  { code: `mov eax, ${S.small}; lsl eax, ax`, expected: 'done', eax: 0xff },
  { code: `mov eax, ${S.code16}; verw ax; setz al; movzx eax, al`, expected: 'done', eax: 0 },
  { code: 'mov ax, 0x10; mov cx, 3; arpl ax, cx; movzx eax, ax', expected: 'done', eax: 0x13 },
  { code: 'str ax; movzx eax, ax', expected: 'done', eax: S.task },
];

/** SDM Vol. 3A 6.12: interrupts and exceptions through the gates of the IDT. */
const gate = (vector: number, low: string, high: string): string =>
  `mov dword ptr [idt + ${vector * 8}], ${low}; mov dword ptr [idt + ${vector * 8 + 4}], ${high}`;
const DELIVERY: readonly ModeCase[] = [
  { code: 'ud2', expected: [UD, 0], cs: S.code },
  { code: user('ud2'), expected: [UD, 0], cs: S.userCode },
  { code: 'xor ecx, ecx; div ecx', expected: [DE, 0] },
  { code: user('cli'), expected: [GP, 0] },
  { code: user('in al, 0x80'), expected: [GP, 0] },
  { code: user('hlt'), expected: [GP, 0] },
  { code: user('mov eax, cr0'), expected: [GP, 0] },
  { code: 'int 0x21', expected: [0x21, 0] },
  { code: user('int 0x21'), expected: [GP, inIdt(0x21)] },
  { code: 'int 0x90', expected: [GP, inIdt(0x90)] },
  { code: 'into; mov eax, 7', expected: 'done', eax: 7 },
  { code: 'mov al, 0x7f; add al, 1; into', expected: [4, 0] },
  { code: 'xor eax, eax; bound eax, [scratch]; mov eax, 1; bound eax, [scratch]', expected: [5, 0] },
  { code: `${gate(0x21, '0', '0x8e00')}; int 0x21`, expected: [GP, 0] },
  { code: `${gateTo(0x21, '1f', S.data, 0x8e00)}; int 0x21; 1: nop`, expected: [GP, S.data] },
  { code: `${gateTo(0x21, '1f', S.code, 0x0e00)}; int 0x21; 1: nop`, expected: [NP, inIdt(0x21)] },
  { code: `${gateTo(0x21, '1f', S.absentCode, 0x8e00)}; int 0x21; 1: nop`, expected: [NP, S.absentCode] },
  { code: `${gateTo(0x21, '1f', S.code, 0x8c00)}; int 0x21; 1: nop`, expected: [GP, inIdt(0x21)] },
  // A trap gate leaves IF alone, an interrupt gate clears it.
  {
    code: `${gateTo(0x21, '1f', S.code, 0x8f00)}; cli; push 0x202; popf; int 0x21; 1: pushf; pop eax; and eax, 0x200; cli`,
    expected: 'done',
    eax: 0x200,
  },
  {
    code: `${gateTo(0x21, '1f', S.code, 0x8e00)}; push 0x202; popf; int 0x21; 1: pushf; pop eax; and eax, 0x200`,
    expected: 'done',
    eax: 0,
  },
  {
    code: `${gateTo(0x21, '1f', S.code, 0x8e00)}; mov ecx, esp; int 0x21; 1: sub ecx, esp; mov eax, ecx`,
    expected: 'done',
    eax: 12,
  },
  {
    code: `${gateTo(UD, '1f', S.code, 0x8e00)}; ud2; 1: mov eax, [esp + 8]; and eax, 0x10000`,
    expected: 'done',
    eax: 0x10000,
    qemu: 'it does not set RF',
  },
  {
    code: `${gateTo(0x21, '1f', S.code, 0xee00)}; ${user('int 0x21')}; 1: mov eax, offset kernel_stack; sub eax, esp`,
    expected: 'done',
    eax: 20,
  },
  {
    code: `${gateTo(0x21, '1f', S.code, 0xee00)}; ${user('int 0x21')}; 1: mov eax, [esp + 16]`,
    expected: 'done',
    eax: S.userData,
  },
  {
    code: `${gateTo(0x21, '1f', S.code, 0xee00)}; ${user('int 0x21; mov eax, 9')}; int 0x80; 1: iretd`,
    expected: 'done',
    eax: 9,
    cs: S.userCode,
  },
  // Level 1, with its own stack.
  {
    code: `${gateTo(0x21, '1f', S.level1Code, 0xee00)}; ${user('int 0x21')}; 1: mov eax, ss`,
    expected: 'done',
    eax: S.level1Data,
    cs: S.level1Code | 1,
  },
  {
    code: `${gateTo(0x21, '1f', S.conforming, 0xee00)}; ${user('int 0x21')}; 1: mov eax, 8`,
    expected: 'done',
    eax: 8,
    cs: S.conforming | 3,
  },
  // Gates of 16 bits push words of 16 bits.
  {
    code: `mov edi, 0x8000; mov byte ptr [edi], 0xcd; mov byte ptr [edi + 1], 0x80; ${gate(0x21, `${(S.code << 16) | 0x8000}`, '0x8600')}; mov eax, esp; push eax; int 0x21`,
    expected: 'done',
  },
  // What is wrong with the stack of the inner level. SDM Vol. 3A 6.15 "Interrupt 10".
  ...(
    [
      [`mov word ptr [tss + 16], ${S.userData}`, [TS, S.userData & ~3]],
      ['mov word ptr [tss + 16], 0', [TS, 0]],
      [`mov word ptr [tss + 16], ${S.beyond | 1}`, [TS, S.beyond]],
      [`and byte ptr [gdt + ${(S.level1Data & ~3) + 5}], 0x7f`, [SS, S.level1Data & ~3]],
      [
        `mov word ptr [gdt + ${S.level1Data & ~3}], 0xff; and byte ptr [gdt + ${(S.level1Data & ~3) + 6}], 0x70`,
        [SS, S.level1Data & ~3],
      ],
    ] as const
  ).map(([code, expected]): ModeCase => ({
    code: `${code}; ${gateTo(0x21, '1f', S.level1Code, 0xee00)}; ${user('int 0x21')}; 1: nop`,
    expected,
    ...(code.includes('[gdt')
      ? { qemu: 'it checks no limits here, and has #TS for a segment that is not present' }
      : {}),
  })),
];

/** SDM Vol. 3A 5.8: far transfers. */
const TRANSFERS: readonly ModeCase[] = [
  { code: `jmp ${S.code}:1f; 1: mov eax, 1`, expected: 'done', eax: 1 },
  { code: `jmp ${S.conforming}:1f; 1: mov eax, 2`, expected: 'done', eax: 2, cs: S.conforming },
  { code: `jmp ${S.userCode}:1f; 1: nop`, expected: [GP, S.userCode & ~3] },
  { code: `jmp ${S.data}:1f; 1: nop`, expected: [GP, S.data] },
  { code: `jmp ${S.absentCode}:1f; 1: nop`, expected: [NP, S.absentCode] },
  { code: `jmp 0:1f; 1: nop`, expected: [GP, 0] },
  { code: `jmp ${S.smallCode}:0x200000`, expected: [GP, 0] },
  { code: `call ${S.code}:1f; 1: mov eax, [esp + 4]`, expected: 'done', eax: S.code },
  { code: `push ${S.code}; push offset 1f; retf; 1: mov eax, 3`, expected: 'done', eax: 3 },
  {
    code: `push ${S.userData}; push offset user_stack; push ${S.userCode}; push offset 1f; retf; 1: mov eax, 4`,
    expected: 'done',
    eax: 4,
    cs: S.userCode,
  },
  { code: user(`push ${S.code}; push offset 1f; retf; 1: nop`), expected: [GP, S.code] },
  {
    code: `push ${S.data}; push offset user_stack; push 2; push ${S.userCode}; push offset 1f; iretd; 1: nop`,
    expected: [GP, S.data],
  },
  // A return to an outer level clears data segments that are too privileged.
  {
    code: `push ${S.userData}; push offset user_stack; push 2; push ${S.userCode}; push offset 1f; iretd; 1: mov eax, ds`,
    expected: 'done',
    eax: 0,
  },
  { code: user('push 0x3202; popf; pushf; pop eax'), expected: 'done', eax: 2 },
  { code: 'push 0x3202; popf; cli; pushf; pop eax', expected: 'done', eax: 0x3002 },
  // Call gates: the stack of level 0, the parameters, CS and EIP.
  { code: user(`push 0x1111; push 0x2222; call ${S.gate | 3}:0`), expected: 'done', eax: 0x2222_1111, cs: S.code },
  { code: `push 0x3333; push 0x4444; call ${S.gate}:0`, expected: 'done', eax: 0x4444_3333, cs: S.code },
  { code: user(`jmp ${S.gate | 3}:0`), expected: [GP, S.code] },
  { code: `and byte ptr [gdt + ${S.gate + 5}], 0x7f; call ${S.gate}:0`, expected: [NP, S.gate] },
  { code: `and byte ptr [gdt + ${S.gate + 5}], 0x9f; ${user(`call ${S.gate | 3}:0`)}`, expected: [GP, S.gate] },
  { code: `mov word ptr [gdt + ${S.gate + 2}], ${S.data}; ${user(`call ${S.gate | 3}:0`)}`, expected: [GP, S.data] },
];

/** SDM Vol. 3A 4.3, 4.4: paging outside long mode. */
const PAGING_32 = 'mov eax, offset directory; mov cr3, eax; mov eax, cr0; or eax, 0x80010000; mov cr0, eax';
const PAGING_PAE =
  'mov eax, 0x20; mov cr4, eax; mov eax, offset pointers; mov cr3, eax; mov eax, cr0; or eax, 0x80010000; mov cr0, eax';
const READ = 'mov dword ptr [scratch], 0x5a5a; mov eax, [scratch + 0x40000000]';
const paging = (set: string, table: string, entryBytes: 4 | 8): readonly ModeCase[] => {
  const entry = `[${table} + ${entryBytes} * ecx]`;
  const toScratch = `mov ecx, offset scratch; shr ecx, 12;`;
  return [
    { code: `${set}; ${READ}`, expected: 'done', eax: 0x5a5a },
    { code: `${set}; mov eax, [0x20000000]`, expected: [PF, 0] },
    { code: `${set}; mov eax, 77; mov [0x20000000], eax`, expected: [PF, 2] },
    {
      code: `${set}; ${gateTo(PF, '1f', S.code, 0x8e00)}; mov eax, [0x20000123]; 1: mov eax, cr2`,
      expected: 'done',
      eax: 0x2000_0123,
    },
    { code: `${toScratch} and byte ptr ${entry}, 0xfd; ${set}; mov [scratch], eax`, expected: [PF, 3] },
    { code: `${toScratch} and byte ptr ${entry}, 0xfb; ${set}; ${user('mov eax, [scratch]')}`, expected: [PF, 5] },
    { code: `${toScratch} and byte ptr ${entry}, 0xfd; ${set}; ${user('mov [scratch], eax')}`, expected: [PF, 7] },
    { code: `${toScratch} ${set}; mov [scratch], eax; mov eax, ${entry}; and eax, 0x60`, expected: 'done', eax: 0x60 },
    {
      code: `${toScratch} ${set}; mov eax, [scratch + 0x40000000]; and byte ptr ${entry}, 0xfe; mov eax, cr3; mov cr3, eax; mov eax, [scratch + 0x40000000]`,
      expected: [PF, 0],
    },
    { code: `${set}; mov eax, cr0; and eax, 0x7fffffff; mov cr0, eax; mov eax, [scratch]`, expected: 'done', eax: 0 },
  ];
};
const PAGING: readonly ModeCase[] = [
  ...paging(PAGING_32, 'page_table', 4),
  ...paging(PAGING_PAE, 'pae_table', 8),
  // Pages of 4 MiB, without and with PSE; the reserved bit.
  {
    code: `mov dword ptr [directory + 0x400], 0x83; mov eax, 0x10; mov cr4, eax; ${PAGING_32}; ${READ}`,
    expected: 'done',
    eax: 0x5a5a,
  },
  {
    code: `mov dword ptr [directory + 0x400], 0x200083; mov eax, 0x10; mov cr4, eax; ${PAGING_32}; ${READ}`,
    expected: [PF, 9],
    qemu: 'its error code has RSVD without P',
  },
  { code: `or dword ptr [directory + 0x400], 0x80; ${PAGING_32}; ${READ}`, expected: 'done', eax: 0x5a5a },
  // Pages of 2 MiB with PAE; the PDPTE registers are loaded by MOV to CR3 only, and have reserved bits.
  { code: `mov dword ptr [pae_directory], 0x83; ${PAGING_PAE}; ${READ}`, expected: 'done', eax: 0x5a5a },
  {
    code: `${PAGING_PAE}; mov dword ptr [pointers + 8], 0; ${READ}`,
    expected: 'done',
    eax: 0x5a5a,
    qemu: 'it reads PDPTEs from memory',
  },
  { code: `${PAGING_PAE}; mov dword ptr [pointers + 8], 0; mov eax, cr3; mov cr3, eax; ${READ}`, expected: [PF, 0] },
  {
    code: `${PAGING_PAE}; or dword ptr [pointers + 8], 6; mov eax, cr3; mov cr3, eax`,
    expected: [GP, 0],
    qemu: 'it checks no reserved bits in PDPTEs',
  },
  {
    code: `${PAGING_PAE}; mov dword ptr [pae_table + 0x7fc], 0x80000000; mov eax, cr4; mov eax, 5`,
    expected: 'done',
    eax: 5,
  },
  {
    code: `${PAGING_PAE}; mov ecx, offset scratch; shr ecx, 12; mov dword ptr [pae_table + 8 * ecx + 4], 0x80000000; mov eax, [scratch]`,
    expected: [PF, 9],
    qemu: 'its error code has RSVD without P',
  },
];

const withTables = PAGING.map((one): ModeCase => ({ ...one, code: `call identity_tables; ${one.code}` }));

testModes(t, [SEGMENTS, SIZES, DELIVERY, TRANSFERS, withTables].flat());
