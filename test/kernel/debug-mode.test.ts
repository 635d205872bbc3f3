/** Debug mode in whole machines: programs that store outside of their regions, and what becomes of them. */
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  Computer,
  describeTrap,
  type Outcome,
  type SpuriousWrite,
  type SpuriousWriteVerdict,
} from '../../src/index.js';
import { toLinear } from '../../src/kernel/memory/linear-address.js';
import { NOTHING_YET, ScriptedConsole, compiled, guestImage, runGuest, sha256 } from '../support/guest-programs.js';
import { ENGINES, evaluatorAnd, type EngineOptions } from '../support/side-by-side.js';
import { seedOf, someOf } from '../support/volume.js';

const MIB = 2 ** 20;
const KIB = 2 ** 10;
/** What a process that is killed for a store ends with. */
const KILLED = 139;

const image = compiled(fileURLToPath(new URL('../../../test/kernel/spurious.c', import.meta.url)));

const SEED = seedOf(1);

t.setTimeout(0);

/** A program of spurious.c between two others. */
interface SpuriousRun {
  readonly outcome: Outcome;
  readonly output: string;
  readonly writes: readonly SpuriousWrite[];
  readonly machineHash: string;
  /** 4096 bytes before its region and behind it: before the run, and after. */
  readonly neighbours: readonly { readonly before: Uint8Array; readonly after: Uint8Array }[];
  readonly start: bigint;
  readonly end: bigint;
  readonly instructions: number;
  /** Whether the neighbours live. */
  readonly othersLive: boolean;
}

interface SpuriousOptions extends EngineOptions {
  readonly verdict?: SpuriousWriteVerdict | undefined;
  readonly debugMode?: boolean;
  readonly sliceTicks?: number;
}

async function runSpurious(mode: string, options: SpuriousOptions): Promise<SpuriousRun> {
  const { verdict, debugMode = true, sliceTicks = Infinity, ...engine } = options;
  const writes: SpuriousWrite[] = [];
  const console = new ScriptedConsole([NOTHING_YET, Buffer.from('typed\n')]);
  const onSpuriousWrite = verdict && ((write: SpuriousWrite) => (writes.push(write), verdict));
  const hooks = onSpuriousWrite && { hooks: { onSpuriousWrite } };
  const computer = new Computer({ memoryBytes: 16 * MIB, sha256, console, ...engine, ...hooks });
  const bytes = await image;
  const start = (argv: string[], debug = false) =>
    computer.start(bytes, { name: argv.join('-'), limitBytes: 512 * KIB, argv, debugMode: debug });
  const below = start(['below']);
  const gap = start(['gap']);
  const above = start(['above']);
  computer.run(above);
  // They sleep now, for ever; the region of the one in the midst is the next one's.
  computer.kill(gap, 0);
  const program = start(['spurious', mode], debugMode);
  const [first, end] = [program.start, program.start + BigInt(program.size)];
  const peek = (): Uint8Array[] => [first - 4096n, end].map((at) => computer.readMemory(at, 4096));
  const before = peek();
  let outcome: Outcome;
  do {
    outcome = computer.run(program, { maxTicks: sliceTicks });
    if (outcome.kind === 'waiting') console.inputArrives();
  } while (outcome.kind === 'limit' || outcome.kind === 'waiting');
  const after = peek();
  return {
    outcome,
    output: console.output.toString(),
    writes,
    machineHash: computer.machineHash(),
    neighbours: before.map((bytes, i) => ({ before: bytes, after: after[i]! })),
    start: first,
    end,
    instructions: computer.instructions,
    othersLive: !below.end && !above.end,
  };
}

/**
 * Engines for a mode of spurious.c: some of the others each day, and the evaluator, which costs most, for one of the three
 * verdicts; all of them for each in long runs.
 */
