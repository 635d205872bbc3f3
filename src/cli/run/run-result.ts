import type { Statistics, TranslationStats } from '../../index.js';
import type { FileChange } from '../../host/linux/changes-of-run.js';
import type { End } from './run-loop.js';

/** The result of a run. */
export interface RunResult {
  /** The host file. */
  readonly image: string;
  /** The identity of its content; undefined if the run ended before it was read. */
  readonly id: string | undefined;
  readonly end: End;
  readonly exitCode: number;
  /** What Linux programs have changed of their files, where that was asked for. */
  readonly changes?: readonly FileChange[] | undefined;
  readonly statistics: Statistics;
  /** Duration on the host's clock. */
  readonly seconds: number;
}

/** The result as one line of JSON: 64-bit numbers as hexadecimal text, bytes as hexadecimal digits. */
export function resultAsJson({ image, id, end, exitCode, seconds, statistics, changes }: RunResult): string {
  const result = {
    ...{ outcome: end.kind, exitCode },
    ...(end.kind === 'trapped' && { report: end.report }),
    ...(end.kind === 'limit' && { limit: end.what }),
    ...(end.kind === 'signal' && { signal: end.signal }),
    ...{ image, id, seconds },
    ...(changes && { changes }),
    ...statistics,
  };
  return JSON.stringify(result, (_, value: unknown) => {
    if (typeof value === 'bigint') return `0x${value.toString(16)}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

/** Columns of a terminal. */
const WIDTH = 80;

type Row = readonly [name: string, value: string];

/** Statistics for people: related counters on a line with a name, folded to the width of a terminal. */
export function describeStatistics(statistics: Statistics, seconds: number): string[] {
  const rows = [...machineRows(statistics, seconds), ...memoryRows(statistics)];
  if (statistics.translation) rows.push(...translationRows(statistics.translation));
  const column = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.flatMap(([name, value]) =>
    folded(value, WIDTH - column).map((line, i) => (i === 0 ? name : '').padEnd(column) + line),
  );
}

function machineRows(statistics: Statistics, seconds: number): Row[] {
  const { instructions, ticks, faults, switches, tlbDrops, decoded, evaluated } = statistics;
  return [
    ['instructions', `${grouped(instructions)}, ${Number((instructions / seconds / 1e6).toPrecision(3))} MIPS`],
    ['time', `${seconds.toFixed(3)} s here, ${(ticks / 1e9).toFixed(9)} s in the machine`],
    ['page faults', grouped(faults)],
    ['thread switches', grouped(switches)],
    ['TLB drops', grouped(tlbDrops)],
    ['decoded', `${grouped(decoded)} instructions`],
    ['evaluated', evaluations(evaluated)],
  ];
}

/** Mnemonics listed with their counts, the most frequent ones. */
const MOST_EVALUATED = 8;

function evaluations(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, x], [, y]) => y - x);
  const sum = sorted.reduce((total, [, count]) => total + count, 0);
  const listed = sorted.slice(0, MOST_EVALUATED).map(([mnemonic, count]) => `${grouped(count)} ${mnemonic}`);
  return [`${grouped(sum)} instructions`, ...listed].join(', ');
}

function memoryRows({ frames, writeBacks, vmos, hostMemory }: Statistics): Row[] {
  return [
    [
      'frames in use',
      `${grouped(frames.inUse)}: ${grouped(frames.private)} private, ${grouped(frames.clean)} clean ` +
        `(${grouped(frames.idle)} idle), ${grouped(frames.tables)} page tables`,
    ],
    ['frames allocated', `${grouped(frames.allocated)}, ${grouped(frames.evictions)} by eviction`],
    ['written back', `${grouped(writeBacks.count)} pages, ${grouped(writeBacks.bytesKept)} bytes kept now`],
    ['hits by content', grouped(frames.hits)],
    ['pages copied', grouped(frames.copies)],
    ['VMO pages stored', grouped(vmos.pagesStored)],
    ['host memory', `${grouped(hostMemory.usedBytes)} bytes for objects now, of ${grouped(hostMemory.maxBytes)}`],
    ['hashes', `${grouped(vmos.leavesHashed)} leaves, ${grouped(vmos.nodesHashed)} nodes`],
  ];
}

/** Counters of the translator, by name. */
export function translationRows(stats: TranslationStats): Row[] {
  const { instructionsTranslated, wasmBytesInAll, millisecondsGenerating, millisecondsCompiling } = stats;
  const each = instructionsTranslated === 0 ? '' : ` of ${(wasmBytesInAll / instructionsTranslated).toFixed(1)} bytes`;
  return [
    [
      'regions',
      `${grouped(stats.regionsLive)} live, ${grouped(stats.regionsEvicted)} evicted, ` +
        `${grouped(stats.regionsDropped)} dropped by stores`,
    ],
    [
      'regions entered',
      `${grouped(stats.entriesFromTypeScript)} from TypeScript, ${grouped(stats.entriesChained)} chained`,
    ],
    [
      'regions found',
      `${grouped(stats.hitsByContent)} by content, ${grouped(stats.hitsInStore)} in the store, ` +
        `${grouped(stats.regionsResumed)} where they were`,
    ],
    ['Wasm modules', `${grouped(stats.modules)} now, ${grouped(stats.modulesInAll)} in all`],
    ['Wasm bytes', `${grouped(stats.wasmBytes)} now, ${grouped(wasmBytesInAll)} in all`],
    ['translated', `${grouped(instructionsTranslated)} instructions${each}`],
    [
      'translation',
      `${millisecondsGenerating.toFixed(1)} ms generating, ${millisecondsCompiling.toFixed(1)} compiling`,
    ],
  ];
}

/** A text in lines of at most `columns`, broken after commas. */
function folded(text: string, columns: number): string[] {
  const lines = [''];
  for (const part of text.split(/(?<=,) /)) {
    const longer = lines.at(-1) === '' ? part : `${lines.at(-1)} ${part}`;
    if (longer.length <= columns || lines.at(-1) === '') lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

/** Digits in groups of three: `1 234 567`. */
function grouped(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ' ');
}
