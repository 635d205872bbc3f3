/** Whole machines with less memory than their programs use: these notice nothing, and all engines stay equal. */
import t, { type Test } from 'tap';
import { Computer, type ComputerOptions, type Process } from '../src/index.js';
import { PF_R, PF_W, PF_X, makeImage } from './kernel/images.js';
import { assemble } from './support/assemble.js';
import { firstDifference, guestImage, runNative, ScriptedConsole, sha256 } from './support/guest-programs.js';
import { Random } from './support/random.js';
import { ALL_ENGINES, SideBySide, evaluatorAnd, type EngineOptions } from './support/side-by-side.js';
import { seedOf, someNamed } from './support/volume.js';
import { flatId } from './vmo/model.js';

const PAGE = 4096;
const KIB = 2 ** 10;
const GIB = 2 ** 30;
const SEED = seedOf(4711);
const R13 = 13;

// What a test may cost is for whoever runs it to say, not for a busy machine.
t.setTimeout(0);

const { evaluator: _oracle, ...FAST_ENGINES } = ALL_ENGINES;

/** Runs a program to its end on some engines, compared after each slice, and compares what it did with its native build. */
async function compare(
  t: Test,
  [name, ...args]: readonly [string, ...string[]],
  engines: Readonly<Record<string, EngineOptions>>,
  memoryBytes: number,
  sliceTicks: readonly number[],
): Promise<Computer> {
  const machines = new SideBySide({ engines, memoryBytes });
  const random = new Random(SEED);
  const options = { name: 'guest', limitBytes: GIB, argv: ['guest', ...args] };
  t.equal(machines.start(await guestImage(name), options), undefined);
  let outcome = machines.run(random.pick(sliceTicks));
  while (outcome.kind === 'limit') outcome = machines.run(random.pick(sliceTicks));
  const native = await runNative(name, args);
  t.match(outcome, { kind: 'exited', exitCode: native.exitCode }, name);
  t.equal(firstDifference(machines.output, native.output), undefined, `${name}: output`);
  const { writeBacks, frames } = machines.computer.statistics;
  t.ok(writeBacks.count > 50, `${name}: ${writeBacks.count} pages were written back`);
  t.equal(writeBacks.bytesKept, 0, 'nothing is kept of who has ended');
  t.same({ privates: frames.private, used: frames.inUse - frames.idle }, { privates: 0, used: 1 });
  return machines.computer;
}

t.test('programs that use four times the memory of their machine end as on Linux, equal on all engines', async (t) => {
  await compare(t, ['deepstack', '1'], evaluatorAnd(2, SEED, 0), 256 * KIB, [1, 7, 1000, 4099, 20_011]);
  await compare(t, ['faults', '120'], evaluatorAnd(2, SEED, 1), 256 * KIB, [1, 7, 64, 1000]);
  await compare(t, ['paging', '150'], evaluatorAnd(2, SEED, 2), 64 * KIB, [1, 7, 64, 1000]);
});

t.test('and so do longer ones, on the engines that are fast', async (t) => {
  await compare(t, ['qsort', '16000'], someNamed(FAST_ENGINES, 2, SEED, 0), 64 * KIB, [20_011, 100_003]);
  await compare(t, ['sieve', '140000'], someNamed(FAST_ENGINES, 2, SEED, 1), 64 * KIB, [20_011, 100_003]);
  await compare(t, ['heap', '1200'], someNamed(FAST_ENGINES, 2, SEED, 2), 64 * KIB, [20_011, 100_003]);
});

/** Pages of code that the program below writes, and its calls of them. */
const FUNCTIONS = 60;
const CALLS = 4000;

/**
 * Writes a function to each of many pages, and calls them in a random order; each fourth call changes the function that was
 * called. Their pages are more than there are frames.
 */
const SELF_WRITING = `
       lea rbx, [rip + area]
       xor ecx, ecx
    1: mov rax, rcx
       shl rax, 12
       add rax, rbx
       lea edx, [rcx * 8 + 1]
       mov byte ptr [rax], 0xb8          # mov eax, edx
       mov [rax + 1], edx
       mov dword ptr [rax + 5], 0xc3f801 # add eax, edi; ret
       inc ecx
       cmp ecx, ${FUNCTIONS}
       jne 1b
       mov r12d, ${SEED}
       xor r13d, r13d
       mov r14d, ${CALLS}
    2: imul r12d, r12d, 1103515245
       add r12d, 12345
       mov eax, r12d
       shr eax, 16
       xor edx, edx
       mov ecx, ${FUNCTIONS}
       div ecx
       shl rdx, 12
       lea r15, [rbx + rdx]
       lea edi, [r13 + r13 * 2]
       call r15
       mov r13d, eax
       test r14d, 3
       jnz 3f
       inc dword ptr [r15 + 1]
    3: dec r14d
       jnz 2b
       ud2
       .balign 4096
area:`;

/** What r13d is in the end. */
function sumOfCalls(): bigint {
  const constants = Array.from({ length: FUNCTIONS }, (_, i) => i * 8 + 1);
  let state = SEED;
  let sum = 0;
  for (let left = CALLS; left > 0; left--) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    const index = (state >>> 16) % FUNCTIONS;
    sum = (sum * 3 + constants[index]!) | 0;
    if ((left & 3) === 0) constants[index]!++;
  }
  return BigInt(sum >>> 0);
}

function selfWritingImage(): Uint8Array {
  const code = assemble(SELF_WRITING);
  const loads = [
    { address: 0, bytes: code, flags: PF_R | PF_X },
    { address: code.length, bytes: new Uint8Array(0), memorySize: FUNCTIONS * PAGE, flags: PF_R | PF_W | PF_X },
  ];
  return makeImage({ entry: 0, loads });
}

