/** Many processes and many threads: where they lie, what they share, and what is left of them, which is nothing. */
import t from 'tap';
import { Computer, type Process } from '../../src/index.js';
import { RAX } from '../../src/cpu/state/layout.js';
import { assemble } from '../support/assemble.js';
import { sha256 } from '../support/guest-programs.js';
import { KernelMachine } from '../support/kernel-machine.js';
import { churnProcesses, churnThreads } from '../support/process-churn.js';
import { PF_R, PF_X, codeImage, makeImage } from './images.js';

const PAGE = 4096;
const GB = 2 ** 30;
const LIMIT = 32 * GB;
const REGIONS = 8000;
/** Where the first region lies. */
const FIRST = 0x1_0000_0000n;
/** The lower part of the address space has room for so many regions of 32 GB; the others lie in the upper one. */
const IN_LOWER = 4095;

t.setTimeout(0);

const startAt = (index: number): bigint =>
  index < IN_LOWER
    ? FIRST + BigInt(index) * BigInt(LIMIT)
    : 0xffff_8000_0000_0000n + BigInt(index - IN_LOWER) * BigInt(LIMIT);

/** Touches its heap in the midst of its region, and waits for ever. */
const resting = codeImage(
  assemble(`
    lea rax, [rip - 7]
    mov rcx, ${LIMIT / 2}
    add rax, rcx
    mov [rax], rsp
    mov eax, 13
    mov rdi, -1
    vmcall
    jmp .`),
);

t.test('8,000 regions of 32 GB lie side by side in 1 GB of memory, and all of them are touched', (t) => {
  const computer = new Computer({ memoryBytes: GB, sha256 });
  const image = computer.store.fromBytes(resting);
  const start = (): Process => computer.start(image, { name: 'resting', limitBytes: LIMIT });
  const processes = Array.from({ length: REGIONS }, start);
  const misplaced = processes.findIndex((process, index) => process.start !== startAt(index));
  t.equal(misplaced, -1, 'each begins where the one before ends, from the lowest address on');
  t.match(computer.run(processes[0]!), { kind: 'waiting', until: Infinity });
  const untouched = processes.filter(({ start, end }) => {
    const word = computer.readMemory(start + BigInt(LIMIT / 2 + PAGE), 8);
    return end || word.every((byte) => byte === 0);
  });
  t.same(untouched, []);
  t.equal(computer.statistics.frames.clean, 1, 'one page of code for all of them');

  const [gone, other] = [processes[17]!, processes[7017]!];
  for (const process of [gone, other, processes[18]!]) computer.kill(process, 0);
  t.same([start().start, start().start, start().start], [startAt(17), startAt(18), startAt(7017)], 'first fit');
  const { inUse, idle } = computer.statistics.frames;
  for (const { pid } of processes) computer.kill(computer.findProcess(pid) ?? gone, 0);
  for (const slot of [18, 19, 7018]) computer.kill(computer.findProcess(2 ** 32 + slot)!, 0);
  t.ok(inUse - idle > 6 * REGIONS, `${inUse - idle} frames were in use`);
  const after = computer.statistics.frames;
  t.equal(after.inUse - after.idle, 1, 'all that is left is the root of the page table');
  t.end();
});

t.test('a program starts 8,000 others by kernel-calls', (t) => {
  const machine = new KernelMachine({ frames: GB / PAGE, engine: 'auto' });
  machine.publish('r', resting);
  const starter = makeImage({
    entry: 0,
    loads: [
      {
        address: 0,
        flags: PF_R | PF_X,
        bytes: assemble(`
          mov ebx, ${REGIONS - 1}
       1: mov eax, 1
          lea rdi, [rip + name]
          mov rsi, ${LIMIT}
          xor edx, edx
          xor r10d, r10d
          xor r8d, r8d
          vmcall
          test rax, rax
          js 2f
          dec ebx
          jnz 1b
       2: mov eax, 13
          mov rdi, -1
          vmcall
          jmp .
       name: .asciz "r"`),
      },
    ],
  });
  machine.start(starter, { name: 'starter', limitBytes: LIMIT });
  t.match(machine.kernel.run(1e9), { kind: 'waiting' });
  const starts = machine.kernel.processes.live().map(({ start }) => start);
  t.equal(starts.length, REGIONS, 'and rax says so');
  t.equal(starts.findIndex((start, index) => start !== startAt(index)), -1); // prettier-ignore
  machine.clear();
  t.equal(machine.pool.counters.inUse - machine.pool.counters.idle, 1);
  t.end();
});

