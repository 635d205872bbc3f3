/** When the clock of Linux programs begins. */

import { lstatSync, readdirSync } from 'node:fs';
import { Failure } from '../failure.js';

const SECOND_NS = 1_000_000_000n;
const MILLISECOND_NS = 1_000_000n;
/** 1 January 2024, 00:00 UTC. */
const EARLIEST_NS = 1_704_067_200n * SECOND_NS;
/** Files of a directory that are looked at. */
const FILES_MAX = 4096;

/** `--epoch`: `now`, seconds since 1970 with an @, or a date as ISO 8601 has it. Throws Failure. */
export function parseEpoch(text: string): bigint {
  if (text === 'now') return BigInt(Date.now()) * MILLISECOND_NS;
  const seconds = /^@(\d{1,11})$/.exec(text)?.[1];
  if (seconds !== undefined) return BigInt(seconds) * SECOND_NS;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time) || time < 0)
    throw new Failure(`--epoch '${text}' has to be now, @SECONDS, or a date since 1970 such as 2024-02-29T12:00Z`);
  return BigInt(time) * MILLISECOND_NS;
}

/**
 * The first full second at which no file in a directory of the host is from the future, nor a program: so that what is made in a
 * run is newer, and a run is the same as long as they are. 1 January 2024 at least.
 */
export function epochAfter(directory: string, program: string): bigint {
  const paths = [program, directory, ...namesIn(directory).map((name) => `${directory}/${name}`)];
  const times = paths.flatMap((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? []);
  const latest = times.reduce((a, b) => (a > b ? a : b), EARLIEST_NS);
  return ((latest + SECOND_NS - 1n) / SECOND_NS) * SECOND_NS;
}

/** Names in a directory; none where it cannot be read, or has too many. */
function namesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory);
    return names.length > FILES_MAX ? [] : names;
  } catch {
    return [];
  }
}
