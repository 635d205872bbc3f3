/** What kernels turn on in CR4: SMAP, process-context identifiers, XSAVE and FSGSBASE, as the SDM has them, on both engines. */
import t from 'tap';
import { hasErrorCode } from '../../../src/cpu/state/exceptions.js';
import { assemble } from '../../support/assemble.js';
import { CODE, SYSTEM_ENGINES, SystemMachine, USER_STACK } from './system-machine.js';

const CASE_BYTES = 96;
const [UD, NM, GP, PF] = [6, 7, 13, 14];
const [SMAP, PCIDE, OSXSAVE, FSGSBASE] = [21, 17, 18, 16];

/** `done`, or a vector and its error code; and RAX, if it matters. */
interface FeatureCase {
  readonly code: string;
  readonly expected: 'done' | readonly [vector: number, errorCode?: number];
  readonly rax?: bigint;
  readonly cpl?: 3;
  readonly model?: 'v2';
}

const turnOn = (bit: number): string => `mov rax, cr4; bts rax, ${bit}; mov cr4, rax; xor eax, eax`;
const setComponents = (value: number): string => `mov ecx, 0; xor edx, edx; mov eax, ${value}; xsetbv`;
const USER_PAGE = USER_STACK - 64;

const CASES: readonly FeatureCase[] = [
  // SDM Vol. 3A 4.6: supervisor mode may not access user pages but with AC.
  { code: `mov eax, [${USER_PAGE}]`, expected: 'done' },
  { code: `${turnOn(SMAP)}; mov eax, [${USER_PAGE}]`, expected: [PF, 1] },
  { code: `${turnOn(SMAP)}; mov [${USER_PAGE}], eax`, expected: [PF, 3] },
  { code: `${turnOn(SMAP)}; stac; mov eax, [${USER_PAGE}]; mov eax, 1`, expected: 'done', rax: 1n },
  { code: `${turnOn(SMAP)}; stac; mov eax, [${USER_PAGE}]; clac; mov eax, [${USER_PAGE}]`, expected: [PF, 1] },
  {
    code: `${turnOn(SMAP)}; push 0x40002; popfq; mov eax, [${USER_PAGE}]; push 2; popfq; mov eax, [${USER_PAGE}]`,
    expected: [PF, 1],
  },
  {
    code: `${turnOn(SMAP)}; mov ecx, 2000; 1: dec ecx; jnz 1b; stac; mov ebx, [${USER_PAGE}]; mov eax, 2`,
    expected: 'done',
    rax: 2n,
  },
  { code: 'stac; pushfq; pop rax; and eax, 0x40000', expected: 'done', rax: 0x4_0000n },
  { code: 'stac; clac; pushfq; pop rax; and eax, 0x40000', expected: 'done', rax: 0n },
  { code: 'stac', expected: [UD], cpl: 3 },
  { code: 'clac', expected: [UD], cpl: 3 },
  { code: 'stac', expected: [UD], model: 'v2' },
  { code: turnOn(SMAP), expected: [GP, 0], model: 'v2' },
  // SDM Vol. 2A "INVPCID": the type in a register, the identifier and the address in memory.
  ...(
    [
      ['0', '0', 0, 'done'],
      ['0', '0', 3, 'done'],
      ['0', '0', 4, [GP, 0]],
      ['0', '1', 0, [GP, 0]],
      ['0', '1', 1, [GP, 0]],
      ['0', '1', 2, 'done'],
      ['0', '0x1000', 3, [GP, 0]],
      ['rdi', '0', 0, [GP, 0]],
      ['rdi', '0', 1, 'done'],
    ] as const
  ).map(([address, identifier, type, expected]): FeatureCase => ({
    code: `mov rdi, 0x800000000000; push ${address}; push ${identifier}; mov ecx, ${type}; invpcid rcx, [rsp]`,
    expected,
  })),
  { code: `${turnOn(PCIDE)}; push 0; push 5; mov ecx, 1; invpcid rcx, [rsp]`, expected: 'done' },
  { code: 'push 0; push 0; xor ecx, ecx; invpcid rcx, [rsp]', expected: [GP, 0], cpl: 3 },
  { code: 'push 0; push 0; xor ecx, ecx; invpcid rcx, [rsp]', expected: [UD], model: 'v2' },
  // SDM Vol. 3A 4.10.1.
  { code: `mov rax, cr3; or rax, 5; mov cr3, rax; ${turnOn(PCIDE)}`, expected: [GP, 0] },
  {
    code: `${turnOn(PCIDE)}; mov rax, cr3; or rax, 5; bts rax, 63; mov cr3, rax; mov rbx, cr3; xor rax, rbx; shr rax, 63`,
    expected: 'done',
    rax: 1n,
  },
  {
    code: `${turnOn(PCIDE)}; mov rax, cr3; or rax, 5; mov cr3, rax; mov rax, cr3; and eax, 0xfff`,
    expected: 'done',
    rax: 5n,
  },
  { code: 'mov rax, cr3; bts rax, 63; mov cr3, rax', expected: [GP, 0] },
  // SDM Vol. 1 13.3, Vol. 2D "XSETBV".
  { code: setComponents(7), expected: [UD] },
  { code: 'xor ecx, ecx; xgetbv', expected: [UD] },
  { code: `${turnOn(OSXSAVE)}; xor ecx, ecx; xgetbv`, expected: 'done', rax: 1n },
  { code: `${turnOn(OSXSAVE)}; ${setComponents(7)}; xgetbv`, expected: 'done', rax: 7n },
  { code: `${turnOn(OSXSAVE)}; ${setComponents(3)}; xgetbv`, expected: 'done', rax: 3n },
  ...[0, 2, 5, 6, 15].map((value): FeatureCase => ({
    code: `${turnOn(OSXSAVE)}; ${setComponents(value)}`,
    expected: [GP, 0],
  })),
  { code: `${turnOn(OSXSAVE)}; mov ecx, 1; xor edx, edx; mov eax, 7; xsetbv`, expected: [GP, 0] },
  { code: setComponents(7), expected: [UD], cpl: 3 },
  { code: turnOn(OSXSAVE), expected: [GP, 0], model: 'v2' },
  // What is not turned on is #UD; CR0.TS makes it #NM.
  { code: 'vaddps ymm0, ymm0, ymm0', expected: [UD] },
  { code: `${turnOn(OSXSAVE)}; vaddps ymm0, ymm0, ymm0`, expected: [UD] },
  { code: `${turnOn(OSXSAVE)}; ${setComponents(3)}; vzeroupper`, expected: [UD] },
  {
    code: `${turnOn(OSXSAVE)}; ${setComponents(7)}; vaddps ymm0, ymm0, ymm0; vzeroupper; mov eax, 3`,
    expected: 'done',
    rax: 3n,
  },
  {
    code: `${turnOn(OSXSAVE)}; ${setComponents(7)}; mov rax, cr0; bts rax, 3; mov cr0, rax; vzeroupper`,
    expected: [NM],
  },
  {
    code: `${turnOn(OSXSAVE)}; ${setComponents(7)}; mov rax, cr0; bts rax, 3; mov cr0, rax; xsave [rsp]`,
    expected: [NM],
  },
  { code: 'andn eax, ebx, ecx; mov eax, 4', expected: 'done', rax: 4n },
  { code: 'xsave [rsp]', expected: [UD] },
  // XSAVE saves what XCR0 has, of what EDX:EAX asks for.
  ...[1, 3, 7].map((value): FeatureCase => ({
    code: `${turnOn(OSXSAVE)}; ${setComponents(value)}; sub rsp, 0x400; and rsp, -64; mov qword ptr [rsp + 512], 0; or eax, -1; or edx, -1; xsave [rsp]; mov rax, [rsp + 512]`,
    expected: 'done',
    rax: BigInt(value),
  })),
  { code: 'mov eax, 1; cpuid; bt ecx, 27; setc al; movzx eax, al', expected: 'done', rax: 0n },
  { code: `${turnOn(OSXSAVE)}; mov eax, 1; cpuid; bt ecx, 27; setc al; movzx eax, al`, expected: 'done', rax: 1n },
  {
    code: `${turnOn(OSXSAVE)}; ${setComponents(7)}; mov eax, 13; xor ecx, ecx; cpuid; mov eax, ebx`,
    expected: 'done',
    rax: 832n,
  },
  { code: `${turnOn(OSXSAVE)}; mov eax, 13; xor ecx, ecx; cpuid; mov eax, ebx`, expected: 'done', rax: 576n },
  // SDM Vol. 2B "RDFSBASE".
  { code: 'rdfsbase rax', expected: [UD] },
  {
    code: `${turnOn(FSGSBASE)}; mov eax, 0x1234; wrgsbase rax; xor eax, eax; rdgsbase rax`,
    expected: 'done',
    rax: 0x1234n,
  },
  { code: turnOn(FSGSBASE), expected: [GP, 0], model: 'v2' },
  // CR4.TSD. SDM Vol. 2B "RDTSC".
  { code: `${turnOn(2)}; rdtsc; mov eax, 5`, expected: 'done', rax: 5n },
];

