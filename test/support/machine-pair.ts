/** Two machines that run the same on different engines, and must be equal after every number of ticks. */
import { hex } from '../../src/bits.js';
import type { StartOptions } from '../../src/kernel/loader.js';
import { Computer, KernelError, describeTrap, type Outcome, type Process } from '../../src/index.js';
import { ScriptedConsole, sha256, type InputPiece } from './guest-programs.js';

export interface PairOptions {
  readonly memoryBytes: number;
  /** The engine that is compared with the evaluator; the interpreter if not given. */
  readonly engine?: 'interpreter' | 'auto';
  readonly translationThreshold?: number;
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
  const { frames, vmos, ...counts } = statistics;
  return [
    ...Object.entries({ ...counts, ...frames, ...vmos }).map(([name, value]) => `${name} ${value}`),
    `rip ${hex(registers.rip, 16)}`,
    `rflags ${hex(registers.rflags)}`,
    ...byIndex(16, (i) => `${GPR_NAMES[i] ?? `r${i}`} ${hex(registers.gpr(i), 16)}`),
    `mxcsr ${hex(registers.mxcsr)}`,
    ...byIndex(16, (i) => `xmm${i} ${hex(registers.xmm(i), 32)}`),
    ...byIndex(6, (i) => `segment ${i} ${hex(registers.selector(i))} base ${hex(registers.segmentBase(i), 16)}`),
    `x87 ${Buffer.from(registers.x87).toString('hex')}`,
  ];
}

/** The whole of guest physical memory: page tables, frames of VMOs and private ones. */
function physicalMemory(computer: Computer): Uint8Array {
  return computer['memory'].ram;
}

/** Rows of physical memory that differ, with `*` before them. */
function memoryDifferences(left: Uint8Array, right: Uint8Array): string[] {
  if (Buffer.compare(left, right) === 0) return [];
  const rows: string[] = [];
  for (let at = 0; at < left.length && rows.length < MAX_MEMORY_ROWS; at += ROW_BYTES) {
    const part = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + ROW_BYTES)).toString('hex');
    if (part(left) !== part(right)) rows.push(`* physical ${hex(at, 8)} ${part(left)} | ${part(right)}`);
  }
  return rows;
}

/** An outcome in words, the same for equal outcomes. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'limit') return 'limit';
  if (outcome.kind === 'waiting') return `waiting until ${outcome.until}`;
  const report = outcome.kind === 'trapped' ? `: ${describeTrap(outcome.report).join('; ')}` : '';
  return `${outcome.kind} with ${outcome.exitCode}${report}`;
}

/** An evaluator and a faster engine that are told the same. */
export class MachinePair {
  readonly evaluator: Computer;
  readonly faster: Computer;
  private readonly consoles: readonly [ScriptedConsole, ScriptedConsole];
  private processes: readonly [Process, Process] | undefined;

  constructor({ input, keptOutputBytes, engine = 'interpreter', ...options }: PairOptions) {
    this.consoles = [new ScriptedConsole(input, keptOutputBytes), new ScriptedConsole(input, keptOutputBytes)];
    const [first, second] = this.consoles;
    this.evaluator = new Computer({ ...options, engine: 'evaluator', sha256, console: first });
    this.faster = new Computer({ ...options, engine, sha256, console: second });
  }

  /** What was written; throws where it is not the same on both. */
  get output(): Buffer {
    const [evaluated, other] = this.consoles.map(({ output }) => output);
    if (!evaluated!.equals(other!)) throw new Error(`the evaluator wrote ${evaluated}, the faster engine ${other}`);
    return evaluated!;
  }

  /** Starts a program on both. Answers why it was refused, undefined where it was not; throws where they disagree. */
  start(image: Uint8Array, options: StartOptions): string | undefined {
    const [evaluated, other] = [startOn(this.evaluator, image, options), startOn(this.faster, image, options)];
    if (typeof evaluated === 'string' || typeof other === 'string') {
      if (evaluated !== other) throw new Error(`start: ${describeStart(evaluated)} | ${describeStart(other)}`);
      return evaluated as string;
    }
    this.processes = [evaluated, other];
    return undefined;
  }

  /** Runs both for so many ticks. Throws where the outcomes, or the states after it, are not the same. */
  run(maxTicks: number, compareMemory = true): Outcome {
    const [first, second] = this.processes!;
    const evaluated = this.evaluator.run(first, { maxTicks });
    const other = this.faster.run(second, { maxTicks });
    const outcomes = [describeOutcome(evaluated), describeOutcome(other)];
    this.compare(compareMemory, outcomes[0] === outcomes[1] ? [] : [`* ${outcomes.join(' | ')}`]);
    return other;
  }

  /** Throws where the states are not the same, or something else differs that is known already. */
  compare(compareMemory = true, known: readonly string[] = []): void {
    const rows = [...known, ...this.differences(compareMemory)];
    if (rows.length > 0) throw new Error(`the evaluator | the faster engine:\n${rows.join('\n')}`);
  }

  /** Says what the next program will read, and forgets what was written. */
  restartConsole(input: readonly InputPiece[]): void {
    for (const console of this.consoles) console.restart(input);
  }

  /** Lets the input arrive, or time pass, that both wait for: see Computer.passTime. */
  endWaiting(until: number | undefined): void {
    for (const console of this.consoles) console.inputArrives();
    if (until !== undefined) for (const machine of [this.evaluator, this.faster]) machine.passTime(until);
  }

  /** Ends the program on both. */
  kill(): void {
    this.evaluator.kill(this.processes![0], 0);
    this.faster.kill(this.processes![1], 0);
  }

  /** All of the state if anything differs, with `*` before what does; else nothing. */
  private differences(compareMemory: boolean): string[] {
    const evaluated = describeState(this.evaluator);
    const other = describeState(this.faster);
    const memory = compareMemory ? memoryDifferences(physicalMemory(this.evaluator), physicalMemory(this.faster)) : [];
    if (memory.length === 0 && evaluated.every((line, i) => line === other[i])) return [];
    const rows = evaluated.map((line, i) =>
      line === other[i] ? `  ${line}` : `* ${line} | ${other[i]!.split(' ').slice(1).join(' ')}`,
    );
    return [...rows, ...memory];
  }
}

function startOn(computer: Computer, image: Uint8Array, options: StartOptions): Process | string {
  try {
    return computer.start(image, options);
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
}

function describeStart(started: Process | string): string {
  return typeof started === 'string' ? started : 'started';
}
