/** Real-address mode and virtual-8086 mode, as the SDM has them: on both engines, and in qemu-system, where that is right. */
import t from 'tap';
import { SELECTORS as S, VIRTUAL, inRealMode, inVirtualMode } from '../../support/mode-kernel.js';
import { inIdt, gateTo, NO_LIMITS, testModes, type ModeCase } from '../../support/mode-cases.js';

t.setTimeout(0);

const [DE, UD, GP] = [0, 6, 13];

const real = (code: string, expected: ModeCase['expected'], eax?: number, qemu?: string): ModeCase => ({
  code: inRealMode(code),
  expected,
  ...(eax === undefined ? {} : { eax }),
  ...(qemu === undefined ? {} : { qemu }),
});

/** SDM Vol. 3A 20.1 "Real-Address Mode". */
const REAL: readonly ModeCase[] = [
  real('mov eax, 0x12345678', 'done', 0x1234_5678),
  real('mov ax, 0xa00; mov ds, ax; mov dword ptr [0x10], 0x1234; xor eax, eax; mov eax, es:[0xa010]', 'done', 0x1234),
  real('mov ax, 0x1234; push ax; pop bx; movzx eax, bx', 'done', 0x1234),
  real('mov cx, sp; push eax; sub cx, sp; movzx eax, cx', 'done', 4),
  real('mov cx, sp; push ax; sub cx, sp; movzx eax, cx', 'done', 2),
  real('pushf; pop ax; and eax, 0xfffd', 'done', 0x44),
  real('int 0x42', [0x42]),
  real('xor cx, cx; div cx', [DE]),
  real('ud2', [UD]),
  real('xor ax, ax; into; mov eax, 3', 'done', 3),
  real('mov ax, [0xffff]', [GP], undefined, NO_LIMITS),
  real('mov ebx, 0x10000; mov al, [ebx]', [GP], undefined, NO_LIMITS),
  // A far call and return, an interrupt return, a far jump.
  real('mov ax, cs; push ax; call 1f; jmp 2f; 1: retf; 2: mov eax, 4', 'done', 4),
  real('pushf; push cs; call 1f; jmp 2f; 1: iret; 2: mov eax, 5', 'done', 5),
  real('jmp 0x800:0x1005; mov ax, cs; movzx eax, ax', 'done', 0x800),
  // Handlers run with IF clear, and IRET restores it.
  real(
    'mov word ptr [0x108], 0xa000; mov word ptr [0x10a], 0; mov dword ptr [0xa000], 0xcf589c; sti; int 0x42; pushf; pop bx; cli; ' +
      'and ax, 0x200; and bx, 0x200; shl ebx, 16; movzx eax, ax; or eax, ebx',
    'done',
    0x200_0000,
  ),
  // Segments keep the limits that protected mode has given them.
  real(
    `mov eax, cr0; or al, 1; mov cr0, eax; mov bx, ${S.data}; mov ds, bx; and al, 0xfe; mov cr0, eax; xor bx, bx; mov ds, bx; ` +
      'mov ebx, 0x100000; mov eax, [ebx]',
    'done',
    0x1bad_b002,
  ),
  // No descriptor tables, no #UD for what loads their registers.
  ...['sldt ax', 'str ax', 'lldt ax', 'ltr ax', 'lar ax, bx', 'lsl ax, bx', 'verr ax', 'verw ax', 'arpl ax, bx'].map(
    (code) => real(code, [UD]),
  ),
  real('smsw ax; movzx eax, ax', 'done', 0x10),
  real('sgdt [0xa000]; movzx eax, word ptr [0xa000]', 'done', 0xd7),
  real('lea si, [0x9000]; mov di, 0xa000; mov cx, 4; rep movsb; mov ax, di; movzx eax, ax', 'done', 0xa004),
  real('mov ax, 0x9; add al, 8; aaa; movzx eax, ax', 'done', 0x107),
  real('enter 8, 0; leave; mov ax, sp; movzx eax, ax', 'done', 0x6f00),
  real('mov ecx, 3; xor ax, ax; 1: inc ax; loop 1b; movzx eax, ax', 'done', 3),
  real('lss sp, [0xa000]; mov eax, 6', 'done', 6),
];

