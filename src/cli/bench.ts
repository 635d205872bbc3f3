import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allContenders, isThere, type Contender } from './bench/contenders.js';
import { ProgramBuilder } from './bench/programs.js';
import { reportOf, type Result } from './bench/report.js';
import { runAll } from './bench/rounds.js';
import { GROUPS, shortName, workloads, workloadsNamed } from './bench/workloads.js';
import type { BenchRequest } from './bench-options.js';
import { Failure, fileFailure } from './failure.js';
import { findCompiler, GuestCompilerError } from './guest-compiler.js';
import { writeToStdout } from './host-output.js';
import { Signals } from './signals.js';

/** The package and the command line that run, seen from dist/src/cli. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const bd0Command = [process.execPath, fileURLToPath(new URL('main.js', import.meta.url))];

/** Measures, prints the table and answers the exit code. Throws Failure. */
export async function bench(request: BenchRequest): Promise<number> {
  const chosen = workloadsNamed(request.names);
  if (chosen === undefined) throw new Failure(`there is no such workload: ${request.names.join(' ')}: ${knownNames()}`);
  const wanted = wantedContenders(request);
  const contenders = wanted.filter(isThere);
  const compiler = await compilerName();
  const directory = mkdtempSync(join(tmpdir(), 'bd0-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const stop = new AbortController();
  const signals = new Signals(() => stop.abort());
  const results: Result[] = [];
  const done = (result: Result): void => {
    results.push(result);
    writeSamples(request, results);
  };
  const builder = new ProgramBuilder(root, directory, compiler);
  try {
    const { rounds, scale } = request;
    await runAll({ rounds, scale, contenders, builder, stop: stop.signal, progress, done }, chosen);
  } catch (error) {
    if (signals.received === undefined) throw error;
    return 128 + signals.received;
  } finally {
    progress('');
  }
  const names = contenders.map(({ name }) => name);
  const left = wanted.filter((contender) => !contenders.includes(contender));
  writeToStdout(reportOf(results, names, request.markdown));
  writeToStdout(['', ...remarks(request, contenders), ...left.map(missing)].join('\n'));
  return 0;
}

function knownNames(): string {
  const names = workloads.map(({ name }) => name).join(' ');
  return `the workloads are ${names}; the groups ${GROUPS.map(shortName).join(' ')}`;
}

function wantedContenders({ contenders: names, evaluator }: BenchRequest): Contender[] {
  const all = allContenders(bd0Command);
  const stranger = names?.find((name) => !all.some((contender) => contender.name === name));
  if (stranger !== undefined)
    throw new Failure(`there is no contender '${stranger}': they are ${all.map(({ name }) => name).join(', ')}`);
  return all.filter(({ name }) => (names ? names.includes(name) : name !== 'evaluator' || evaluator));
}

async function compilerName(): Promise<string> {
  try {
    return (await findCompiler()).command;
  } catch (error) {
    if (error instanceof GuestCompilerError) throw new Failure(`the workloads need a compiler: ${error.message}`);
    throw error;
  }
}

function remarks({ rounds }: BenchRequest, contenders: readonly Contender[]): string[] {
  const what = rounds === 1 ? 'one round' : `medians of ${rounds} interleaved rounds`;
  const parts = contenders.filter(({ share, instructionsMax }) => share !== undefined || instructionsMax !== undefined);
  return [
    `CPU seconds of all threads, start-up included, ${what}; ratios of speed: above 1 the first is faster.`,
    ...parts.map(({ name }) => `${name} runs a part of the work; its seconds are multiplied by the instructions.`),
  ];
}

function missing({ name, needs }: Contender): string {
  const how = needs ? `${needs.command} is not installed (Debian: apt install ${needs.package})` : 'no Linux on x86-64';
  return `Left out: ${name}: ${how}.`;
}

/** Shows on a terminal what is going on, in the place of what was shown before. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** After every workload, so that a run that is ended early leaves what it has measured. */
function writeSamples({ json, rounds, scale }: BenchRequest, results: readonly Result[]): void {
  if (json === undefined) return;
  const samples = results.map(({ workload: { name, group }, words, instructions, seconds }) => {
    return { name, group, arguments: words, instructions, seconds: Object.fromEntries(seconds) };
  });
  const document = { cpu: cpus()[0]?.model, node: process.version, rounds, scale, results: samples };
  try {
    writeFileSync(json, `${JSON.stringify(document, null, 2)}\n`);
  } catch (error) {
    throw fileFailure('write', json, error);
  }
}