function enginesOf(index: number, verdict: SpuriousWriteVerdict): Record<string, EngineOptions> {
  const { evaluator, ...others } = evaluatorAnd(1, SEED, index);
  const isEvaluated = someOf(['skip', 'allow', 'kill'], 1, SEED, index).includes(verdict);
  return { ...(isEvaluated && { evaluator: evaluator! }), ...others };
}

/** The same on all these engines; answers what it is. */
async function onEngines(
  t: Test,
  engines: Readonly<Record<string, EngineOptions>>,
  mode: string,
  verdict?: SpuriousWriteVerdict,
): Promise<SpuriousRun> {
  const runs: SpuriousRun[] = [];
  for (const engine of Object.values(engines)) runs.push(await runSpurious(mode, { verdict, ...engine }));
  const [first, ...others] = runs;
  for (const [i, other] of others.entries()) {
    const name = `${mode}, ${verdict}: ${Object.keys(engines)[i + 1]}`;
    t.equal(other.output, first!.output, `${name} prints the same`);
    t.same(other.writes, first!.writes, `${name} reports the same`);
    t.equal(other.machineHash, first!.machineHash, `${name} leaves the same machine`);
  }
  return first!;
}

function changesOf({ neighbours }: SpuriousRun): number {
  return neighbours.reduce(
    (total, { before, after }) => total + after.filter((byte, i) => byte !== before[i]).length,
    0,
  );
}

/** How many bytes each mode stores to neighbours, and how many ticks report them: instructions, or iterations of REP. */
const MODES: Readonly<Record<string, { readonly bytes: number; readonly reports: number }>> = {
  straddle: { bytes: 36 + 36, reports: 8 + 8 },
  move: { bytes: 32, reports: 32 },
  fill_downwards: { bytes: 64, reports: 16 },
  push_and_call: { bytes: 8, reports: 2 },
  exchange: { bytes: 5 + 16, reports: 2 },
  save_state: { bytes: 352, reports: 1 },
  ask_kernel: { bytes: 168 + 3, reports: 2 },
  hot: { bytes: 0 + 4 + 8, reports: 2 },
  copy_hot: { bytes: 40 + 40, reports: 0 },
  spawn: { bytes: 1, reports: 1 },
};

t.test('left out: all effects but the bytes outside, on every engine', async (t) => {
  for (const [index, [mode, { bytes, reports }]] of Object.entries(MODES).entries()) {
    const skipped = await onEngines(t, enginesOf(index, 'skip'), mode, 'skip');
    t.equal(skipped.outcome.kind, 'exited', mode);
    t.equal(changesOf(skipped), 0, `${mode}: no byte of others has changed`);
    const told = skipped.writes.flatMap(({ stores }) => stores);
    t.equal(
      told.reduce((total, { before }) => total + before.length, 0),
      bytes,
      `${mode}: ${bytes} bytes are told`,
    );
    if (reports > 0) t.equal(skipped.writes.length, reports, `${mode}: ${reports} reports`);
    for (const { address, before, after, surroundings } of told) {
      const isBelow = toLinear(address) < skipped.start;
      t.equal(surroundings?.name, isBelow ? 'below' : 'above');
      t.equal(before.length, after.length);
      const [below, above] = skipped.neighbours.map((neighbour) => neighbour.before);
      const offset = Number(isBelow ? toLinear(address) - skipped.start + 4096n : toLinear(address) - skipped.end);
      const there = (isBelow ? below! : above!).subarray(offset, offset + before.length);
      t.equal(Buffer.compare(before, there), 0, `${mode}: the bytes before are told`);
    }
  }
});

