/** Code and data stops of a CPU: what counts as an access, and where a CPU stops, on every engine. */
import t from 'tap';
import type { Cpu } from '../../src/cpu/cpu.js';
import { RAX, RCX, RDI, RDX, RSI } from '../../src/cpu/state/layout.js';
import { assemble } from '../support/assemble.js';
import { BareMachine, CODE_FRAMES, DATA, DATA_PAGES } from '../support/bare-machine.js';

const PAGE = 4096;
const CODE = 0x4000_0000n;
const DATA_START = Number(DATA);
/** Ticks that the loop around a case runs: enough for the translator to take it over. */
const TICKS = 3000;
const R12 = 12;

t.setTimeout(0);

const MACHINES = [
  ['evaluator', undefined],
  ['interpreter', undefined],
  ['auto', 0],
  ['auto', 1],
] as const;

/** A machine on each engine with a loop of some code: rax, rdx and rcx are 1, r12 is DATA. */
function machinesWith(source: string): Cpu[] {
  const code = assemble(`loop: ${source}\n jmp loop`);
  const image = new Uint8Array(CODE_FRAMES * PAGE).fill(0x90);
  image.set(code);
  return MACHINES.map(([engine, threshold]) => {
    const machine = new BareMachine(engine, threshold);
    const gpr = Array.from({ length: 16 }, () => 0n);
    for (const register of [RAX, RDX, RCX]) gpr[register] = 1n;
    gpr[R12] = DATA;
    gpr[RSI] = DATA + 128n;
    gpr[RDI] = DATA + 256n;
    machine.load({ code: CODE, image, resumeAt: [0], gpr, data: new Uint8Array(DATA_PAGES * PAGE) });
    return machine.cpu;
  });
}

/** Runs for some ticks; returns the stops on the way. Faults are resolved as a kernel would: the pages are present. */
function stopsOf(cpu: Cpu, ticks: number): string[] {
  const found: string[] = [];
  const end = cpu.ticks + ticks;
  const start = cpu.ticks;
  while (cpu.ticks < end) {
    const event = cpu.run(end - cpu.ticks);
    if (event.kind === 'ticks') continue;
    if (event.kind !== 'stopped') throw new Error(`${event.kind} at ${cpu.state.rip.toString(16)}`);
    const accesses = cpu.mmu.dataStops.takeAccesses();
    const what = accesses.map(({ access, start, end }) => `${access[0]}${start - DATA_START}+${end - start}`);
    found.push(`${cpu.ticks - start}: ${what.join(' ') || `at ${cpu.state.rip - CODE}`}`);
  }
  return found;
}

/** What is accessed in one round of an instruction whose memory operand is in the data. */
const ACCESSES: readonly (readonly [source: string, ...accesses: string[]])[] = [
  ['mov dword ptr [r12], eax', 'w0+4'],
  ['mov rax, [r12 + 8]', 'r8+8'],
  ['movzx ebx, byte ptr [r12 + 96]', 'r96+1'],
  ['mov word ptr [r12 + 4095], ax', 'w4095+2'],
  ['add qword ptr [r12 + 16], rax', 'r16+8 w16+8'],
  ['lock xadd [r12 + 24], ebx', 'r24+4 w24+4'],
  ['xchg [r12 + 80], al', 'r80+1 w80+1'],
  ['bt qword ptr [r12 + 88], 3', 'r88+8'],
  ['cmovc rbx, [r12 + 104]', 'r104+8'],
  // The memory is 0 and rax is 1: it is written all the same. SDM Vol. 2A "CMPXCHG".
  ['cmpxchg [r12 + 48], rdx; mov eax, 1', 'r48+8 w48+8'],
  ['lock cmpxchg16b [r12 + 64]; mov eax, 1; mov edx, 1', 'r64+8 r72+8 w64+8 w72+8'],
  ['movups xmm1, [r12 + 32]', 'r32+16'],
  ['movups [r12 + 4088], xmm1', 'w4088+16'],
  ['push qword ptr [r12 + 112]; pop rbx', 'r112+8'],
  ['mov rbp, rsp; lea rsp, [r12 + 128]; push rax; pop rbx; mov rsp, rbp', 'w120+8', 'r120+8'],
  ['mov rbp, rsp; lea rsp, [r12 + 128]; call 1f; 1: mov rsp, rbp', 'w120+8'],
  ['lea rsi, [r12 + 128]; lea rdi, [r12 + 256]; mov ecx, 3; rep movsb', 'r128+1 w256+1', 'r129+1 w257+1', 'r130+1 w258+1'], // prettier-ignore
  ['lea rdi, [r12 + 4092]; mov ecx, 2; rep stosq', 'w4092+8', 'w4100+8'],
  ['lea rbx, [r12]; nop dword ptr [r12]; prefetcht0 [r12]; clflush [r12]'],
];

t.test('data stops see what instructions access, to the byte and after the instruction', async (t) => {
  for (const [source, ...accesses] of ACCESSES) {
    let expected: string[] | undefined;
    machinesWith(source).forEach((cpu, i) => {
      stopsOf(cpu, TICKS);
      cpu.mmu.derived.addDataStop({ start: DATA_START, end: DATA_START + 2 * PAGE }, 'access');
      const stops = stopsOf(cpu, 60);
      const whole = stops.map((stop) => stop.slice(stop.indexOf(' ') + 1));
      const round = accesses.length > 0 ? whole.indexOf(accesses[0]!) : 0;
      t.same(whole.slice(round, round + accesses.length), accesses, `${source} on ${MACHINES[i]![0]}`);
      expected ??= stops;
      t.same(stops, expected, `${source} on ${MACHINES[i]![0]}: at the same ticks as on the evaluator`);
    });
  }
});

