import type { Statistics } from '../index.js';
import type { End } from './run-loop.js';

/** What a run came to. */
export interface RunResult {
  /** The host file, and the identity of its content. */
  readonly image: string;
  readonly id: string;
  readonly end: End;
  readonly exitCode: number;
  readonly statistics: Statistics;
  /** Time of the host. */
  readonly seconds: number;
}

/** The result as one line; 64-bit numbers as hexadecimal text, bytes as hexadecimal digits. */
export function resultAsJson({ image, id, end, exitCode, seconds, statistics }: RunResult): string {
  const told = {
    ...{ outcome: end.kind, exitCode },
    ...(end.kind === 'trapped' && { report: end.report }),
    ...(end.kind === 'limit' && { limit: end.what }),
    ...(end.kind === 'signal' && { signal: end.signal }),
    ...{ image, id, seconds },
    ...statistics,
  };
  return JSON.stringify(told, (_, value: unknown) => {
    if (typeof value === 'bigint') return `0x${value.toString(16)}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

/** What a machine has done, in words: one counter a line. `seconds` is the time of the host that it took. */
export function describeStatistics(statistics: Statistics, seconds: number): string[] {
  const { instructions, ticks, faults, frames, vmos } = statistics;
  const rows: [string, string][] = [
    ['instructions', `${grouped(instructions)}, ${Number((instructions / seconds / 1e6).toPrecision(3))} MIPS`],
    ['time', `${seconds.toFixed(3)} s here, ${(ticks / 1e9).toFixed(9)} s in the machine`],
    ['page faults', grouped(faults)],
    [
      'frames in use',
      `${grouped(frames.inUse)}: ${grouped(frames.private)} private, ${grouped(frames.clean)} clean ` +
        `(${grouped(frames.idle)} idle), ${grouped(frames.tables)} page tables`,
    ],
    ['frames allocated', `${grouped(frames.allocated)}, ${grouped(frames.evictions)} by eviction`],
    ['hits by content', grouped(frames.hits)],
    ['pages copied', grouped(frames.copies)],
    ['VMO pages stored', grouped(vmos.pagesStored)],
    ['hashes', `${grouped(vmos.leavesHashed)} leaves, ${grouped(vmos.nodesHashed)} nodes`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Digits in groups of three: `1 234 567`. */
function grouped(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ' ');
}
