/** The evaluator and other engines on bare machines, which must be equal whenever they stop. */
import type { Engine, TranslationThreshold } from '../../src/cpu/cpu.js';
import { BareMachine, type BareProgram } from './bare-machine.js';

/** An engine that is held to the evaluator. */
export interface EngineChoice {
  readonly engine: Engine;
  readonly translationThreshold?: TranslationThreshold;
  /** What it is called where it differs. */
  readonly name?: string;
}

const ROW_BYTES = 16;
const MAX_ROWS = 20;

export class BareEngines {
  private readonly evaluator = new BareMachine('evaluator');
  private readonly others: readonly (readonly [name: string, machine: BareMachine])[];

  constructor(choices: readonly EngineChoice[]) {
    this.others = choices.map(({ engine, translationThreshold, name }) => [
      name ??
        (translationThreshold === undefined ? engine : `${engine} with threshold ${String(translationThreshold)}`),
      new BareMachine(engine, translationThreshold),
    ]);
  }

  /** Runs a program on all, in slices of so many ticks. Throws where an engine differs from the evaluator after a slice. */
  run(program: BareProgram, slices: Iterable<number>): void {
    const { evaluator, others } = this;
    const machines = [evaluator, ...others.map(([, machine]) => machine)];
    for (const machine of machines) machine.load(program);
    let ticks = 0;
    for (const slice of slices) {
      for (const machine of machines) machine.run(slice);
      ticks += slice;
      for (const [name, machine] of others) {
        const rows = differences(evaluator, machine);
        if (rows.length > 0)
          throw new Error(`after ${ticks} ticks, the last ${slice}: evaluator | ${name}\n${rows.join('\n')}`);
      }
    }
  }

  /** What happened to the last program. */
  get log(): readonly string[] {
    return this.evaluator.log;
  }
}

function differences(expected: BareMachine, actual: BareMachine): string[] {
  const [left, right] = [expected.describe(), actual.describe()];
  const sameMemory = Buffer.compare(expected.ram, actual.ram) === 0;
  if (sameMemory && left.every((line, i) => line === right[i])) return [];
  const rows = left.map((line, i) =>
    line === right[i] ? `  ${line}` : `* ${line} | ${right[i]!.slice(right[i]!.indexOf(' ') + 1)}`,
  );
  return [...rows, ...memoryDifferences(expected.ram, actual.ram)];
}

function memoryDifferences(left: Uint8Array, right: Uint8Array): string[] {
  const rows: string[] = [];
  for (let at = 0; at < left.length && rows.length < MAX_ROWS; at += ROW_BYTES) {
    const [a, b] = [left, right].map((bytes) => Buffer.from(bytes.subarray(at, at + ROW_BYTES)).toString('hex'));
    if (a !== b) rows.push(`* physical 0x${at.toString(16)} ${a} | ${b}`);
  }
  return rows;
}