/** Runs the program on each engine, and does something to the machine after each slice; answers what was seen of each. */
function runSelfWriting(
  t: Test,
  options: ComputerOptions,
  sliceTicks: number,
  after: (computer: Computer, area: bigint) => string,
): void {
  const image = selfWritingImage();
  const engines = evaluatorAnd(2, SEED, sliceTicks);
  const seen = Object.entries(engines).map(([engine, engineOptions]) => {
    const computer = new Computer({ ...options, ...engineOptions, sha256 });
    const process = computer.start(image, { name: 'self', limitBytes: 2 ** 20 });
    const states: string[] = [];
    let outcome = computer.run(process, { maxTicks: sliceTicks });
    for (; outcome.kind === 'limit'; outcome = computer.run(process, { maxTicks: sliceTicks }))
      states.push(`${after(computer, process.entry + BigInt(PAGE))} ${computer.machineHash()}`);
    t.match(outcome, { kind: 'trapped', report: { vector: 6 } }, engine);
    t.equal(computer.registers.gpr(R13), sumOfCalls(), `${engine}: the sum of all calls`);
    t.equal(computer.statistics.writeBacks.bytesKept, 0);
    return states;
  });
  t.ok(seen[0]!.length > 20, `${seen[0]!.length} stops`);
  for (const [i, engine] of Object.keys(engines).entries()) t.same(seen[i], seen[0], engine);
}

t.test('code that is written to pages runs as it was written last, though its pages go and come again', async (t) => {
  let writtenBack = 0;
  runSelfWriting(t, { memoryBytes: 128 * KIB }, 1999, (computer) => {
    writtenBack = computer.statistics.writeBacks.count;
    return `${writtenBack}`;
  });
  t.ok(writtenBack > 500, `${writtenBack} pages were written back`);
});

t.test('pages of code that are committed while they run', async (t) => {
  for (const memoryBytes of [128 * KIB, 1024 * KIB])
    runSelfWriting(t, { memoryBytes, writeBackBytes: 64 * PAGE }, 1999, (computer, area) => {
      const bytes = computer.readMemory(area, FUNCTIONS * PAGE);
      const vmo = computer.commit(area, FUNCTIONS * PAGE);
      const { id } = vmo;
      t.equal(id, flatId(bytes));
      vmo.close();
      return id;
    });
});

t.test('a program that uses up memory and quota is killed, and it alone; it is the same on all engines', async (t) => {
  const [greedyImage, modestImage] = [await guestImage('faults'), await guestImage('qsort')];
  const expected = await runNative('qsort', ['300']);
  const engines = evaluatorAnd(2, SEED, 3);
  const seen = Object.entries(engines).map(([engine, options]) => {
    const console = new ScriptedConsole();
    const memory = { memoryBytes: 256 * KIB, writeBackBytes: 32 * PAGE };
    const computer = new Computer({ ...options, ...memory, sha256, console });
    const start = (image: Uint8Array, ...args: string[]): Process =>
      computer.start(image, { name: 'guest', limitBytes: GIB, argv: ['guest', ...args] });
    const modest = start(modestImage, '300');
    const greedy = start(greedyImage, '250');
    const states = [computer.machineHash()];
    const outcome = computer.run(greedy);
    t.match(outcome, { kind: 'trapped', exitCode: 137, report: { cause: 'out of memory' } }, engine);
    t.ok(computer.statistics.writeBacks.count >= 32, 'the quota was used');
    states.push(computer.machineHash());
    t.match(computer.run(modest), { kind: 'exited', exitCode: expected.exitCode }, engine);
    t.equal(firstDifference(console.output, expected.output), undefined, engine);
    t.equal(computer.statistics.writeBacks.bytesKept, 0);
    states.push(computer.machineHash());
    const next = start(greedyImage, '80');
    t.match(computer.run(next), { kind: 'exited', exitCode: 0 }, 'what fits runs');
    return [...states, computer.machineHash()];
  });
  for (const [i, engine] of Object.keys(engines).entries()) t.same(seen[i], seen[0], engine);
});

t.test('memory is committed by its address, as the bytes that are there, and opened by the id', async (t) => {
  const computer = new Computer({ memoryBytes: 256 * KIB, sha256 });
  const process = computer.start(await guestImage('deepstack'), { name: 'deep', limitBytes: GIB, argv: ['deep', '1'] });
  computer.run(process, { maxTicks: 100_000 });
  const stack = process.start + BigInt(process.size) - BigInt(2 ** 21);
  const bytes = computer.readMemory(stack, 2 ** 21);
  const vmo = computer.commit(stack, 2 ** 21);
  t.equal(vmo.id, flatId(bytes));
  t.equal(computer.store.open(vmo.id)?.length, 2 ** 21);
  t.throws(() => computer.commit(1n << 47n, PAGE), { name: 'KernelError', errno: 14 });
  t.throws(() => computer.commit(stack + 1n, PAGE), { name: 'KernelError', errno: 22 });
  const copy = computer.commit(stack, 2 ** 21);
  t.equal(copy.id, vmo.id, 'nothing has changed in between');
  t.match(computer.run(process), { kind: 'exited', exitCode: 0 });
  t.equal(Buffer.compare(vmo.read(0, 2 ** 21), bytes), 0, 'what was committed stays as it was');
  t.throws(() => new Computer({ writeBackBytes: -1 }), RangeError);
});
