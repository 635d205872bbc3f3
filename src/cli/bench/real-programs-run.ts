/** Runs the programs of `bd0 bench programs` with all contenders in turn, and compares them. */
import { join } from 'node:path';
import { Failure } from '../failure.js';
import { measure } from './measure.js';
import { SIZES, realPrograms, writeInputs, type RealProgram, type Size } from './real-programs.js';
import { geometricMean, median } from './statistics.js';
import { formatMarkdown, formatText } from './table.js';

/** `kept` is `auto` with what the rounds before have kept of the program; the first of them had nothing. */
export const PROGRAM_CONTENDERS = ['native', 'qemu-user', 'interpreter', 'auto', 'kept'] as const;
export type ProgramContender = (typeof PROGRAM_CONTENDERS)[number];

export interface ProgramPlan {
  readonly rounds: number;
  /** The short ones only. */
  readonly isQuick: boolean;
  readonly contenders: readonly ProgramContender[];
  readonly root: string;
  readonly directory: string;
  /** How bd0 is started. */
  /** How `bd0 run` is started. */
  readonly bd0Run: readonly string[];
  /** Ends everything with Stopped when it is raised. */
  readonly stop: AbortSignal;
  readonly progress: (text: string) => void;
  /** Called after each program. */
  readonly done: (result: ProgramResult) => void;
}

/** CPU seconds of each round, by contender. */
type Seconds = ReadonlyMap<ProgramContender, readonly number[]>;

export interface ProgramResult {
  readonly name: string;
  readonly size: Size | 'start-up';
  readonly seconds: Seconds;
}

/** Starts and does nothing. */
const NOTHING: RealProgram = { name: 'true', path: '/bin/true', package: 'coreutils', words: () => [] };

/** Measures start-up and all programs that are installed. Throws Failure and Stopped. */
export async function measurePrograms(plan: ProgramPlan): Promise<void> {
  const inputs = writeInputs(plan.directory, plan.root);
  plan.done({ name: NOTHING.name, size: 'start-up', seconds: await measureRounds(plan, NOTHING, []) });
  for (const size of plan.isQuick ? (['short'] as const) : SIZES)
    for (const program of realPrograms().filter(({ path }) => path !== undefined)) {
      const seconds = await measureRounds(plan, program, program.words(size, inputs));
      plan.done({ name: program.name, size, seconds });
    }
}

/** What is missing, in lines. */
export function missingPrograms(): string[] {
  return realPrograms()
    .filter(({ path }) => path === undefined)
    .map(({ name, package: debian }) => `Left out: ${name} is not installed (Debian: apt install ${debian}).`);
}

async function measureRounds(plan: ProgramPlan, program: RealProgram, words: readonly string[]): Promise<Seconds> {
  const seconds = new Map<ProgramContender, number[]>(plan.contenders.map((name) => [name, []]));
  for (let round = 1; round <= plan.rounds; round++) {
    let expected: string | undefined;
    for (const contender of plan.contenders) {
      plan.progress(`${program.name}: round ${round} of ${plan.rounds}, ${contender}`);
      const command = [...prefixOf(contender, plan), program.path!, ...words];
      const { cpuSeconds, stdout } = await measure(command, [0], plan.stop);
      if (stdout !== (expected ??= stdout)) throw new Failure(`${program.name}: ${contender} printed something else`);
      seconds.get(contender)!.push(cpuSeconds);
    }
  }
  return seconds;
}

function prefixOf(contender: ProgramContender, { bd0Run, directory }: ProgramPlan): readonly string[] {
  if (contender === 'native') return [];
  if (contender === 'qemu-user') return ['qemu-x86_64'];
  if (contender === 'kept') return [...bd0Run, '--code-cache', join(directory, 'code')];
  return [...bd0Run, '--engine', contender, '--code-cache', 'none'];
}

/** Medians, and speeds by those of others: of long runs with their start-up, of short ones without it. */
export function programsReport(
  results: readonly ProgramResult[],
  contenders: readonly ProgramContender[],
  markdown: boolean,
): string {
  const [startUp] = results;
  const others = contenders.filter((name) => name !== 'auto' && contenders.includes('auto'));
  const headings = ['program', ...contenders, ...others.map((name) => `auto/${name}`)];
  const rows = ([undefined, ...SIZES] as const).flatMap((size) => {
    const ofSize = results.filter((result) => result.size === (size ?? 'start-up'));
    const ratios = ofSize.map((result) =>
      others.map((name) => speed(result, name, size === 'short' ? startUp : undefined)),
    );
    const label = ({ name }: ProgramResult): string => (size ? `${name}, ${size}` : 'start-up alone');
    const own = ofSize.map((result, i) => [label(result), ...times(result, contenders), ...ratios[i]!.map(twoDigits)]);
    if (size === undefined || ofSize.length < 2) return own;
    const means = others.map((_, column) => twoDigits(geometricMean(ratios.map((row) => row[column]!))));
    return [...own, [`mean, ${size}`, ...contenders.map(() => ''), ...means]];
  });
  return markdown ? formatMarkdown([headings, ...rows]) : formatText([headings, ...rows]);
}

function times({ seconds }: ProgramResult, contenders: readonly ProgramContender[]): string[] {
  return contenders.map((name) => twoDigits(median(seconds.get(name) ?? [])));
}

function speed({ seconds }: ProgramResult, of: ProgramContender, startUp: ProgramResult | undefined): number {
  const net = (name: ProgramContender): number =>
    // A short run may take less than a start-up did, by chance; bash tells times in thousandths of a second.
    Math.max(median(seconds.get(name)!) - (startUp ? median(startUp.seconds.get(name)!) : 0), 0.001);
  return net(of) / net('auto');
}

function twoDigits(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(2);
}
