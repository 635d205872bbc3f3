/** Runs workloads with all contenders in turn, round after round, and checks that they print the same. */
import { Failure } from '../failure.js';
import type { Contender } from './contenders.js';
import { measure, Stopped, type Sample } from './measure.js';
import type { ProgramBuilder, Programs } from './programs.js';
import type { Result } from './report.js';
import { argumentsAt, type Scale, type Workload } from './workloads.js';

export interface Plan {
  readonly rounds: number;
  readonly scale: Scale;
  readonly contenders: readonly Contender[];
  readonly builder: ProgramBuilder;
  /** Ends everything with Stopped when it is raised. */
  readonly stop: AbortSignal;
  /** Called with a description of the current step. */
  readonly progress: (text: string) => void;
  /** Called after each workload. */
  readonly done: (result: Result) => void;
}

/** Builds all workloads, then runs them. Throws Failure and Stopped. */
export async function runAll(plan: Plan, chosen: readonly Workload[]): Promise<void> {
  const kinds = new Set(plan.contenders.map(({ kind }) => kind));
  const built = new Map<Workload, Programs>();
  for (const workload of chosen) {
    plan.progress(`compiling ${workload.name}`);
    built.set(workload, await plan.builder.build(workload, plan.scale, kinds));
    if (plan.stop.aborted) throw new Stopped();
  }
  for (const workload of chosen) plan.done(await runRounds(plan, workload, built.get(workload)!));
}

async function runRounds(plan: Plan, workload: Workload, programs: Programs): Promise<Result> {
  const runners = plan.contenders.filter(({ kind }) => programs[kind] !== undefined);
  const seconds = new Map<string, number[]>(runners.map(({ name }) => [name, []]));
  const parts = await runParts(plan, workload, programs, runners);
  let instructions: number | undefined;
  for (let round = 1; round <= plan.rounds; round++) {
    const samples = new Map<Contender, Sample>();
    for (const contender of runners) {
      plan.progress(`${workload.name}: round ${round} of ${plan.rounds}, ${contender.name}`);
      const sample = await runOnce(plan, contender, workload, programs);
      samples.set(contender, sample);
      if (isWhole(contender)) instructions = instructionsOf(sample) ?? instructions;
    }
    requireSameOutput(workload, samples, parts);
    for (const [contender, { cpuSeconds }] of samples)
      seconds.get(contender.name)!.push(cpuSeconds * factorOf(contender, instructions, parts));
  }
  return { workload, words: argumentsAt(workload, plan.scale), instructions, seconds };
}

function runOnce(plan: Plan, contender: Contender, workload: Workload, programs: Programs): Promise<Sample> {
  const { kind, share = 1, exitCodes } = contender;
  const words = argumentsAt(workload, plan.scale === 'tiny' ? 'tiny' : plan.scale * share);
  return measure(contender.command(programs[kind]!, words), exitCodes, plan.stop);
}

/** All of the work, not a part of it. */
function isWhole({ share, instructionsMax }: Contender): boolean {
  return share === undefined && instructionsMax === undefined;
}

/** What a part of the work prints, and how much it is: by the share. */
type Parts = ReadonlyMap<number, { readonly stdout: string; readonly instructions: number | undefined }>;

/** For each contender that gets a part, the same part by another that gets all; not measured. */
async function runParts(
  plan: Plan,
  workload: Workload,
  programs: Programs,
  runners: readonly Contender[],
): Promise<Parts> {
  const parts = new Map<number, { stdout: string; instructions: number | undefined }>();
  const reference = runners.find((runner) => runner.kind === 'bd0' && isWhole(runner));
  for (const { share } of runners) {
    if (share === undefined || reference === undefined) continue;
    plan.progress(`${workload.name}: counting the instructions of a part`);
    const sample = await runOnce(plan, { ...reference, share }, workload, programs);
    parts.set(share, { stdout: sample.stdout, instructions: instructionsOf(sample) });
  }
  return parts;
}

/** The result of `bd0 run --json`; undefined for other output. */
function instructionsOf({ stderr }: Sample): number | undefined {
  return stderr.startsWith('{') ? (JSON.parse(stderr) as { instructions: number }).instructions : undefined;
}

/** The whole workload as a multiple of the part that ran; NaN if the instructions were not counted. */
function factorOf(contender: Contender, instructions = NaN, parts: Parts): number {
  if (isWhole(contender)) return 1;
  const { share, instructionsMax = Infinity } = contender;
  const part = share === undefined ? Math.min(instructions, instructionsMax) : parts.get(share)?.instructions;
  return instructions / (part ?? NaN);
}

function requireSameOutput(workload: Workload, samples: ReadonlyMap<Contender, Sample>, parts: Parts): void {
  const first = [...samples].find(([contender]) => isWhole(contender));
  for (const [{ name, share, instructionsMax }, { stdout }] of samples) {
    const expected = share === undefined ? first?.[1].stdout : parts.get(share)?.stdout;
    if (instructionsMax !== undefined || expected === undefined || stdout === expected) continue;
    const by = share === undefined ? first![0].name : 'bd0';
    throw new Failure(`${workload.name}: ${name} printed ${JSON.stringify(stdout)}, ${by} ${JSON.stringify(expected)}`);
  }
}