t.test('allowed: what happens without debug mode, and it is told', async (t) => {
  for (const [index, [mode, { bytes }]] of Object.entries(MODES).entries()) {
    const allowed = await onEngines(t, enginesOf(index, 'allow'), mode, 'allow');
    const without = await runSpurious(mode, { engine: 'interpreter', debugMode: false });
    t.equal(allowed.outcome.kind, 'exited', mode);
    t.equal(allowed.output, without.output, `${mode}: the output is that of a run without debug mode`);
    t.equal(allowed.instructions, without.instructions, `${mode}: as many instructions retire`);
    t.same(allowed.neighbours, without.neighbours, `${mode}: the memory of others is the same`);
    t.equal(without.writes.length, 0);
    t.ok(allowed.writes.flatMap(({ stores }) => stores).length > 0 && bytes > 0);
  }
});

t.test('killed: nothing has changed, and everybody else goes on', async (t) => {
  for (const [index, mode] of Object.keys(MODES).entries()) {
    const killed = await onEngines(t, enginesOf(index, 'kill'), mode, 'kill');
    const { outcome } = killed;
    if (outcome.kind !== 'trapped') throw new Error(`${mode}: ${outcome.kind}`);
    t.equal(outcome.exitCode, KILLED);
    t.equal(outcome.report.cause, 'spurious write');
    t.equal(outcome.report.rip, outcome.report.spuriousWrite!.rip);
    t.match(describeTrap(outcome.report).join('; '), /spurious write.*; write of 0x.* would become .*(below|above)/);
    t.equal(changesOf(killed), 0, `${mode}: no byte of others has changed`);
    t.ok(killed.othersLive, `${mode}: the neighbours live`);
    t.equal(killed.writes.length, 1);
  }
});

t.test('where nobody decides, the process is killed', async (t) => {
  const asked = await runSpurious('straddle', { engine: 'auto', verdict: 'kill' });
  const alone = await runSpurious('straddle', { engine: 'auto' });
  t.equal(alone.machineHash, asked.machineHash);
  t.same(alone.outcome, { ...asked.outcome, process: alone.outcome.kind === 'trapped' && alone.outcome.process });
});

t.test('what nobody may write is a page fault, with debug mode as without', async (t) => {
  for (const mode of ['null', 'text']) {
    const with_ = await onEngines(t, ENGINES, mode, 'skip');
    const without = await runSpurious(mode, { engine: 'interpreter', debugMode: false });
    if (with_.outcome.kind !== 'trapped' || without.outcome.kind !== 'trapped') throw new Error(`${mode}: no trap`);
    t.equal(with_.writes.length, 0, `${mode}: nobody is asked`);
    t.same(describeTrap(with_.outcome.report), describeTrap(without.outcome.report), mode);
  }
});

t.test('a run in slices of one tick is the same run', async (t) => {
  for (const [index, mode] of ['straddle', 'ask_kernel'].entries())
    for (const verdict of someOf(['skip', 'allow'] as const, 1, SEED, index)) {
      const whole = await runSpurious(mode, { engine: 'auto', verdict });
      const sliced = await runSpurious(mode, { engine: 'auto', verdict, sliceTicks: 1 });
      t.equal(sliced.machineHash, whole.machineHash, `${mode}, ${verdict}`);
      t.same(sliced.writes, whole.writes);
    }
});

t.test('a program that stores to its own memory only does not notice debug mode', async (t) => {
  const programs = { qsort: ['1000'], heap: ['100'], hash: ['1000'], deepstack: ['1'], sha256: ['1'] };
  for (const [index, [name, args]] of Object.entries(programs).entries())
    for (const [engine, options] of Object.entries(evaluatorAnd(1, SEED, index))) {
      if (engine === 'evaluator') continue;
      const run = (debugMode: boolean) => runGuest(guestImage(name), { args, ...options, debugMode });
      const [plain, debugged] = [await run(false), await run(true)];
      t.equal(debugged.output.toString(), plain.output.toString(), `${name}, ${engine}: output`);
      t.equal(debugged.statistics.instructions, plain.statistics.instructions, `${name}, ${engine}: instructions`);
      t.equal(debugged.statistics.ticks, plain.statistics.ticks, `${name}, ${engine}: ticks`);
    }
});
