/** What `npm run bench` runs: each is a C program of which the size of the work is the first argument. */

export interface Workload {
  readonly name: string;
  /** The C source, relative to the root of the package; the same file compiles for BD0 and for Linux. */
  readonly source: string;
  /** The argument. It makes 400 to 700 million instructions, which an interpreter works on for seconds. */
  readonly size: number;
  readonly kind: 'integer' | 'floating point';
  /** By how much the size is to grow for each doubling of the work, where it is not the work itself. */
  readonly growthPerDoubling?: number;
}

/** The argument that makes `scale` times the work. */
export function sizeAt({ size, growthPerDoubling }: Workload, scale: number): number {
  if (growthPerDoubling !== undefined) return Math.max(1, Math.round(size + Math.log2(scale) * growthPerDoubling));
  return Math.max(1, Math.round(size * scale));
}

export const workloads: readonly Workload[] = [
  { name: 'sieve', source: 'guest/sieve.c', size: 30_000_000, kind: 'integer' },
  { name: 'fib', source: 'guest/fib.c', size: 36, kind: 'integer', growthPerDoubling: 1.44 },
  { name: 'qsort', source: 'guest/qsort.c', size: 500_000, kind: 'integer' },
  { name: 'sha256', source: 'guest/sha256.c', size: 8_000, kind: 'integer' },
  { name: 'alu', source: 'bench/guests/alu.c', size: 25_000_000, kind: 'integer' },
  { name: 'mem', source: 'bench/guests/mem.c', size: 450, kind: 'integer' },
  { name: 'mix', source: 'bench/guests/mix.c', size: 900_000, kind: 'integer' },
  { name: 'bytecode', source: 'bench/guests/bytecode.c', size: 100_000, kind: 'integer' },
  { name: 'hash', source: 'bench/guests/hash.c', size: 6_000_000, kind: 'integer' },
  { name: 'nbody', source: 'guest/nbody.c', size: 500_000, kind: 'floating point' },
  { name: 'matmul', source: 'bench/guests/matmul.c', size: 400, kind: 'floating point' },
];
