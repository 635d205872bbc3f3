/** System instructions, gates, privilege checks and exceptions on a bare machine, as the SDM has them, on all engines. */
import t from 'tap';
import { hasErrorCode } from '../../../src/cpu/state/exceptions.js';
import { SS } from '../../../src/cpu/state/layout.js';
import { assemble } from '../../support/assemble.js';
import {
  ABSENT,
  CODE,
  GDT,
  INTERRUPT_STACK,
  KERNEL_STACK,
  READ_ONLY,
  SELECTOR,
  SUPERVISOR,
  SystemMachine,
  TASK_IO_MAP,
  TSS,
  USER_STACK,
  SYSTEM_ENGINES,
} from './system-machine.js';

const CASE_BYTES = 64;
/** One in so many cases runs in the translator, too. */
const TRANSLATED = 12;
const [DE, UD, NM, DF, NP, STACK, GP, PF] = [0, 6, 7, 8, 11, 12, 13, 14];

/** `done`: the instructions complete, and HLT, or at CPL 3 INT 20h, follows. Else a vector, and its error code. */
type Expected = 'done' | 'shutdown' | readonly [vector: number, errorCode?: number];

interface SystemCase {
  readonly code: string;
  readonly expected: Expected;
  readonly cpl?: 0 | 3;
  readonly before?: (machine: SystemMachine) => void;
  readonly after?: (machine: SystemMachine) => unknown;
  readonly is?: unknown;
}

const inIdt = (vector: number): number => vector * 8 + 2;
/** Pushes a frame for IRETQ. */
const frame = (ss: number, rsp: number, flags: number, cs: number, rip: string): string =>
  `push ${ss}; push ${rsp}; push ${flags}; push ${cs}; lea rax, ${rip}; push rax;`;
const setControl = (register: string, change: string): string =>
  `mov rax, ${register}; ${change}; mov ${register}, rax`;

/** SDM Vol. 3A 5.9 "Privileged Instructions": #GP(0) at CPL 3. */
const PRIVILEGED = [
  ...[
    'hlt',
    'cli',
    'sti',
    'clts',
    'invd',
    'wbinvd',
    'rdmsr',
    'wrmsr',
    'swapgs',
    'sysretq',
    'lldt ax',
    'ltr ax',
    'lmsw ax',
  ],
  ...[
    'lgdt [rsp]',
    'lidt [rsp]',
    'invlpg [rsp]',
    'mov rax, cr0',
    'mov cr0, rax',
    'mov rax, cr8',
    'mov rax, dr7',
    'mov dr0, rax',
  ],
  ...['in al, 0x10', 'out 0x10, al', 'in eax, dx', 'insb', 'outsb', 'rdpmc'],
].map((code): SystemCase => ({ code, cpl: 3, expected: [GP, 0] }));

/** SDM Vol. 2B "MOV", Vol. 3A 5.6 and 5.7: loads of segment registers. */
const load = (segment: string, selector: number, expected: Expected, cpl: 0 | 3 = 0): SystemCase => ({
  code: `mov eax, ${selector}; mov ${segment}, eax`,
  cpl,
  expected,
});
const SEGMENT_LOADS = [
  load('ds', 0, 'done'),
  load('ds', 3, 'done', 3),
  load('ds', SELECTOR.data, 'done'),
  load('ds', SELECTOR.data, [GP, SELECTOR.data], 3),
  load('ds', SELECTOR.userData, 'done', 3),
  load('es', SELECTOR.data | 3, [GP, SELECTOR.data]),
  load('ds', SELECTOR.readOnly, 'done'),
  load('ds', SELECTOR.conforming, 'done', 3),
  load('ds', SELECTOR.executeOnly, [GP, SELECTOR.executeOnly]),
  load('fs', SELECTOR.absentData, [NP, SELECTOR.absentData]),
  load('gs', SELECTOR.beyond, [GP, SELECTOR.beyond]),
  load('ds', SELECTOR.task, [GP, SELECTOR.task]),
  load('ds', 0xc, [GP, 0xc]),
  load('ss', 0, 'done'),
  load('ss', 3, [GP, 0], 3),
  load('ss', 1, [GP, 0]),
  load('ss', SELECTOR.data, 'done'),
  load('ss', SELECTOR.userData | 3, [GP, SELECTOR.userData]),
  load('ss', SELECTOR.data | 1, [GP, SELECTOR.data]),
  load('ss', SELECTOR.readOnly, [GP, SELECTOR.readOnly]),
  load('ss', SELECTOR.code, [GP, SELECTOR.code]),
  load('ss', SELECTOR.absentData, [STACK, SELECTOR.absentData]),
];

