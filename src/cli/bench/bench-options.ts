import type { InferredOptionTypes } from 'yargs';
import { Failure } from '../failure.js';
import { CPU_OPTION } from '../cpu-option.js';
import { readOptions, type OptionTable, type Shown } from '../options.js';
import { parseCount } from '../size.js';

const OTHERS = ['native', 'qemu-user', 'qemu-system', 'bochs'] as const;
const CONTENDERS = [...OTHERS, 'evaluator', 'interpreter', 'auto', 'kept'] as const;

/** The options of `bd0 bench`, as the help shows them. */
export const BENCH_OPTIONS = {
  rounds: {
    requiresArg: true,
    string: true,
    describe: 'N rounds; the table shows medians',
    defaultDescription: '5',
    default: '5',
  },
  scale: {
    requiresArg: true,
    string: true,
    describe: 'FACTOR for the work of every workload, or tiny',
    defaultDescription: '1',
    default: '1',
  },
  contenders: {
    requiresArg: true,
    string: true,
    values: CONTENDERS,
    describe: `NAME[,NAME...] of ${CONTENDERS.join(', ')}`,
    defaultDescription: 'all but evaluator',
  },
  evaluator: { boolean: true, default: false, describe: 'also the evaluator, on the first instructions' },
  cpu: CPU_OPTION,
  markdown: { boolean: true, default: false, describe: 'print the table as Markdown' },
  linux: { requiresArg: true, string: true, describe: 'FILE of the Linux (vmlinuz) that bd0 bench kernel boots' },
  json: { requiresArg: true, string: true, describe: 'FILE to write the raw samples to' },
} as const satisfies OptionTable;

/** A factor for the work of every workload, or almost no work. */
export type Scale = number | 'tiny';

/** The words of `bd0 bench`. */
export interface BenchRequest {
  /** Names of workloads and groups; all if empty. */
  readonly names: readonly string[];
  /** Names of contenders; all but the evaluator if undefined. */
  readonly contenders: readonly string[] | undefined;
  readonly evaluator: boolean;
  /** The model of the processor in bd0; its default if undefined. */
  readonly cpu: string | undefined;
  readonly rounds: number;
  readonly scale: Scale;
  readonly markdown: boolean;
  /** The Linux that qemu-system boots; the newest under /boot if undefined. */
  readonly linux: string | undefined;
  /** The file for the raw samples. */
  readonly json: string | undefined;
}

/** Reads the words after `bd0 bench`. Throws Failure. */
export function readBenchWords(given: readonly string[]): { shown: Shown | undefined; request: BenchRequest } {
  const { shown, words, options } = readOptions(given, { command: 'bd0 bench', options: BENCH_OPTIONS });
  const values = options as InferredOptionTypes<typeof BENCH_OPTIONS>;
  return { shown, request: readBenchRequest(words, values) };
}

function readBenchRequest(
  names: readonly string[],
  { rounds, scale, contenders, evaluator, cpu, markdown, linux, json }: InferredOptionTypes<typeof BENCH_OPTIONS>,
): BenchRequest {
  return {
    ...{ names, evaluator, cpu, markdown, linux, json },
    contenders: contenders?.split(','),
    rounds: parseCount(rounds, '--rounds'),
    scale: parseScale(scale),
  };
}

function parseScale(text: string): Scale {
  if (text === 'tiny') return text;
  const scale = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(scale > 0 && scale < Infinity)) throw new Failure(`--scale '${text}' is not a number above 0, or tiny`);
  return scale;
}
