/** Breakpoints, single steps, SYSENTER and task switches, as the SDM has them: on both engines, and in qemu-system. */
import t from 'tap';
import { gateTo, testModes, user, type ModeCase } from '../../support/mode-cases.js';
import { SELECTORS as S } from '../../support/mode-kernel.js';

t.setTimeout(0);

const [DB, UD, TS, NP, GP] = [1, 6, 10, 11, 13];

/** Sets DR0 and DR7. */
const breakpoint = (address: string, control: number): string =>
  `mov eax, ${address}; mov dr0, eax; mov eax, ${control}; mov dr7, eax`;
const EXECUTION = 0x402;
const WRITES_4 = 0xd_0402;
const ACCESSES_1 = 0x3_0402;
const PORTS_1 = 0x2_0402;
/** A handler of #DB in the case: leaves DR6 in EAX. */
const handler = `${gateTo(DB, '9f', S.code, 0x8e00)}; xor eax, eax; mov dr6, eax`;
const REPORT = 'int 0x80; 9: mov eax, dr6; and eax, 0xe00f';
const CR4_DE = 'mov eax, cr4; or eax, 8; mov cr4, eax';

/** SDM Vol. 3A 17.2, 17.3. */
const BREAKPOINTS: readonly ModeCase[] = [
  { code: `${breakpoint('offset 1f', EXECUTION)}; nop; 1: nop`, expected: [DB, 0] },
  { code: `${handler}; ${breakpoint('offset 1f', EXECUTION)}; 1: nop; ${REPORT}`, expected: 'done', eax: 1 },
  {
    code: `${handler}; ${breakpoint('offset 1f', EXECUTION)}; 1: nop; int 0x80; 9: mov eax, offset 1b; sub eax, [esp]`,
    expected: 'done',
    eax: 0,
  },
  // RF in the frame of the handler lets the instruction run, once.
  {
    code: `${handler}; ${breakpoint('offset 1f', EXECUTION)}; xor ecx, ecx; 1: inc ecx; mov eax, ecx; int 0x80; 9: or dword ptr [esp + 8], 0x10000; iretd`,
    expected: 'done',
    eax: 1,
  },
  {
    code: `${handler}; ${breakpoint('offset 1f', EXECUTION)}; mov ecx, 3; xor edx, edx; 1: inc edx; dec ecx; jnz 1b; mov eax, edi; int 0x80; 9: inc edi; or dword ptr [esp + 8], 0x10000; iretd`,
    expected: 'done',
    eax: 3,
  },
  {
    code: `${handler}; ${breakpoint('offset 1f', EXECUTION)}; 1: nop; int 0x80; 9: mov eax, [esp + 8]; and eax, 0x10000`,
    expected: 'done',
    eax: 0,
  },
  {
    code: `pushf; or dword ptr [esp], 0x10000; mov ecx, cs; push ecx; push offset 1f; mov [esp + 8], eax; add esp, 8; 1: pushf; pop eax; and eax, 0x10000`,
    expected: 'done',
    eax: 0,
  },
  { code: `${breakpoint('offset scratch', WRITES_4)}; mov [scratch], eax`, expected: [DB, 0] },
  {
    code: `${handler}; ${breakpoint('offset scratch', WRITES_4)}; mov [scratch + 3], al; ${REPORT}`,
    expected: 'done',
    eax: 1,
  },
  { code: `${breakpoint('offset scratch', WRITES_4)}; mov [scratch + 4], eax; mov eax, 2`, expected: 'done', eax: 2 },
  { code: `${breakpoint('offset scratch', WRITES_4)}; mov eax, [scratch]; mov eax, 3`, expected: 'done', eax: 3 },
  { code: `${breakpoint('offset scratch', ACCESSES_1)}; mov eax, [scratch]; mov eax, 3`, expected: [DB, 0] },
  { code: `${breakpoint('offset scratch + 2', ACCESSES_1)}; mov eax, [scratch - 1]; mov eax, 3`, expected: [DB, 0] },
  {
    code: `${breakpoint('offset scratch + 3', ACCESSES_1)}; mov eax, [scratch - 1]; mov eax, 4`,
    expected: 'done',
    eax: 4,
    qemu: 'an access across two pages reads more there',
  },
  {
    code: `${handler}; ${breakpoint('offset scratch', WRITES_4)}; mov [scratch], ecx; 1: nop; int 0x80; 9: mov eax, offset 1b; sub eax, [esp]`,
    expected: 'done',
    eax: 0,
  },
  { code: `${breakpoint('offset scratch', 0x400)}; mov [scratch], eax; mov eax, 5`, expected: 'done', eax: 5 },
  { code: `${CR4_DE}; ${breakpoint('0x80', PORTS_1)}; out 0x80, al`, expected: [DB, 0] },
  { code: `${CR4_DE}; ${breakpoint('0x80', PORTS_1)}; in al, 0x84; mov eax, 6`, expected: 'done', eax: 6 },
  {
    code: `${handler}; mov eax, 0x2400; mov dr7, eax; mov eax, dr0; ${REPORT}`,
    expected: 'done',
    eax: 0x2000,
    qemu: 'it does not have DR7.GD',
  },
  { code: `mov eax, 0x1234; mov dr1, eax; xor eax, eax; mov eax, dr1`, expected: 'done', eax: 0x1234 },
  { code: `mov eax, dr4; mov eax, 7`, expected: 'done', eax: 7 },
  { code: `${CR4_DE}; mov eax, dr4`, expected: [UD, 0] },
  { code: `${handler}; pushf; or dword ptr [esp], 0x100; popf; nop; ${REPORT}`, expected: 'done', eax: 0x4000 },
  { code: user(`pushf; or dword ptr [esp], 0x100; popf; nop`), expected: [DB, 0], cs: S.userCode },
  { code: `int1`, expected: [DB, 0], qemu: 'it does not have INT1' },
];

