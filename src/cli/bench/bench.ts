import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { allContenders, isThere, type Contender } from './contenders.js';
import {
  KERNEL_CONTENDERS,
  kernelReport,
  kernelSamplesAsObject,
  linuxOfHost,
  measureKernel,
  missingForKernel,
  type KernelSamples,
} from './kernel-costs.js';
import { ProgramBuilder } from './programs.js';
import {
  PROGRAM_CONTENDERS,
  measurePrograms,
  missingPrograms,
  programsReport,
  type ProgramResult,
} from './real-programs-run.js';
import { reportOf, type Result } from './report.js';
import { runAll } from './rounds.js';
import { KERNEL, PROGRAMS, knownWorkloads, workloadsNamed } from './workloads.js';
import type { BenchRequest } from './bench-options.js';
import { Failure } from '../failure.js';
import { isSystemError, systemReason } from '../../host/failure.js';
import { findCompiler, GuestCompilerError } from '../../host/toolchain/guest-compiler.js';
import { writeToStdout } from '../../host/console/host-output.js';
import { suggestion } from '../../host/nearest.js';
import { packageRoot } from '../../host/package-root.js';
import { Signals } from '../../host/signals.js';

/** The package and the command line that run. */
/** How `bd0 run` is started. */
function bd0Run({ cpu }: BenchRequest): readonly string[] {
  return [process.execPath, join(packageRoot, 'bin/bd0.cjs'), 'run', ...(cpu === undefined ? [] : ['--cpu', cpu])];
}