/** SDM Vol. 3A 6.12, 6.14: gates of the IDT. */
const int = (vector: number, cpl: 0 | 3, expected: Expected): SystemCase => ({ code: `int ${vector}`, cpl, expected });
const GATES = [
  int(0x21, 0, [0x21]),
  int(3, 3, [3]),
  { code: 'int3', cpl: 3, expected: [3] },
  int(0x21, 3, [GP, inIdt(0x21)]),
  int(0x22, 0, [NP, inIdt(0x22)]),
  int(0x22, 3, [GP, inIdt(0x22)]),
  int(0x23, 0, [GP, inIdt(0x23)]),
  int(0x24, 0, [GP, 0]),
  int(0x25, 0, [GP, SELECTOR.data]),
  int(0x28, 0, [GP, SELECTOR.code32]),
  int(0x29, 0, [GP, 0]),
  int(0x2a, 0, [GP, SELECTOR.beyond]),
  int(0x2b, 0, [NP, SELECTOR.absentCode]),
  int(0x30, 0, [GP, inIdt(0x30)]),
  { ...int(0x21, 0, [0x21]), after: (machine) => machine.pushed(3), is: BigInt(KERNEL_STACK - 0x100) },
  { ...int(0x26, 0, [0x26]), after: (machine) => machine.pushed(-1 + 5) === BigInt(SELECTOR.data), is: true },
  { ...int(0x26, 3, [0x26]), after: (machine) => Number(machine.cpu.state.gpr(4)) + 40, is: INTERRUPT_STACK },
  { ...int(3, 3, [3]), after: (machine) => Number(machine.cpu.state.gpr(4)) + 40, is: KERNEL_STACK },
  { ...int(3, 3, [3]), after: (machine) => [machine.cpl, machine.cpu.state.selector(SS)], is: [0, 0] },
  { ...int(3, 3, [3]), after: (machine) => machine.pushed(1), is: BigInt(SELECTOR.userCode | 3) },
  { ...int(0x27, 3, [PF, 4 + 1 + 16]), after: (machine) => machine.cpl, is: 0 },
] satisfies SystemCase[];

/** Exceptions, and the frames that they leave. SDM Vol. 3A 6.13, 6.15, 4.7. */
const EXCEPTIONS: readonly SystemCase[] = [
  { code: 'ud2', expected: [UD] },
  { code: 'xor edx, edx; xor ecx, ecx; div ecx', cpl: 3, expected: [DE] },
  { code: `mov eax, [${ABSENT}]`, expected: [PF, 0], after: ({ cpu }) => cpu.cr2, is: BigInt(ABSENT) },
  { code: `mov [${ABSENT}], eax`, cpl: 3, expected: [PF, 6] },
  { code: `mov eax, [${SUPERVISOR}]`, expected: 'done' },
  { code: `mov eax, [${SUPERVISOR}]`, cpl: 3, expected: [PF, 5] },
  { code: `mov [${READ_ONLY}], eax`, expected: [PF, 3] },
  { code: `mov [${READ_ONLY}], eax`, cpl: 3, expected: [PF, 7] },
  { code: `mov eax, ${SUPERVISOR}; jmp rax`, cpl: 3, expected: [PF, 0x15] },
  { code: 'mov rax, 0x800000000000; mov eax, [rax]', expected: [GP, 0] },
  { code: 'mov rsp, 0x800000000008; push rax', expected: 'shutdown' },
  { code: 'mov rsp, 0x800000000008; push rax', cpl: 3, expected: [STACK, 0] },
  { code: 'mov rax, 0x800000000000; jmp rax', expected: [GP, 0] },
  { code: 'ud2', cpl: 3, expected: [UD], after: (machine) => machine.pushed(2) & 0x1_0000n, is: 0x1_0000n },
  { code: 'int 0x20', cpl: 3, expected: [0x20], after: (machine) => machine.pushed(2) & 0x1_0000n, is: 0n },
];

