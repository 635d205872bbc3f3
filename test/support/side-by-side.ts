/** Machines that run the same on different engines, and must be equal after every number of ticks. */
import { hex } from '../../src/bits.js';
import type { StartOptions } from '../../src/kernel/program/loader.js';
import {
  Computer,
  KernelError,
  describeTrap,
  type ComputerOptions,
  type Outcome,
  type Process,
} from '../../src/index.js';
import { ScriptedConsole, sha256, type InputPiece } from './guest-programs.js';
import { machineDifferences } from './same-machines.js';
import { randomThreshold } from './random-threshold.js';
import { someNamed } from './volume.js';

export type EngineOptions = Pick<ComputerOptions, 'engine' | 'translationThreshold'>;

/** All there are, the oracle first. */
export const ENGINES: Readonly<Record<'evaluator' | 'interpreter' | 'translator', EngineOptions>> = {
  evaluator: { engine: 'evaluator' },
  interpreter: { engine: 'interpreter' },
  translator: { engine: 'auto' },
};

/** And the translator from the first instruction on, and from some blocks on. */
export const ALL_ENGINES = {
  ...ENGINES,
  'translator at once': { engine: 'auto', translationThreshold: 0 },
  'translator here and there': { engine: 'auto', translationThreshold: randomThreshold(7) },
} as const;

/** The evaluator, and so many of the other engines for each case: see `someOf`. */
export function evaluatorAnd(
  count: number,
  seed: number,
  index: number,
  from: Readonly<Record<string, EngineOptions>> = ALL_ENGINES,
): Record<string, EngineOptions> {
  const { evaluator, ...others } = from;
  return { evaluator: evaluator!, ...someNamed(others, count, seed, index) };
}

export interface SideBySideOptions {
  /** By name; the first is the one that the others are compared with. ALL_ENGINES if not given. */
  readonly engines?: Readonly<Record<string, EngineOptions>>;
  readonly memoryBytes: number;
  readonly writeBackBytes?: number;
  readonly input?: readonly InputPiece[];
  /** Of what is written, so many bytes are kept and compared; all if not given. */
  readonly keptOutputBytes?: number;
}

const ROW_BYTES = 16;
const MAX_MEMORY_ROWS = 20;
const GPR_NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];

const byIndex = <T>(count: number, of: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

/** Everything that a program can tell of a machine but memory, as lines `name value`; and what the machine counts. */
export function describeState(computer: Computer): string[] {
  const { registers, statistics } = computer;
  const { ticks, instructions, faults, frames, writeBacks, vmos } = statistics;
  return [
    ...Object.entries({ ticks, instructions, faults, ...frames, ...writeBacks, ...vmos }).map(
      ([name, value]) => `${name} ${value}`,
    ),
    `rip ${hex(registers.rip, 16)}`,
    `rflags ${hex(registers.rflags)}`,
    ...byIndex(16, (i) => `${GPR_NAMES[i] ?? `r${i}`} ${hex(registers.gpr(i), 16)}`),
    `mxcsr ${hex(registers.mxcsr)}`,
    ...byIndex(16, (i) => `ymm${i} ${hex(registers.ymmHigh(i), 32)} ${hex(registers.xmm(i), 32)}`),
    ...byIndex(6, (i) => `segment ${i} ${hex(registers.selector(i))} base ${hex(registers.segmentBase(i), 16)}`),
    `x87 ${Buffer.from(registers.x87).toString('hex')}`,
  ];
}

/** The whole of guest physical memory: page tables, frames of VMOs and private ones. */
function physicalMemory(computer: Computer): Uint8Array {
  return computer['memory'].ram;
}

/** Rows of physical memory that differ, with `*` before them. */
function memoryDifferences(expected: Uint8Array, actual: Uint8Array): string[] {
  if (Buffer.compare(expected, actual) === 0) return [];
  const rows: string[] = [];
  for (let at = 0; at < expected.length && rows.length < MAX_MEMORY_ROWS; at += ROW_BYTES) {
    const part = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + ROW_BYTES)).toString('hex');
    if (part(expected) !== part(actual)) rows.push(`* physical ${hex(at, 8)} ${part(expected)} | ${part(actual)}`);
  }
  return rows;
}

