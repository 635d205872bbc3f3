/** How many cases of each row the real CPU has run in `npm run test:long`: test/long/native-cases.json. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Row } from '../../src/cpu/decode/row.js';
import { rowName } from './row-names.js';

const FILE = fileURLToPath(new URL('../../../test/long/native-cases.json', import.meta.url));

/** Record of the last long run. */
export interface NativeCases {
  /** The day of the run, as YYYY-MM-DD. */
  readonly date: string;
  /** Vendor, brand, family and model of the CPU; of several, one after another with `; `. */
  readonly host: string;
  readonly seed: number;
  /** Cases that the engines of bd0 ran, and those of them that the CPU ran too. */
  readonly cases: number;
  readonly native: number;
  readonly differ: number;
  /** Cases that the CPU ran, by `rowName`. */
  readonly rows: Readonly<Record<string, number>>;
}

export function readNativeCases(): NativeCases {
  return JSON.parse(readFileSync(FILE, 'utf8')) as NativeCases;
}

type Run = Omit<NativeCases, 'rows'>;

/** Writes the record of a run, with the counts by `rowName`. */
export function writeNativeCases(run: Run, rows: Readonly<Record<string, number>>): void {
  write({ ...run, rows });
}

/** A run together with the one that it goes on with. */
export function sumOfRuns(
  before: NativeCases | undefined,
  run: Run,
  rows: ReadonlyMap<Row, number>,
): [Run, Readonly<Record<string, number>>] {
  const counts = [...rows].map(([row, count]) => [rowName(row), count] as const);
  if (!before) return [run, Object.fromEntries(counts)];
  const added = counts.map(([name, count]) => [name, count + (before.rows[name] ?? 0)] as const);
  const hosts = before.host.split('; ');
  const whole = {
    ...run,
    host: (hosts.includes(run.host) ? hosts : [...hosts, run.host]).join('; '),
    cases: before.cases + run.cases,
    native: before.native + run.native,
    differ: before.differ + run.differ,
  };
  return [whole, Object.fromEntries(added)];
}

/** Replaces the counts of some rows: those of instructions that ran alone (`--only`), after the last whole run. */
export function updateNativeCases(rows: ReadonlyMap<Row, number>): void {
  const record = readNativeCases();
  const counts = Object.fromEntries([...rows].map(([row, count]) => [rowName(row), count]));
  write({ ...record, rows: { ...record.rows, ...counts } });
}

function write(record: NativeCases): void {
  writeFileSync(FILE, `${JSON.stringify(record, undefined, 2)}\n`);
}