/** SDM Vol. 3A table 6-5: double faults, and what is left when they cannot be delivered. */
const absentGate =
  (...vectors: number[]) =>
  (machine: SystemMachine): void =>
    vectors.forEach((vector) => machine.setGate(vector, { isAbsent: true }));
const DOUBLE_FAULTS: readonly SystemCase[] = [
  { code: 'mov rax, 0x800000000000; mov al, [rax]', before: absentGate(GP), expected: [DF, 0] },
  { code: `mov al, [${ABSENT}]`, before: absentGate(PF), expected: [DF, 0] },
  { code: 'ud2', before: absentGate(UD), expected: [NP, inIdt(UD) + 1] },
  { code: 'ud2', before: absentGate(UD, NP), expected: [DF, 0] },
  { code: 'ud2', before: absentGate(UD, NP, DF), expected: 'shutdown' },
  { code: `mov rsp, ${ABSENT}; ud2`, expected: 'shutdown' },
  { code: `mov rsp, ${ABSENT}; ud2`, before: (machine) => machine.setGate(DF, { stack: 1 }), expected: [DF, 0] },
];

/** IRETQ, RETFQ and far jumps. SDM Vol. 2A "IRET", "JMP", Vol. 3A 5.8. */
const USER = [SELECTOR.userData | 3, USER_STACK - 8, 0x202, SELECTOR.userCode | 3] as const;
const TO_USER = `${frame(...USER, '[rip + 1f]')} iretq; 1: int 0x20`;
const jumpFar = (selector: number): string =>
  `push ${selector}; lea rax, [rip + 1f]; push rax; .byte 0x48, 0xff, 0x2c, 0x24; 1: nop`;
/** Uses a copy of the GDT in which the conforming code segment cannot be marked as accessed. */
function moveTableToReadOnlyPage({ cpu, memory }: SystemMachine): void {
  memory.ram.copyWithin(READ_ONLY, GDT, GDT + SELECTOR.beyond);
  memory.ram[READ_ONLY + SELECTOR.conforming + 5]! &= ~1;
  cpu.bare!.system.setTable('gdt', BigInt(READ_ONLY), BigInt(SELECTOR.beyond - 1));
}
const TRANSFERS: readonly SystemCase[] = [
  { code: TO_USER, expected: [0x20], after: (machine) => machine.pushed(1), is: BigInt(SELECTOR.userCode | 3) },
  { code: TO_USER, expected: [0x20], after: (machine) => machine.pushed(2) & 0x200n, is: 0x200n },
  { code: `${frame(0, USER_STACK - 8, 2, USER[3], '[rip]')} iretq`, expected: [GP, 0] },
  { code: `${frame(SELECTOR.data, 0, 2, USER[3], '[rip]')} iretq`, expected: [GP, SELECTOR.data] },
  { code: `${frame(0, KERNEL_STACK - 256, 2, SELECTOR.code, '[rip + 1f]')} iretq; 1: nop`, expected: 'done' },
  { code: `${frame(USER[0], 0, 2, 0, '[rip]')} iretq`, expected: [GP, 0] },
  { code: `${frame(USER[0], 0, 2, SELECTOR.beyond, '[rip]')} iretq`, expected: [GP, SELECTOR.beyond] },
  { code: `${frame(USER[0], 0, 2, SELECTOR.data, '[rip]')} iretq`, expected: [GP, SELECTOR.data] },
  { code: `${frame(USER[0], 0, 2, SELECTOR.absentCode, '[rip]')} iretq`, expected: [NP, SELECTOR.absentCode] },
  { code: `${frame(0, 0, 2, SELECTOR.longAndBig, '[rip]')} iretq`, expected: [GP, SELECTOR.longAndBig] },
  { code: `${frame(...USER, '[rip]')} mov rax, 0x800000000000; mov [rsp], rax; iretq`, expected: [GP, 0] },
  { code: `pushfq; or word ptr [rsp], 0x4000; popfq; ${TO_USER}`, expected: [GP, 0] },
  { code: `${frame(SELECTOR.data, 0, 2, SELECTOR.code, '[rip]')} iretq`, cpl: 3, expected: [GP, SELECTOR.code] },
  {
    code: `${frame(...USER, '[rip + 1f]')} iretq; 1: int 0x20`,
    cpl: 3,
    expected: [0x20],
    after: (m) => m.pushed(2) & 0x200n,
    is: 0n,
  },
  { code: 'push 8; lea rax, [rip + 1f]; push rax; retfq; 1: nop', expected: 'done' },
  {
    code: `push ${USER[0]}; push ${USER[1]}; push ${USER[3]}; lea rax, [rip + 1f]; push rax; retfq; 1: int 0x20`,
    expected: [0x20],
  },
  { code: 'push 8; push rax; retfq', cpl: 3, expected: [GP, 8] },
  {
    code: `push ${USER[0]}; push ${USER[1]}; mov rbx, 0x5a5a5a5a5a5a002b; push rbx; lea rax, [rip + 1f]; push rax; retfq; 1: int 0x20`,
    expected: [0x20],
    after: (machine) => machine.pushed(1),
    is: BigInt(SELECTOR.userCode | 3),
  },
  {
    code: `push ${SELECTOR.conforming}; lea rax, [rip]; push rax; retfq`,
    expected: [PF, 3],
    before: moveTableToReadOnlyPage,
    after: (machine) => machine.pushed(4),
    is: BigInt(KERNEL_STACK - 0x100 - 16),
  },
  { code: jumpFar(SELECTOR.code), expected: 'done' },
  {
    code: jumpFar(SELECTOR.conforming),
    cpl: 3,
    expected: 'done',
    after: (machine) => machine.pushed(1),
    is: BigInt(SELECTOR.conforming | 3),
  },
  { code: jumpFar(SELECTOR.code), cpl: 3, expected: [GP, SELECTOR.code] },
  { code: jumpFar(SELECTOR.userCode | 3), expected: [GP, SELECTOR.userCode] },
  { code: jumpFar(SELECTOR.data), expected: [GP, SELECTOR.data] },
  { code: jumpFar(SELECTOR.absentCode), expected: [NP, SELECTOR.absentCode] },
  { code: jumpFar(0), expected: [GP, 0] },
  { code: jumpFar(SELECTOR.code32), expected: 'done', after: ({ cpu }) => cpu.bare!.codeSize, is: 32 },
];