t.test('a data stop of a kind sees accesses of that kind only', async (t) => {
  const source = 'mov [r12], eax; mov ebx, [r12 + 4]; add dword ptr [r12 + 8], 1';
  for (const cpu of machinesWith(source)) {
    stopsOf(cpu, TICKS);
    const range = { start: DATA_START + 3, end: DATA_START + 9 };
    cpu.mmu.derived.addDataStop(range, 'read');
    t.same(new Set(stopsOf(cpu, 40).map((stop) => stop.split(': ')[1])), new Set(['r4+4', 'r8+4']));
    cpu.mmu.derived.removeDataStop(range, 'read');
    cpu.mmu.derived.addDataStop(range, 'write');
    t.same(new Set(stopsOf(cpu, 40).map((stop) => stop.split(': ')[1])), new Set(['w0+4', 'w8+4']));
    cpu.mmu.derived.removeDataStop(range, 'write');
    t.same(stopsOf(cpu, TICKS), []);
    t.throws(() => cpu.mmu.derived.removeDataStop(range, 'write'), RangeError);
  }
});

t.test('code stops are before the instruction, once for each time that it is executed', async (t) => {
  // Offsets: 0 inc, 3 cmp, 7 jne (fused with the comparison), 9 rep stosb, 11 a jump to itself while rcx counts down.
  const source = 'inc rax; cmp rax, -1; jne 1f; 1: mov ecx, 4; lea rdi, [r12]; rep stosb; mov ecx, 3; 2: loop 2b';
  const offsets = { cmp: 3n, jne: 7n, stosb: 18n, loop: 25n };
  for (const cpu of machinesWith(source)) {
    stopsOf(cpu, TICKS);
    for (const offset of Object.values(offsets)) cpu.codeStops.add(rangeAt(offset));
    while (cpu.state.rip !== CODE) cpu.run(1);
    const { ticks } = cpu;
    const rounds = Array.from({ length: 6 }, () => {
      const event = cpu.run(100);
      return `${cpu.ticks - ticks} ${event.kind} ${cpu.state.rip - CODE}`;
    });
    const stosb = `5 stopped ${offsets.stosb}`;
    t.same(rounds, ['1 stopped 3', '2 stopped 7', stosb, '10 stopped 25', '11 stopped 25', '12 stopped 25']);
    for (const offset of Object.values(offsets)) cpu.codeStops.delete(rangeAt(offset));
    t.same(stopsOf(cpu, TICKS), []);
    t.throws(() => cpu.codeStops.delete(rangeAt(3n)), RangeError);
  }
});

t.test('a stop that was removed and added again stops again', async (t) => {
  for (const cpu of machinesWith('inc rax; inc rbx')) {
    stopsOf(cpu, TICKS);
    cpu.codeStops.add(rangeAt(3n));
    t.equal(cpu.run(100).kind, 'stopped');
    cpu.codeStops.delete(rangeAt(3n));
    cpu.run(1);
    cpu.codeStops.add(rangeAt(3n));
    t.equal(cpu.run(100).kind, 'stopped');
    t.equal(cpu.state.rip, CODE + 3n);
  }
});

t.test('a code stop drops the regions that contain it, and removing it brings them back from the cache', async (t) => {
  const source = `mov ecx, 50; 1: inc rax; dec ecx; jnz 1b; jmp other
    .org 0x2000
    other: mov ecx, 50; 2: inc rbx; dec ecx; jnz 2b`;
  const cpu = machinesWith(source)[2]!;
  const stats = (): NonNullable<Cpu['translationStats']> => cpu.translationStats!;
  /** Regions are made for the place where code is found running, so every part begins at the same one. */
  const run = (ticks: number): string[] => {
    cpu.state.rip = CODE;
    return stopsOf(cpu, ticks);
  };
  const cycle = (): string[] => {
    cpu.codeStops.add(rangeAt(5n));
    const stops = run(400);
    t.ok(stops.length > 50, 'it stops in every round of the loop');
    cpu.codeStops.delete(rangeAt(5n));
    t.same(run(TICKS), []);
    return stops;
  };
  run(TICKS);
  const stops = cycle();
  const before = stats();
  t.same(cycle(), stops);
  t.equal(stats().modulesInAll, before.modulesInAll, 'neither regions that end before the stop nor whole ones are made anew'); // prettier-ignore
  t.ok(stats().hitsByContent > before.hitsByContent + 1);
  t.equal(stats().regionsLive, before.regionsLive);
  const { hitsByContent } = stats();
  cpu.codeStops.add(rangeAt(0x100n));
  run(TICKS);
  t.equal(stats().hitsByContent, hitsByContent, 'a stop elsewhere drops nothing');
});

function rangeAt(offset: bigint): { start: number; end: number } {
  return { start: Number(CODE + offset), end: Number(CODE + offset) + 1 };
}
