import type { InferredOptionTypes, Options } from 'yargs';
import { Failure } from '../failure.js';
import { parseCount } from '../size.js';

/** The options of `bd0 bench`, as yargs shows them. */
export const BENCH_OPTIONS = {
  rounds: {
    requiresArg: true,
    string: true,
    describe: 'N rounds, of which the medians count',
    defaultDescription: '5',
    default: '5',
  },
  scale: {
    requiresArg: true,
    string: true,
    describe: 'FACTOR on the work of every workload, or tiny',
    defaultDescription: '1',
    default: '1',
  },
  contenders: {
    requiresArg: true,
    string: true,
    describe: 'NAME[,NAME...] of native, qemu-user, qemu-system, bochs, evaluator, interpreter, auto',
    defaultDescription: 'all but evaluator',
  },
  evaluator: { boolean: true, default: false, describe: 'the evaluator too, on the first instructions' },
  markdown: { boolean: true, default: false, describe: 'the table as Markdown' },
  linux: { requiresArg: true, string: true, describe: 'FILE: the Linux (vmlinuz) that `bd0 bench kernel` boots' },
  json: { requiresArg: true, string: true, describe: 'FILE to which the raw samples are written' },
} as const satisfies Record<string, Options>;

/** A factor on the work of every workload, or so little work that even an oracle is soon done. */
export type Scale = number | 'tiny';

/** `bd0 bench`, taken apart. */
export interface BenchRequest {
  /** Of workloads and groups; all if empty. */
  readonly names: readonly string[];
  /** Names of contenders; all but the evaluator if undefined. */
  readonly contenders: readonly string[] | undefined;
  readonly evaluator: boolean;
  readonly rounds: number;
  readonly scale: Scale;
  readonly markdown: boolean;
  /** The Linux that qemu-system boots; the newest under /boot if undefined. */
  readonly linux: string | undefined;
  /** Where the raw samples go. */
  readonly json: string | undefined;
}

/** Throws Failure for what is no number. */
export function readBenchRequest(
  names: readonly string[],
  { rounds, scale, contenders, evaluator, markdown, linux, json }: InferredOptionTypes<typeof BENCH_OPTIONS>,
): BenchRequest {
  return {
    ...{ names, evaluator, markdown, linux, json },
    contenders: contenders?.split(','),
    rounds: parseCount(rounds, '--rounds'),
    scale: parseScale(scale),
  };
}

function parseScale(text: string): Scale {
  if (text === 'tiny') return text;
  const scale = Number(text);
  if (!(scale > 0 && scale < Infinity)) throw new Failure(`--scale needs a number above 0, or tiny, not '${text}'`);
  return scale;
}