const virtual = (
  ioPrivilege: 0 | 3,
  code: string,
  expected: readonly [number, number?],
  eax?: number,
  qemu?: string,
): ModeCase => ({
  code: inVirtualMode(ioPrivilege, code),
  expected,
  ...(eax === undefined ? {} : { eax }),
  ...(qemu === undefined ? {} : { qemu }),
});
const DONE: readonly [number, number] = [3, 0];

/** SDM Vol. 3A 20.2, 20.3: IOPL forbids what touches IF; interrupts go to CPL 0 and take all segment registers along. */
const VIRTUAL_CASES: readonly ModeCase[] = [
  ...['cli', 'sti', 'pushf', 'popf', 'int 0x42', 'iret'].map((code) => virtual(0, code, [GP, 0])),
  ...['hlt', 'mov eax, cr0', 'lgdt [0]', 'clts', 'in al, 0x10', 'out 0x10, al', 'mov eax, dr0', 'wbinvd'].map((code) =>
    virtual(3, code, [GP, 0]),
  ),
  ...['sldt ax', 'str ax', 'lar ax, bx', 'lsl ax, bx', 'verr ax', 'arpl ax, bx', 'ud2'].map((code) =>
    virtual(3, code, [UD, 0]),
  ),
  virtual(3, 'mov eax, 0x12345678', DONE, 0x1234_5678),
  virtual(3, 'cli; pushf; pop ax; movzx eax, ax', DONE, 0x3002),
  virtual(3, 'sti; pushf; pop ax; movzx eax, ax', DONE, 0x3202),
  virtual(3, 'xor ax, ax; push ax; popf; pushf; pop ax; movzx eax, ax', DONE, 0x3002),
  virtual(0, 'mov ax, cs; movzx eax, ax', DONE, VIRTUAL.code),
  virtual(0, 'mov ax, 0x9ff; mov es, ax; mov dword ptr [0], 0x4321; mov eax, es:[0x10]', DONE, 0x4321),
  virtual(0, 'mov ax, [0xffff]', [GP, 0], undefined, NO_LIMITS),
  virtual(0, 'mov ebx, 0x10000; mov al, [ebx]', [GP, 0], undefined, NO_LIMITS),
  virtual(0, 'mov ax, cs; push ax; call 1f; jmp 2f; 1: retf; 2: mov eax, 4', DONE, 4),
  virtual(3, 'pushf; push cs; call 1f; jmp 2f; 1: iret; 2: mov eax, 5', DONE, 5),
  virtual(3, 'int 0x21', [GP, inIdt(0x21)]),
  virtual(0, 'xor cx, cx; div cx', [DE, 0]),
  // The frame of a handler: the segment registers lie above SS, and are null in the handler; VM is clear there.
  ...(
    [
      ['mov eax, [esp + 20]', VIRTUAL.data],
      ['mov eax, [esp + 16]', VIRTUAL.stack],
      ['mov eax, [esp + 12]', 0x1000],
      ['mov eax, [esp + 8]; and eax, 0x20000', 0x2_0000],
      ['mov eax, offset kernel_stack; sub eax, esp', 36],
      ['mov eax, ds; mov ecx, es; or eax, ecx', 0],
      ['pushf; pop eax; and eax, 0x20000', 0],
    ] as const
  ).map(([code, eax]): ModeCase => ({
    code: `${gateTo(0x21, '1f', S.code, 0xee00)}; ${inVirtualMode(3, 'int 0x21')}; 1: ${code}`,
    expected: 'done',
    eax,
  })),
  {
    code: `${gateTo(0x21, '1f', S.code, 0xee00)}; ${inVirtualMode(3, 'int 0x21; mov eax, 7')}; 1: iretd`,
    expected: DONE,
    eax: 7,
    cs: VIRTUAL.code,
  },
  // A handler in a conforming segment would keep CPL 3.
  {
    code: `${gateTo(0x21, '1f', S.conforming, 0xee00)}; ${inVirtualMode(3, 'int 0x21')}; 1: nop`,
    expected: [GP, S.conforming],
  },
];

testModes(t, [...REAL, ...VIRTUAL_CASES]);