const code = assemble(
  CASES.map(
    (one, n) => `.org ${n * CASE_BYTES}\n${one.code.replaceAll(/;\s*/g, '\n')}\n${one.cpl === 3 ? 'int 0x20' : 'hlt'}`,
  ).join('\n'),
);

t.test('features that kernels turn on', async (t) => {
  for (const [n, one] of CASES.entries()) {
    const ticks = SYSTEM_ENGINES.map((engine) => {
      const machine = new SystemMachine(engine, code, one.model ?? 'v3');
      machine.enter(one.cpl ?? 0, n * CASE_BYTES);
      const event = machine.run(10_000);
      const { vector } = machine;
      const error = vector !== undefined && hasErrorCode(vector) ? [Number(machine.pushed(0))] : [];
      const found = vector === undefined ? (event.kind === 'halted' ? 'done' : event.kind) : [vector, ...error];
      t.same(found, one.expected, `${one.code}, ${engine}`);
      if (one.rax !== undefined) t.equal(machine.cpu.state.gpr(0), one.rax, `RAX after ${one.code}, ${engine}`);
      return machine.cpu.ticks;
    });
    t.equal(new Set(ticks).size, 1, `${one.code}: ticks`);
  }
});

t.test('CR4.TSD keeps the time from user mode', async (t) => {
  for (const engine of SYSTEM_ENGINES) {
    const machine = new SystemMachine(engine, assemble('rdtsc\nint 0x20'));
    machine.cpu.bare!.system.controls.setCr4(BigInt(machine.cpu.mmu.cr4 | 4));
    machine.enter(3, 0);
    machine.run();
    t.same([machine.vector, machine.pushed(0)], [GP, 0n], engine);
    t.equal(Number(machine.pushed(1)), CODE);
  }
});
