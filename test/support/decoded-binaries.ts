/** The instructions of Debian's binaries that bd0 lacks, by family: test/long/decoded-binaries.json, of the last long run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../../../test/long/decoded-binaries.json', import.meta.url));

/** A binary, with its instructions as iced-x86 counts them. */
export interface DecodedBinary {
  readonly name: string;
  /** Instructions that bd0 has, and decodes as iced-x86 does. */
  readonly agreed: number;
  /** Instructions that bd0 lacks, by family. */
  readonly beyond: Readonly<Record<string, number>>;
}

export interface DecodedBinaries {
  /** The day of the run, as YYYY-MM-DD. */
  readonly date: string;
  readonly binaries: readonly DecodedBinary[];
}

export function readDecodedBinaries(): DecodedBinaries {
  return JSON.parse(readFileSync(FILE, 'utf8')) as DecodedBinaries;
}

export function writeDecodedBinaries(run: DecodedBinaries): void {
  writeFileSync(FILE, `${JSON.stringify(run, undefined, 2)}\n`);
}