/** An outcome in words, the same for equal outcomes. */
function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'limit' || outcome.kind === 'asking') return outcome.kind;
  if (outcome.kind === 'waiting') return `waiting until ${outcome.until}`;
  if (outcome.kind === 'stopped') return `stopped: ${outcome.stop.kind}`;
  const report = outcome.kind === 'trapped' ? `: ${describeTrap(outcome.report).join('; ')}` : '';
  return `${outcome.kind} with ${outcome.exitCode}${report}`;
}

/** One of the machines. */
interface Lane {
  readonly name: string;
  readonly console: ScriptedConsole;
  readonly computer: Computer;
  process?: Process;
}

/** Machines that are told the same. What is asked of them is answered by the first, and checked against the others. */
export class SideBySide {
  private readonly lanes: readonly Lane[];

  constructor({ engines = ALL_ENGINES, input, keptOutputBytes, ...machine }: SideBySideOptions) {
    this.lanes = Object.entries(engines).map(([name, options]) => {
      const console = new ScriptedConsole(input, keptOutputBytes);
      return { name, console, computer: new Computer({ ...options, ...machine, sha256, console }) };
    });
  }

  /** The machine that the others are compared with. */
  get computer(): Computer {
    return this.lanes[0]!.computer;
  }

  /** What was written; throws where it is not the same on all. */
  get output(): Buffer {
    const outputs = this.lanes.map(({ console }) => console.output);
    this.requireEqual(outputs.map((output) => output.toString('latin1')));
    return outputs[0]!;
  }

  /** Starts a program. Answers why it was refused, undefined where it was not; throws where they disagree. */
  start(image: Uint8Array, options: StartOptions): string | undefined {
    const refusals = this.lanes.map((lane) => startIn(lane, image, options));
    this.requireEqual(refusals.map((refusal) => refusal ?? 'started'));
    return refusals[0];
  }

  /** Runs it for so many ticks. Throws where the outcomes, or the states after it, are not the same. */
  run(maxTicks: number, compareMemory = true): Outcome {
    const outcomes = this.lanes.map(({ computer, process }) => computer.run(process!, { maxTicks }));
    this.compare(compareMemory, outcomes.map(describeOutcome));
    return outcomes[0]!;
  }

  /** Throws where the states, or what is known of each machine besides, are not the same. */
  compare(compareMemory = true, known: readonly string[] = []): void {
    const told = this.lanes.map(({ computer }, i) => [
      `outcome ${known[i] ?? ''}`,
      ...describeState(computer),
      ...(compareMemory ? [`machine hash ${computer.machineHash()}`] : []),
    ]);
    for (const [i, { name, computer }] of this.lanes.entries()) {
      if (told[i]!.join() === told[0]!.join()) continue;
      const memory = memoryDifferences(physicalMemory(this.computer), physicalMemory(computer));
      const rows = stateRows(told[0]!, told[i]!);
      const words = machineDifferences(this.computer, computer);
      throw new Error(`${this.lanes[0]!.name} | ${name}:\n${[...rows, ...memory, ...words].join('\n')}`);
    }
  }

  /** Says what the next program will read, and forgets what was written. */
  restartConsole(input: readonly InputPiece[]): void {
    for (const { console } of this.lanes) console.restart(input);
  }

  /** Lets the input arrive, and time pass until a tick if one is given, that the program waits for. */
  endWaiting(until?: number): void {
    for (const { console, computer } of this.lanes) {
      console.inputArrives();
      if (until !== undefined) computer.passTime(until);
    }
  }

  /** Ends the program. */
  kill(): void {
    for (const { computer, process } of this.lanes) computer.kill(process!, 0);
  }

  private requireEqual(answers: readonly string[]): void {
    for (const [i, answer] of answers.entries())
      if (answer !== answers[0])
        throw new Error(`${this.lanes[0]!.name}: ${answers[0]} | ${this.lanes[i]!.name}: ${answer}`);
  }
}

/** Both states in lines, with `*` before those that differ. */
function stateRows(expected: readonly string[], actual: readonly string[]): string[] {
  return expected.map((line, i) =>
    line === actual[i] ? `  ${line}` : `* ${line} | ${actual[i]!.slice(actual[i]!.indexOf(' ') + 1)}`,
  );
}

function startIn(lane: Lane, image: Uint8Array, options: StartOptions): string | undefined {
  try {
    lane.process = lane.computer.start(image, options);
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
}