/** Control and debug registers, model-specific registers, tables. SDM Vol. 2B "MOV", Vol. 3A 2.5, Vol. 4. */
const writeMsr = (register: number, high: number, low: number): string =>
  `mov ecx, ${register}; mov edx, ${high}; mov eax, ${low}; wrmsr`;
const REGISTERS: readonly SystemCase[] = [
  { code: setControl('cr0', 'btr rax, 0'), expected: [GP, 0] },
  { code: setControl('cr0', 'bts rax, 29'), expected: [GP, 0] },
  { code: setControl('cr0', 'bts rax, 32'), expected: [GP, 0] },
  { code: setControl('cr0', 'btr rax, 31'), expected: [GP, 0] },
  { code: setControl('cr4', 'btr rax, 5'), expected: [GP, 0] },
  { code: setControl('cr4', 'bts rax, 13'), expected: [GP, 0] },
  { code: setControl('cr4', 'bts rax, 7'), expected: 'done', after: ({ cpu }) => cpu.mmu.cr4 & 0x80, is: 0x80 },
  { code: setControl('cr3', 'bts rax, 40'), expected: [GP, 0] },
  { code: setControl('cr3', 'nop'), expected: 'done' },
  { code: setControl('cr8', 'mov eax, 16'), expected: [GP, 0] },
  {
    code: 'mov eax, 9; mov cr8, rax; xor eax, eax; mov rax, cr8',
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(0),
    is: 9n,
  },
  { code: 'mov rax, -1; mov dr7, rax', expected: [GP, 0] },
  {
    code: 'xor eax, eax; mov dr6, rax; mov rax, dr6',
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(0),
    is: 0xffff_0ff0n,
  },
  { code: writeMsr(0xc0000080, 0, 0x2d01), expected: [GP, 0] },
  { code: writeMsr(0xc0000080, 0, 0x801), expected: [GP, 0] },
  { code: writeMsr(0xc0000082, 0x8000, 0), expected: [GP, 0] },
  { code: writeMsr(0xc0000100, 0x8000, 0), expected: [GP, 0] },
  {
    code: writeMsr(0xc0000101, 0x1234, 0x5678),
    expected: 'done',
    after: ({ cpu }) => cpu.state.segmentBase(5),
    is: 0x1234_0000_5678n,
  },
  { code: 'mov ecx, 0x12345; rdmsr', expected: [GP, 0] },
  {
    code: writeMsr(0xc0000102, 0, 77) + '; swapgs',
    expected: 'done',
    after: ({ cpu }) => cpu.state.segmentBase(5),
    is: 77n,
  },
  { code: `mov eax, ${SELECTOR.task}; ltr ax`, expected: [GP, SELECTOR.task] },
  { code: 'xor eax, eax; ltr ax', expected: [GP, 0] },
  { code: 'xor eax, eax; lldt ax', expected: 'done' },
  {
    code: `mov eax, ${SELECTOR.ldt}; lldt ax; sldt eax`,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(0),
    is: BigInt(SELECTOR.ldt),
  },
  { code: `mov eax, ${SELECTOR.ldt}; lldt ax; mov eax, ${SELECTOR.data | 4}; mov ds, eax`, expected: 'done' },
  { code: `mov eax, ${SELECTOR.data}; lldt ax`, expected: [GP, SELECTOR.data] },
  {
    code: 'sub rsp, 16; sgdt [rsp]; mov rax, [rsp + 2]',
    cpl: 3,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(0),
    is: BigInt(GDT),
  },
  {
    code: 'sub rsp, 16; sgdt [rsp]',
    cpl: 3,
    expected: [GP, 0],
    before: ({ cpu }) => cpu.mmu.setCr4(cpu.mmu.cr4 | 0x800),
  },
  {
    code: `mov eax, ${SELECTOR.code}; lar ebx, eax`,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(3),
    is: 0xa0_9b00n,
  },
  {
    code: `mov eax, ${SELECTOR.code}; lar ebx, eax; setz bl`,
    cpl: 3,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(3) & 1n,
    is: 0n,
  },
  {
    code: `mov eax, ${SELECTOR.userData}; verw ax; setz bl`,
    cpl: 3,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(3) & 1n,
    is: 1n,
  },
  {
    code: `mov eax, ${SELECTOR.data}; lsl ebx, eax`,
    expected: 'done',
    after: ({ cpu }) => cpu.state.gpr(3),
    is: 0xffff_ffffn,
  },
];