/** Measures, prints the table and returns the exit code. Throws Failure. */
export async function bench(request: BenchRequest): Promise<number> {
  if (request.names.includes(KERNEL)) return benchKernel(request);
  if (request.names.includes(PROGRAMS)) return benchPrograms(request);
  const chosen = workloadsNamed(request.names);
  if (chosen === undefined) throw unknownWorkload(request.names);
  if (request.linux !== undefined) throw new Failure(`--linux is only for bd0 bench ${KERNEL}`);
  const wanted = wantedContenders(request);
  const contenders = wanted.filter(isThere);
  const { builder, stop, signals } = await prepare();
  const results: Result[] = [];
  const done = (result: Result): void => {
    results.push(result);
    writeSamples(request, results);
  };
  try {
    const { rounds, scale } = request;
    await runAll({ rounds, scale, contenders, builder, stop, progress, done }, chosen);
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

/** Throws Failure. Measuring the other contenders takes minutes, so the file of one is opened first. */
function requireReadable(file: string): void {
  try {
    closeSync(openSync(file, 'r'));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Failure(`cannot read --linux '${file}': ${systemReason(error)}`);
  }
}

async function benchKernel(request: BenchRequest): Promise<number> {
  const { names, rounds, scale, markdown, linux = linuxOfHost() } = request;
  if (names.length > 1) throw new Failure(`${KERNEL} is measured alone: bd0 bench ${KERNEL}`);
  if (request.evaluator) throw new Failure(`--evaluator is not for bd0 bench ${KERNEL}`);
  const stranger = request.contenders?.find((name) => !KERNEL_CONTENDERS.some((contender) => contender === name));
  if (stranger !== undefined) throw unknownContender(stranger, KERNEL_CONTENDERS, ` for ${KERNEL}`);
  if (request.linux !== undefined) requireReadable(request.linux);
  const wanted = KERNEL_CONTENDERS.filter((name) => request.contenders?.includes(name) ?? true);
  const missing = new Map(wanted.map((name) => [name, missingForKernel(name, linux)]));
  const contenders = wanted.filter((name) => missing.get(name) === undefined);
  const { builder, directory, stop, signals } = await prepare();
  let samples: KernelSamples;
  try {
    const plan = {
      rounds,
      scale,
      contenders,
      builder,
      root: packageRoot,
      directory,
      bd0Run: bd0Run(request),
      linux,
      stop,
      progress,
    };
    samples = await measureKernel(plan);
  } catch (error) {
    if (signals.received === undefined) throw error;
    return 128 + signals.received;
  } finally {
    progress('');
  }
  writeDocument(request, { costs: kernelSamplesAsObject(samples) });
  writeToStdout(kernelReport(samples, contenders, markdown));
  const left = [...missing].filter(([, why]) => why !== undefined);
  const rule = `CPU nanoseconds of the host, of all threads; ${roundsText(rounds)}; ratios of time: below 1 auto is faster.`;
  writeToStdout(['', rule, ...left.map(([name, why]) => `Left out: ${name}: ${why}.`)].join('\n'));
  return 0;
}

async function benchPrograms(request: BenchRequest): Promise<number> {
  const { names, rounds, scale, markdown } = request;
  if (names.length > 1) throw new Failure(`${PROGRAMS} are measured alone: bd0 bench ${PROGRAMS}`);
  if (request.evaluator) throw new Failure(`--evaluator is not for bd0 bench ${PROGRAMS}`);
  if (scale !== 1 && scale !== 'tiny')
    throw new Failure(`--scale of bd0 bench ${PROGRAMS} is 1 or tiny: the short runs`);
  const stranger = request.contenders?.find((name) => !PROGRAM_CONTENDERS.some((contender) => contender === name));
  if (stranger !== undefined) throw unknownContender(stranger, PROGRAM_CONTENDERS, ` for ${PROGRAMS}`);
  const wanted = PROGRAM_CONTENDERS.filter((name) => request.contenders?.includes(name) ?? true);
  const byName = new Map(allContenders(bd0Run(request)).map((contender) => [contender.name, contender]));
  // `kept` is bd0 as `auto` is, which the workloads have not.
  const contenders = wanted.filter((name) => isThere(byName.get(name === 'kept' ? 'auto' : name)!));
  const { directory, stop, signals } = await prepare();
  const results: ProgramResult[] = [];
  const done = (result: ProgramResult): void => {
    results.push(result);
    const samples = results.map(({ name, size, seconds }) => ({ name, size, seconds: Object.fromEntries(seconds) }));
    writeDocument(request, { programs: samples });
  };
  try {
    const isQuick = scale === 'tiny';
    await measurePrograms({
      rounds,
      isQuick,
      contenders,
      root: packageRoot,
      directory,
      bd0Run: bd0Run(request),
      stop,
      progress,
      done,
    });
  } catch (error) {
    if (signals.received === undefined) throw error;
    return 128 + signals.received;
  } finally {
    progress('');
    if (results.length > 0) writeToStdout(programsReport(results, contenders, markdown));
  }
  const rule = `CPU seconds of all threads, start-up included, ${roundsText(rounds)}; speeds: above 1 auto is faster; of short`;
  const left = wanted.filter((name) => !contenders.includes(name)).map((name) => missing(byName.get(name)!));
  writeToStdout(['', `${rule} runs, start-up is taken off on both sides.`, ...left, ...missingPrograms()].join('\n'));
  return 0;
}

interface Workshop {
  readonly builder: ProgramBuilder;
  /** Gone when the process ends. */
  readonly directory: string;
  readonly stop: AbortSignal;
  readonly signals: Signals;
}

async function prepare(): Promise<Workshop> {
  const compiler = await compilerName();
  const directory = mkdtempSync(join(tmpdir(), 'bd0-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const stop = new AbortController();
  const signals = new Signals(() => stop.abort());
  return { builder: new ProgramBuilder(packageRoot, directory, compiler), directory, stop: stop.signal, signals };
}

function roundsText(rounds: number): string {
  return rounds === 1 ? 'one round' : `medians of ${rounds} interleaved rounds`;
}

function unknownWorkload(names: readonly string[]): Failure {
  const known = knownWorkloads();
  const stranger = names.find((name) => workloadsNamed([name]) === undefined)!;
  return new Failure(
    `unknown workload '${stranger}'${suggestion(stranger, known, () => `: the workloads and groups are ${known.join(', ')}`)}`,
  );
}

function unknownContender(stranger: string, known: readonly string[], where = ''): Failure {
  const rest = suggestion(stranger, known, () => `: the contenders are ${known.join(', ')}`);
  return new Failure(`unknown contender '${stranger}'${where}${rest}`);
}

function wantedContenders(request: BenchRequest): Contender[] {
  const { contenders: names, evaluator } = request;
  const all = allContenders(bd0Run(request));
  const stranger = names?.find((name) => !all.some((contender) => contender.name === name));
  if (stranger !== undefined)
    throw unknownContender(
      stranger,
      all.map(({ name }) => name),
    );
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
  const parts = contenders.filter(({ share, instructionsMax }) => share !== undefined || instructionsMax !== undefined);
  return [
    `CPU seconds of all threads, start-up included, ${roundsText(rounds)}; ratios of speed: above 1 the first is faster.`,
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
function writeSamples(request: BenchRequest, results: readonly Result[]): void {
  const samples = results.map(({ workload: { name, group }, words, instructions, seconds }) => {
    return { name, group, arguments: words, instructions, seconds: Object.fromEntries(seconds) };
  });
  writeDocument(request, { results: samples });
}

/** Writes the raw samples, if requested, and a description of the host. */
function writeDocument({ json, rounds, scale }: BenchRequest, samples: object): void {
  if (json === undefined) return;
  const document = { cpu: cpus()[0]?.model, node: process.version, rounds, scale, ...samples };
  try {
    writeFileSync(json, `${JSON.stringify(document, null, 2)}\n`);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Failure(`cannot write --json '${json}': ${systemReason(error)}`);
  }
}