t.test('different programs with the same pages share their frames', (t) => {
  const computer = new Computer({ memoryBytes: 4 * 2 ** 20, sha256 });
  const page = (seed: number): Uint8Array => Uint8Array.from({ length: PAGE }, (_, i) => (i * seed) & 255);
  /** Touches a page of its own, and those that both have. */
  const program = (own: number): Uint8Array => {
    const code = new Uint8Array(PAGE);
    code.set(
      assemble(`lea rbx, [rip - 7]; mov al, [rbx + ${PAGE}]; mov al, [rbx + ${2 * PAGE}]; mov al, [rbx + ${3 * PAGE}]
      mov eax, 13; mov rdi, -1; vmcall; jmp .`),
    );
    const bytes = Buffer.concat([code, page(3), page(5), page(own)]);
    return makeImage({ entry: 0, loads: [{ address: 0, bytes, flags: PF_R | PF_X }] });
  };
  const first = computer.start(program(7), { name: 'first', limitBytes: GB });
  computer.run(first);
  const before = computer.statistics.frames.clean;
  computer.run(computer.start(program(9), { name: 'second', limitBytes: GB }));
  t.equal(computer.statistics.frames.clean, before + 1, 'one frame more, for the one page that differs');
  computer.run(computer.start(program(7), { name: 'third', limitBytes: 2 * GB }));
  t.equal(computer.statistics.frames.clean, before + 1, 'none for the same program at another address');
  t.end();
});

t.test('5,000 starts and exits leave nothing behind', (t) => {
  const left = churnProcesses(5000);
  t.same(left.after, left.before, 'frames, pages of the store, identities, processes');
  t.end();
});

t.test('2,000 spawns and joins leave nothing behind', (t) => {
  const { exitCode, switches, framesGrown } = churnThreads(2000);
  t.equal(exitCode, 0);
  t.ok(switches > 2000, `${switches} switches`);
  t.equal(framesGrown, 0);
  t.end();
});

t.test('20,000 threads wait in a row, each for the end of the one before', (t) => {
  const machine = new KernelMachine({ frames: GB / PAGE, engine: 'auto' });
  const process = machine.start(waitingInARow(20_000), { name: 'row', limitBytes: GB });
  while (machine.kernel.run(1e9).kind !== 'idle') if (!process.end) machine.check();
  t.equal(process.end?.exitCode, 7, 'the code of the first has come to the last');
  t.end();
});

/** Each thread of so many answers what the one before did, for whose end it waits; the first sleeps, and answers 7. */
function waitingInARow(count: number): Uint8Array {
  return codeImage(
    assemble(`
      mov ebx, ${count}
      xor esi, esi
   1: mov eax, 8
      lea rdi, [rip + 3f]
      mov edx, ${PAGE}
      vmcall
      mov rsi, rax
      mov eax, 12
      vmcall
      dec ebx
      jnz 1b
      mov rdi, rsi
      mov rsi, -1
      mov eax, 10
      vmcall
      mov edi, eax
      xor eax, eax
      vmcall
      jmp .
   3: mov rsi, -1
      mov eax, 10
      test rdi, rdi
      jnz 4f
      mov edi, 100000000
      mov eax, 13
      vmcall
      mov eax, 7
      ret
   4: vmcall
      ret
      jmp .`),
  );
}

t.test('threads that take turns run on with the TLB and the page table that there are', (t) => {
  const { computer, cr3, processes } = takingTurns();
  const { switches, tlbDrops } = computer.statistics;
  computer.run(processes[0]!, { maxTicks: 200_000 });
  t.ok(computer.statistics.switches - switches > 5000, `${computer.statistics.switches - switches} switches`);
  t.equal(computer.statistics.tlbDrops, tlbDrops);
  t.equal(computer['cpu'].mmu.cr3, cr3);
  t.ok(computer.registers.gpr(RAX) >= 0n);
  t.end();
});

/** Two processes that yield to each other all the time, both of their pages in frames already. */
function takingTurns(): { computer: Computer; cr3: number; processes: Process[] } {
  const computer = new Computer({ memoryBytes: 4 * 2 ** 20, sha256 });
  const image = codeImage(assemble('1: push rax; pop rbx; mov eax, 12; vmcall; jmp 1b'));
  const processes = [1, 2].map(() => computer.start(image, { name: 'yield', limitBytes: GB }));
  computer.run(processes[0]!, { maxTicks: 1000 });
  return { computer, cr3: computer['cpu'].mmu.cr3, processes };
}