/** System calls, ports, and what CR0 and CR4 forbid. SDM Vol. 2B "SYSCALL", Vol. 1 19.5, Vol. 3A table 2-2. */
const setCr0 =
  (bits: number) =>
  ({ cpu }: SystemMachine): void => {
    cpu.mmu.setCr0(cpu.mmu.cr0 | bits);
    cpu.bare!.system.controls.onFloatRules();
  };
const CALLS_AND_PORTS: readonly SystemCase[] = [
  {
    code: 'syscall',
    cpl: 3,
    expected: [0x2f],
    after: (machine) => [machine.cpl, machine.cpu.state.gpr(1) - BigInt(CODE)],
    is: [0, 'after'],
  },
  { code: 'syscall', cpl: 3, expected: [UD], before: ({ cpu }) => cpu.mmu.setEfer(cpu.mmu.efer & ~1) },
  {
    code: 'lea rcx, [rip + 1f]; mov r11d, 0x202; sysretq; 1: int 0x20',
    expected: [0x20],
    after: (machine) => [machine.pushed(1), machine.pushed(4)],
    is: [0x2bn, 0x23n],
  },
  {
    code: 'mov rcx, 0x800000000000; mov r11d, 2; sysretq',
    expected: [GP, 0],
    after: (machine) => machine.pushed(2),
    is: 0x2bn,
  },
  {
    code: 'mov dx, 0x3f8; mov al, 65; out dx, al',
    expected: 'done',
    after: ({ written }) => [...written],
    is: ['1016=65'],
  },
  {
    code: 'mov dx, 0x21; in al, dx',
    cpl: 3,
    expected: 'done',
    before: ({ memory }) => (memory.ram[TSS + TASK_IO_MAP + 4] = 0xfd),
    after: ({ cpu }) => cpu.state.gpr(0) & 0xffn,
    is: 0x21n,
  },
  {
    code: 'mov dx, 0x21; in ax, dx',
    cpl: 3,
    expected: [GP, 0],
    before: ({ memory }) => (memory.ram[TSS + TASK_IO_MAP + 4] = 0xfd),
  },
  {
    code: 'lea rsi, [rip + 1f]; mov ecx, 3; mov dx, 0x80; rep outsb; 1: .ascii "\\x90\\x90\\x90"',
    expected: 'done',
    after: ({ written }) => written.length,
    is: 3,
  },
  { code: 'fninit', expected: [NM], before: setCr0(8) },
  { code: 'fwait', expected: 'done' },
  { code: 'fwait', expected: [NM], before: setCr0(8 | 2) },
  { code: 'xorps xmm0, xmm0', expected: [NM], before: setCr0(8) },
  { code: 'xorps xmm0, xmm0', expected: [UD], before: setCr0(4) },
  {
    code: 'xorps xmm0, xmm0',
    expected: [UD],
    before: ({ cpu }) => (cpu.mmu.setCr4(0x20), cpu.bare!.system.controls.onFloatRules()),
  },
  { code: 'xorps xmm0, xmm0; fninit', expected: 'done' },
  { code: 'vmcall', expected: [UD] },
  {
    code: 'mov rax, cr0; clts; mov rbx, cr0; sub rax, rbx',
    expected: 'done',
    before: setCr0(8),
    after: ({ cpu }) => cpu.state.gpr(0),
    is: 8n,
  },
];

