/**
 * `npm run bench`: every workload natively, under qemu-user where it is installed, and here with each engine, in one run.
 * CPU seconds of all threads, start-up included; medians of interleaved rounds. Only ratios within one run mean anything.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileGuest } from '../src/cli/guest-compiler.js';
import { readArguments, type Options } from './arguments.js';
import { sizeAt, workloads, type Workload } from './guests/workloads.js';
import { measure, median, type Sample } from './measure.js';
import { formatTable } from './table.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const output = join(root, 'dist/bench-programs');
const bd0 = join(root, 'dist/src/cli/main.js');

/** The evaluator is an oracle, not a way to run programs: it gets this many instructions of each workload. */
const EVALUATOR_INSTRUCTIONS = 3_000_000;

interface Contender {
  readonly name: string;
  command(workload: Workload, size: number): string[];
}

const native: Contender = {
  name: 'native',
  command: ({ name }, size) => [join(output, `${name}.native`), String(size)],
};
const qemuUser: Contender = {
  name: 'qemu-user',
  command: ({ name }, size) => ['qemu-x86_64', join(output, `${name}.native`), String(size)],
};
/** bd0 with an engine, and further options. */
function bd0With(engine: string, ...options: string[]): Contender {
  return {
    name: engine,
    command: ({ name }, size) => [
      ...[process.execPath, bd0, 'run', '--engine', engine, '--memory', '512MB', ...options],
      ...[join(output, name), '--', String(size)],
    ],
  };
}
const interpreter = bd0With('interpreter');
const auto = bd0With('auto');
const evaluator = bd0With('evaluator', '--max-instructions', String(EVALUATOR_INSTRUCTIONS));

interface Result {
  readonly workload: Workload;
  readonly instructions: number;
  /** Median CPU seconds by contender. */
  readonly seconds: ReadonlyMap<string, number>;
}

async function compileAll(chosen: readonly Workload[]): Promise<void> {
  mkdirSync(output, { recursive: true });
  for (const { name, source } of chosen) {
    const path = join(root, source);
    const flags = ['-O2', '-static', path, '-o', join(output, `${name}.native`)];
    const { error, status, stderr } = spawnSync('gcc', flags, { encoding: 'utf8' });
    if (error) throw new Error('the benchmarks need gcc (Debian: apt install gcc libc6-dev)');
    if (status !== 0) throw new Error(`gcc cannot compile ${source}:\n${stderr}`);
    await compileGuest({ sources: [path], output: join(output, name) });
  }
}

/** Instructions that a workload retires here, the same in every run. */
function countInstructions(workload: Workload, size: number): number {
  const [command, ...rest] = interpreter.command(workload, size);
  const at = rest.indexOf('run') + 1;
  const { stderr } = spawnSync(command!, [...rest.slice(0, at), '--json', ...rest.slice(at)], { encoding: 'utf8' });
  const line = stderr.split('\n').find((text) => text.startsWith('{'));
  const instructions = line ? (JSON.parse(line) as { instructions?: number }).instructions : undefined;
  if (instructions === undefined)
    throw new Error(`bd0 run --json told no instruction count for ${workload.name}: ${stderr}`);
  return instructions;
}

function sameOutput(workload: Workload, samples: ReadonlyMap<string, Sample>): void {
  const expected = samples.get(native.name)!.output;
  for (const [name, { output: actual }] of samples)
    if (name !== evaluator.name && actual !== expected)
      throw new Error(
        `${workload.name}: ${name} printed ${JSON.stringify(actual)}, native ${JSON.stringify(expected)}`,
      );
}

function runWorkload(workload: Workload, contenders: readonly Contender[], options: Options): Result {
  const size = sizeAt(workload, options.scale);
  const seconds = new Map<string, number[]>();
  for (let round = 0; round < options.rounds; round++) {
    const samples = new Map<string, Sample>();
    for (const contender of contenders) {
      process.stderr.write(`\r\x1b[K${workload.name}: round ${round + 1} of ${options.rounds}, ${contender.name}`);
      const allowed = contender === evaluator ? [0, 124] : [0];
      const sample = measure(contender.command(workload, size), allowed);
      samples.set(contender.name, sample);
      seconds.set(contender.name, [...(seconds.get(contender.name) ?? []), sample.cpuSeconds]);
    }
    sameOutput(workload, samples);
  }
  process.stderr.write('\r\x1b[K');
  const medians = new Map([...seconds].map(([name, values]) => [name, median(values)]));
  return { workload, instructions: countInstructions(workload, size), seconds: medians };
}

/** Million instructions a second. */
function speedRow({ workload, instructions, seconds }: Result, contenders: readonly Contender[]): string[] {
  const speeds = contenders.map(({ name }) => {
    const count = name === evaluator.name ? Math.min(instructions, EVALUATOR_INSTRUCTIONS) : instructions;
    return (count / 1e6 / seconds.get(name)!).toFixed(name === evaluator.name ? 2 : 0);
  });
  return [workload.name, (instructions / 1e6).toFixed(0), ...speeds];
}

/** CPU seconds, and ratios of speed. */
function ratioRow({ workload, seconds }: Result, contenders: readonly Contender[]): string[] {
  const times = contenders.map(({ name }) => seconds.get(name)!.toFixed(2));
  const ratio = ({ engine, peer }: Comparison): string => (seconds.get(peer)! / seconds.get(engine)!).toFixed(3);
  return [workload.name, ...times, ...ratios(contenders).map(ratio)];
}

interface Comparison {
  readonly engine: string;
  readonly peer: string;
}

/** Which of our engines is compared with whom. */
function ratios(contenders: readonly Contender[]): Comparison[] {
  const peers = [native, qemuUser].filter((peer) => contenders.includes(peer));
  return peers.flatMap((peer) => [interpreter, auto].map((engine) => ({ engine: engine.name, peer: peer.name })));
}

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2));
  if (!existsSync(bd0)) throw new Error('bd0 is not built: run npm run build first');
  const chosen = workloads.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const hasQemu = spawnSync('qemu-x86_64', ['--version']).status === 0;
  const contenders = [
    native,
    ...(hasQemu ? [qemuUser] : []),
    interpreter,
    auto,
    ...(options.evaluator ? [evaluator] : []),
  ];
  await compileAll(chosen);
  const results = chosen.map((workload) => runWorkload(workload, contenders, options));
  const names = contenders.map(({ name }) => name);
  console.log('million instructions a second (of the BD0 image, for every contender)\n');
  console.log(
    formatTable(
      ['workload', 'M instr', ...names],
      results.map((result) => speedRow(result, contenders)),
    ),
  );
  const timed = contenders.filter((contender) => contender !== evaluator);
  const compared = ratios(timed).map(
    ({ engine, peer }) => `${engine === 'auto' ? 'auto' : 'intpr'}/${peer === 'native' ? 'nat' : 'qemu'}`,
  );
  console.log('\nCPU seconds, and our speed by that of a peer\n');
  const headings = ['workload', ...timed.map(({ name }) => name), ...compared];
  console.log(
    formatTable(
      headings,
      results.map((result) => ratioRow(result, timed)),
    ),
  );
  console.log(`\nCPU seconds of all threads, start-up included; medians of ${options.rounds} interleaved rounds.`);
  if (!hasQemu) console.log('qemu-user is not installed (Debian: apt install qemu-user).');
}

await main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
