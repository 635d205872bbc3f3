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
  /** Vendor, brand, family and model of the CPU. */
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

/** Writes the record of a run. */
export function writeNativeCases(run: Omit<NativeCases, 'rows'>, rows: ReadonlyMap<Row, number>): void {
  const counts = Object.fromEntries([...rows].map(([row, count]) => [rowName(row), count]));
  write({ ...run, rows: counts });
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
