/** What `bd0 bench` runs: C programs whose first argument is the size of the work. docs/benchmarks.md describes them. */
import type { Scale } from './bench-options.js';
import { COLD_FUNCTIONS, coldProgram } from './cold-program.js';

export const GROUPS = ['integer', 'memory', 'floating point', 'system'] as const;
export type Group = (typeof GROUPS)[number];

export type { Scale };

export interface Workload {
  readonly name: string;
  readonly group: Group;
  /** The C source, relative to the root of the package; the source itself where it is generated for a scale. */
  readonly source: string | ((scale: Scale) => string);
  /** The argument at scale 1, at which qemu-user works on it for two to three seconds; absent if it takes none. */
  readonly size?: number;
  /** All arguments at the scale `tiny`. */
  readonly tiny: readonly string[];
  /** The work grows with this power of the size; 1 if absent. */
  readonly power?: number;
  /** By how much the size is to grow for each doubling of the work, where that is not by a power. */
  readonly growthPerDoubling?: number;
  /** Compiler options, after all others. */
  readonly compilerOptions?: readonly string[];
  /** It cannot be built without an operating system. */
  readonly needsKernel?: boolean;
}

/** The arguments that make the work of a scale. */
export function argumentsAt(workload: Workload, scale: Scale): readonly string[] {
  const { size, tiny, power = 1, growthPerDoubling } = workload;
  if (scale === 'tiny') return tiny;
  if (size === undefined) return [];
  const scaled =
    growthPerDoubling === undefined ? size * scale ** (1 / power) : size + Math.log2(scale) * growthPerDoubling;
  return [String(Math.max(1, Math.round(scaled)))];
}

function integer(name: string, directory: string, size: number, tiny: number): Workload {
  return { name, group: 'integer', source: `${directory}/${name}.c`, size, tiny: [String(tiny)] };
}

function memory(name: string, size: number, ...tiny: readonly number[]): Workload {
  return { name, group: 'memory', source: `bench/guests/${name}.c`, size, tiny: tiny.map(String) };
}

function floatingPoint(name: string, directory: string, size: number, tiny: number): Workload {
  return { name, group: 'floating point', source: `${directory}/${name}.c`, size, tiny: [String(tiny)] };
}

export const workloads: readonly Workload[] = [
  integer('alu', 'bench/guests', 300_000_000, 1000),
  { ...integer('fib', 'guest', 41, 12), growthPerDoubling: 1.44 },
  integer('sieve', 'guest', 60_000_000, 3000),
  integer('qsort', 'guest', 2_500_000, 200),
  integer('mix', 'bench/guests', 9_000_000, 20),
  integer('core', 'bench/guests', 60_000, 2),
  integer('sha256', 'guest', 110_000, 1),
  integer('lz', 'bench/guests', 2500, 1),
  integer('hash', 'bench/guests', 16_000_000, 300),
  integer('bytecode', 'bench/guests', 600_000, 30),
  memory('copy', 6000, 1),
  memory('copyloop', 7000, 1),
  memory('mem', 700, 1),
  memory('chase', 15_000_000, 1000, 1),
  memory('stream', 40, 1, 64),
  floatingPoint('nbody', 'guest', 1_300_000, 10),
  { ...floatingPoint('matmul', 'bench/guests', 400, 8), power: 3 },
  { ...floatingPoint('mandelbrot', 'bench/guests', 1400, 8), power: 2 },
  { ...floatingPoint('simd', 'bench/guests', 40_000, 2), compilerOptions: ['-O3'] },
  {
    ...{ name: 'calls', group: 'system', source: 'bench/guests/calls.c', size: 5_000_000, tiny: ['100'] },
    needsKernel: true,
  },
  { name: 'faults', group: 'system', source: 'bench/guests/faults.c', size: 80_000, tiny: ['100'] },
  {
    ...{ name: 'cold', group: 'system', size: 3, tiny: ['3'] },
    source: (scale) => coldProgram(scale === 'tiny' ? 100 : COLD_FUNCTIONS),
  },
  { name: 'start', group: 'system', source: 'guest/hello_world.c', tiny: [] },
];

/** The workloads that names mean, of themselves or of groups (`fp` for short); all if there are none, undefined for a name
    that is neither. */
export function workloadsNamed(names: readonly string[]): readonly Workload[] | undefined {
  const known = (name: string): readonly Workload[] =>
    workloads.filter((workload) => [workload.name, workload.group, shortName(workload.group)].includes(name));
  if (names.some((name) => known(name).length === 0)) return undefined;
  return names.length === 0
    ? workloads
    : workloads.filter((workload) => names.some((name) => known(name).includes(workload)));
}

/** The words that choose workloads: their names, groups, and `kernel`, which is measured in another way. */
export function knownWorkloads(): string[] {
  return [...workloads.map(({ name }) => name), ...GROUPS.map(shortName), KERNEL, PROGRAMS];
}

/** The word for the costs of the kernel. */
export const KERNEL = 'kernel';

/** The word for real Linux programs. */
export const PROGRAMS = 'programs';

/** The name of a group on the command line. */
export function shortName(group: Group): string {
  return group === 'floating point' ? 'fp' : group;
}