const writeMsr = (number: number, value: string | number): string =>
  `mov ecx, ${number}; mov eax, ${value}; xor edx, edx; wrmsr`;
const SYSENTER_MSRS = `${writeMsr(0x174, S.code)}; ${writeMsr(0x175, 'offset kernel_stack')}; ${writeMsr(0x176, 'offset 9f')}`;
/** SDM Vol. 2B "SYSENTER", "SYSEXIT". */
const SYSENTER: readonly ModeCase[] = [
  { code: `${writeMsr(0x174, 0)}; sysenter`, expected: [GP, 0] },
  { code: `${writeMsr(0x174, 0)}; sysexit`, expected: [GP, 0] },
  {
    code: `${SYSENTER_MSRS}; ${user('sysenter')}; 9: mov eax, offset kernel_stack; sub eax, esp`,
    expected: 'done',
    eax: 0,
    cs: S.code,
  },
  { code: `${SYSENTER_MSRS}; ${user('sysenter')}; 9: mov eax, ss`, expected: 'done', eax: S.data },
  {
    code: `${SYSENTER_MSRS}; mov edx, offset 9f; mov ecx, offset user_stack; sysexit; 9: mov eax, ss`,
    expected: 'done',
    eax: S.userData,
    cs: S.userCode,
  },
  { code: user('sysexit'), expected: [GP, 0] },
];

/** Fills in the other TSS: it runs what follows label 9. */
const otherTask = (tss: string): string =>
  `mov dword ptr [${tss} + 28], offset directory; mov dword ptr [${tss} + 32], offset 9f; mov dword ptr [${tss} + 36], 2; ` +
  `mov dword ptr [${tss} + 56], offset level1_stack; mov dword ptr [${tss} + 44], 0x77; ` +
  [72, 80, 84, 88, 92].map((at) => `mov word ptr [${tss} + ${at}], ${S.data}; `).join('') +
  `mov word ptr [${tss} + 76], ${S.code}`;
const TASK = `call identity_tables; ${otherTask('other_tss')}`;
const taskGate = (vector: number, selector: number): string =>
  `mov dword ptr [idt + ${vector * 8}], ${selector << 16}; mov dword ptr [idt + ${vector * 8 + 4}], 0xe500`;
