/** The first and the last record of a recording: what its host was like, what people may want to know, and how it ended. */
import type { Packed } from '../../state/schema.js';
import { ValueReader, ValueWriter } from '../../state/saved-values.js';

/** What is known of a run: texts by their names. The machine does not depend on them. */
export type About = Readonly<Record<string, string>>;

/** Who keeps the names: all of them the machine, some of them, or none. */
export type NamesKept = 'all' | 'some' | 'none';
const NAMES_KEPT: readonly NamesKept[] = ['all', 'some', 'none'];

/** What a replay must know of the host. */
export interface RecordedStart {
  /** Of a board: whether the host let time pass while the processor waited. */
  readonly isTerminal: boolean;
  readonly namesKept: NamesKept;
  /** Length of the saved snapshot that follows. */
  readonly stateBytes: number;
  readonly about: About;
}

/** How a run ended. */
export interface RecordedEnd {
  readonly tick: number;
  /** In words. */
  readonly what: string;
  /** Of the program, if it has ended. */
  readonly exitCode: number | undefined;
}

export function startRecord({ isTerminal, namesKept, stateBytes, about }: RecordedStart): Uint8Array {
  const texts = Object.entries(about).flat();
  return new ValueWriter().value([isTerminal, namesKept, stateBytes, ...texts]).written;
}

/** Reads what `startRecord` wrote. Throws SavedSnapshotError. */
export function readStart(content: Uint8Array): RecordedStart {
  const source = new ValueReader(content);
  const [isTerminal, kept, stateBytes, ...texts] = listIn(source);
  const namesKept = NAMES_KEPT.find((item) => item === kept);
  const isSound = texts.every((text) => typeof text === 'string') && texts.length % 2 === 0;
  if (typeof isTerminal !== 'boolean' || !namesKept || typeof stateBytes !== 'number' || !isSound)
    throw source.malformed();
  const pairs = Array.from({ length: texts.length / 2 }, (_, index) => texts.slice(2 * index, 2 * index + 2));
  return { isTerminal, namesKept, stateBytes, about: Object.fromEntries(pairs) as About };
}

/** Reads the last record. Throws SavedSnapshotError. */
export function readEnd(content: Uint8Array): RecordedEnd {
  const source = new ValueReader(content);
  const [tick, what, exitCode] = listIn(source);
  const isSound = typeof tick === 'number' && Number.isSafeInteger(tick) && tick >= 0 && typeof what === 'string';
  if (!isSound || !(exitCode === undefined || typeof exitCode === 'number')) throw source.malformed();
  return { tick, what, exitCode };
}

function listIn(source: ValueReader): readonly Packed[] {
  const list = source.value();
  if (!Array.isArray(list) || !source.isAtEnd) throw source.malformed();
  return list as readonly Packed[];
}
