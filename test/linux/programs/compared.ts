/** Runs cases of the tables in directories of their own, and says what differs. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../../src/index.js';
import { runHere, runNatively, type Came, type CameHere } from './both-ways.js';
import { fill, INPUT } from './inputs.js';
import { packageOf, type ProgramCase } from './program-case.js';

/** How a case went. */
export interface Compared {
  readonly here: CameHere;
  readonly native: Came;
  /** Undefined if both are the same. */
  readonly difference: string | undefined;
}

/** The packages of the programs of a case that are not there. */
export function missingPackages({ program, needs = [] }: ProgramCase): string[] {
  return [program, ...needs].filter((path) => !existsSync(path)).map(packageOf);
}

/** Runs a case in the machine and natively. */
export function compare(programCase: ProgramCase, engine: Engine): Compared {
  const directory = mkdtempSync(join(tmpdir(), 'bd0-program-'));
  try {
    fill(directory);
    const here = runHere(programCase, directory, INPUT, engine);
    const native = runNatively(programCase, directory, INPUT);
    return { here, native, difference: differenceOf(here, native) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function differenceOf(here: Came, native: Came): string | undefined {
  if (here.output !== native.output) return firstLine('output', here.output, native.output);
  if (here.end !== native.end) return `ends with ${here.end}, natively ${native.end}`;
  const names = [...new Set([...Object.keys(here.files), ...Object.keys(native.files)])];
  const name = names.find((each) => here.files[each] !== native.files[each]);
  return name && firstLine(`file ${name}`, here.files[name] ?? '(none)', native.files[name] ?? '(none)');
}

function firstLine(what: string, here: string, native: string): string {
  const [ours, theirs] = [here.split('\n'), native.split('\n')];
  const index = ours.findIndex((line, i) => line !== theirs[i]);
  const at = index < 0 ? ours.length : index;
  return `${what}, line ${at + 1}: ${JSON.stringify(ours[at] ?? null)}, natively ${JSON.stringify(theirs[at] ?? null)}`;
}