const PAGING = 'mov eax, offset directory; mov cr3, eax; mov eax, cr0; or eax, 0x80010000; mov cr0, eax';
/** SDM Vol. 3A 7.3. */
const TASKS: readonly ModeCase[] = [
  { code: `${TASK}; jmp ${S.otherTask}:0; 9: str ax; movzx eax, ax`, expected: 'done', eax: S.otherTask },
  { code: `${TASK}; jmp ${S.otherTask}:0; 9: mov eax, ecx`, expected: 'done', eax: 0x77 },
  { code: `${TASK}; jmp ${S.taskGate}:0; 9: str ax; movzx eax, ax`, expected: 'done', eax: S.otherTask },
  { code: `${TASK}; jmp ${S.otherTask}:0; 9: pushf; pop eax; and eax, 0x4000`, expected: 'done', eax: 0 },
  {
    code: `${TASK}; jmp ${S.otherTask}:0; 9: lar eax, word ptr [1f]; mov eax, ${S.task}; lar eax, eax; and eax, 0xf00; .section .data; 1: .word 0; .section .text`,
    expected: 'done',
    eax: 0x900,
  },
  { code: `${TASK}; mov ebp, 0x99; jmp ${S.otherTask}:0; 9: mov eax, [tss + 60]`, expected: 'done', eax: 0x99 },
  { code: `${TASK}; jmp ${S.otherTask}:0; 9: mov eax, cr0; and eax, 8`, expected: 'done', eax: 8 },
  { code: `${TASK}; call ${S.otherTask}:0; mov eax, 5; int 0x80; 9: iretd`, expected: 'done', eax: 5 },
  {
    code: `${TASK}; call ${S.otherTask}:0; 9: pushf; pop eax; and eax, 0x4000; add ax, [other_tss]`,
    expected: 'done',
    eax: 0x4000 + S.task,
  },
  {
    code: `${TASK}; ${taskGate(0x21, S.otherTask)}; int 0x21; mov eax, 6; int 0x80; 9: iretd`,
    expected: 'done',
    eax: 6,
  },
  {
    code: `${TASK}; ${taskGate(UD, S.otherTask)}; ud2; int 0x80; 9: mov eax, [tss + 36]; and eax, 0x10000`,
    expected: 'done',
    eax: 0x1_0000,
    qemu: 'it does not set RF',
  },
  {
    code: `${TASK}; ${taskGate(GP, S.otherTask)}; mov eax, ${S.beyond}; mov ds, eax; int 0x80; 9: pop eax`,
    expected: 'done',
    eax: S.beyond,
  },
  // A double fault that no handler on the old stack could take.
  {
    code: `call identity_tables; ${otherTask('fault_tss')}; ${taskGate(8, S.faultTask)}; ${PAGING}; mov esp, 0x20000000; push eax; int 0x80; 9: str ax; movzx eax, ax`,
    expected: 'done',
    eax: S.faultTask,
  },
  { code: `jmp ${S.task}:0`, expected: [GP, S.task] },
  { code: `and byte ptr [gdt + ${S.otherTask + 5}], 0x7f; jmp ${S.otherTask}:0`, expected: [NP, S.otherTask] },
  { code: `mov word ptr [gdt + ${S.otherTask}], 0x66; jmp ${S.otherTask}:0`, expected: [TS, S.otherTask] },
  { code: user(`jmp ${S.otherTask | 3}:0`), expected: [GP, S.otherTask] },
  { code: `pushf; or dword ptr [esp], 0x4000; popf; iretd`, expected: [TS, 0] },
  // What is wrong with the segments of the task is raised in it.
  {
    code: `${TASK}; mov word ptr [other_tss + 84], ${S.executeOnly}; jmp ${S.otherTask}:0; 9: nop`,
    expected: [TS, S.executeOnly],
  },
];

testModes(t, [...BREAKPOINTS, ...SYSENTER, ...TASKS]);