const SECTIONS: Readonly<Record<string, readonly SystemCase[]>> = {
  'privileged instructions at CPL 3': PRIVILEGED,
  'loads of segment registers': SEGMENT_LOADS,
  'gates of the interrupt table': GATES,
  'exceptions and their frames': EXCEPTIONS,
  'double faults': DOUBLE_FAULTS,
  'far transfers and returns': TRANSFERS,
  'system registers': REGISTERS,
  'system calls, ports, and instructions that control registers forbid': CALLS_AND_PORTS,
};

const all = Object.values(SECTIONS).flat();
const end = ({ cpl }: SystemCase): string => (cpl === 3 ? 'int 0x20' : 'hlt');
const code = assemble(
  all.map((one, n) => `.org ${n * CASE_BYTES}\n${one.code.replaceAll(';', '\n')}\n${end(one)}`).join('\n'),
);

function outcomeOf(machine: SystemMachine, { expected, cpl }: SystemCase): unknown {
  const event = machine.run();
  if (event.kind === 'shutdown') return 'shutdown';
  const { vector } = machine;
  if (expected === 'done' && event.kind === 'halted' && (cpl === 3 ? vector === 0x20 : vector === undefined))
    return 'done';
  if (vector === undefined) return `${event.kind} at ${machine.cpu.state.rip.toString(16)}`;
  return hasErrorCode(vector) ? [vector, Number(machine.pushed(0))] : [vector];
}

for (const [name, cases] of Object.entries(SECTIONS))
  t.test(name, async (t) => {
    for (const one of cases) {
      const offset = all.indexOf(one) * CASE_BYTES;
      // Each of these is a machine with a translator of its own, which takes time.
      const engines = all.indexOf(one) % TRANSLATED === 0 ? SYSTEM_ENGINES : SYSTEM_ENGINES.slice(0, 2);
      const ticks = engines.map((engine) => {
        const machine = new SystemMachine(engine, code);
        machine.enter(one.cpl ?? 0, offset);
        one.before?.(machine);
        const what = `${one.code} at CPL ${one.cpl ?? 0}, ${engine}`;
        t.same(outcomeOf(machine, one), one.expected, what);
        if (one.after) {
          const found = one.after(machine);
          const after = (value: unknown): unknown =>
            Array.isArray(value) ? value.map(after) : value === 'after' ? BigInt(offset + 2) : value;
          t.same(found, after(one.is), `${what}: state`);
        }
        return machine.cpu.ticks;
      });
      t.equal(new Set(ticks).size, 1, `${one.code}: ticks`);
    }
  });
