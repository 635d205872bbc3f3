/** `bd0 bench kernel`: the cost of kernel operations, next to Linux on this machine and Linux under qemu-system. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scale } from './bench-options.js';
import { compileGuest } from '../../host/toolchain/guest-compiler.js';
import { initramfs } from './initramfs.js';
import { runMarked } from './marked-run.js';
import type { ProgramBuilder } from './programs.js';
import { median } from './statistics.js';
import { formatMarkdown, formatText } from './table.js';

export const KERNEL_CONTENDERS = ['native', 'qemu-system', 'auto'] as const;
export type KernelContender = (typeof KERNEL_CONTENDERS)[number];

/** Something that bench/kernel/costs.c does over and over. */
interface Cost {
  /** Its name there. */
  readonly name: string;
  readonly text: string;
  /** Repetitions at scale 1: about one second for each contender. */
  readonly counts: Readonly<Record<KernelContender, number>>;
  /** Largest acceptable time, as a fraction of that of Linux under qemu-system. */
  readonly target: number | undefined;
}

function cost(name: string, text: string, counts: readonly [number, number, number], target?: number): Cost {
  const [native, system, auto] = counts;
  return { name, text, counts: { native, 'qemu-system': system, auto }, target };
}

export const COSTS: readonly Cost[] = [
  cost('call', 'kernel call', [10_000_000, 2_000_000, 2_000_000], 0.5),
  cost('yield', 'thread switch: yield', [1_000_000, 100_000, 600_000], 0.5),
  cost('handover', 'thread switch: wait and wake', [500_000, 80_000, 400_000], 0.5),
  cost('start', 'process start, 32 GB', [2000, 300, 8000], 0.01),
  cost('zero', 'page fault: zeros', [500_000, 100_000, 200_000], 0.5),
  cost('shared', 'page fault: shared page', [300_000, 100_000, 200_000], 0.5),
  cost('copy', 'page fault: copy-on-write', [400_000, 80_000, 200_000], 0.5),
  cost('message', 'message of 64 bytes', [30_000_000, 4_000_000, 4_000_000]),
];

/** The part of a count at the scale `tiny`. */
const TINY = 0.001;

export interface KernelPlan {
  readonly rounds: number;
  readonly scale: Scale;
  readonly contenders: readonly KernelContender[];
  readonly builder: ProgramBuilder;
  /** The root of the package, and where programs go. */
  readonly root: string;
  readonly directory: string;
  /** How `bd0 run` is started. */
  readonly bd0Run: readonly string[];
  /** The image of Linux that qemu-system boots. */
  readonly linux: string | undefined;
  readonly stop: AbortSignal;
  readonly progress: (text: string) => void;
}

/** Nanoseconds of each round, by cost and contender. */
export type KernelSamples = ReadonlyMap<string, ReadonlyMap<KernelContender, readonly number[]>>;

/** Why a contender cannot run here; undefined where it can. */
export function missingForKernel(contender: KernelContender, linux: string | undefined): string | undefined {
  if (contender === 'auto') return undefined;
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'no Linux on x86-64';
  if (contender === 'native') return undefined;
  if (spawnSync('qemu-system-x86_64', ['--version'], { stdio: 'ignore' }).status !== 0)
    return 'qemu-system-x86_64 is not installed (Debian: apt install qemu-system-x86)';
  if (linux === undefined)
    return 'no Linux to boot is under /boot (Debian: apt install linux-image-cloud-amd64; or its vmlinuz by --linux FILE)';
  return undefined;
}

/** The newest Linux under /boot that can be read. */
export function linuxOfHost(): string | undefined {
  try {
    const images = readdirSync('/boot').filter((name) => name.startsWith('vmlinuz-'));
    const ages = images.map((name) => ({ path: join('/boot', name), time: statSync(join('/boot', name)).mtimeMs }));
    return ages.sort((a, b) => b.time - a.time)[0]?.path;
  } catch {
    return undefined;
  }
}

/** Builds the programs and runs them, round after round. Throws Failure and Stopped. */
export async function measureKernel(plan: KernelPlan): Promise<KernelSamples> {
  plan.progress('compiling');
  const commands = new Map<KernelContender, string[]>();
  for (const contender of plan.contenders) commands.set(contender, await commandOf(plan, contender));
  const samples = new Map(
    COSTS.map(({ name }) => [name, new Map(plan.contenders.map((contender) => [contender, [] as number[]]))]),
  );
  for (let round = 1; round <= plan.rounds; round++)
    for (const [contender, command] of commands) {
      plan.progress(`kernel: round ${round} of ${plan.rounds}, ${contender}`);
      for (const { name, count, cpuSeconds } of await runMarked(command, plan.stop))
        samples
          .get(name)!
          .get(contender)!
          .push((cpuSeconds / count) * 1e9);
    }
  return samples;
}

async function commandOf(plan: KernelPlan, contender: KernelContender): Promise<string[]> {
  const { root, directory, builder, scale } = plan;
  const factor = scale === 'tiny' ? TINY : scale;
  const counted = COSTS.flatMap(({ name, counts }) => [
    name,
    String(Math.max(1, Math.round(counts[contender] * factor))),
  ]);
  const sources = join(root, 'bench/kernel');
  const output = join(directory, contender === 'auto' ? 'names' : 'linux');
  mkdirSync(output, { recursive: true });
  const [costs, child] = [join(output, 'costs'), join(output, 'child')];
  if (contender === 'auto') {
    await compileGuest({ sources: [join(sources, 'costs.c')], output: costs });
    await compileGuest({ sources: [join(sources, 'child.c')], output: child });
    return [
      ...plan.bd0Run,
      '--code-cache',
      'none',
      '--root',
      output,
      '--memory',
      '512MB',
      'costs',
      '--',
      'child',
      ...counted,
    ];
  }
  await builder.compileForLinux(['-pthread', join(sources, 'costs.c'), '-o', costs]);
  await builder.compileForLinux([join(sources, 'child.c'), '-o', child]);
  if (contender === 'native') return [costs, child, ...counted];
  const archive = join(output, 'initramfs');
  writeFileSync(archive, initramfs(readFileSync(costs), 'child', readFileSync(child)));
  return linuxCommand(plan.linux!, archive, ['/child', ...counted]);
}

/** Linux without what it does against faults of processors that an emulator has not: it is as fast as it can be there. */
function linuxCommand(linux: string, archive: string, words: readonly string[]): string[] {
  return [
    ...['qemu-system-x86_64', '-M', 'pc', '-accel', 'tcg', '-smp', '1', '-m', '512', '-nodefaults', '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-kernel', linux, '-initrd', archive],
    ...['-append', `console=ttyS0 quiet panic=-1 mitigations=off -- ${words.join(' ')}`],
  ];
}

/** Medians in nanoseconds, and the ratios that the targets are for. */
export function kernelReport(
  samples: KernelSamples,
  contenders: readonly KernelContender[],
  markdown: boolean,
): string {
  const isCompared = contenders.includes('auto') && contenders.includes('qemu-system');
  const headings = ['nanoseconds each', ...contenders, ...(isCompared ? ['auto/qsys', 'target'] : [])];
  const rows = COSTS.map(({ name, text, target }) => {
    const medianOf = (contender: KernelContender): number => median(samples.get(name)!.get(contender)!);
    const ratio = (): string[] => [
      (medianOf('auto') / medianOf('qemu-system')).toPrecision(2),
      target === undefined ? '-' : `${target}`,
    ];
    const times = contenders.map((contender) => medianOf(contender).toFixed(0));
    return [text, ...times, ...(isCompared ? ratio() : [])];
  });
  return markdown ? formatMarkdown([headings, ...rows]) : formatText([headings, ...rows]);
}

/** The samples as `--json` writes them. */
export function kernelSamplesAsObject(samples: KernelSamples): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries(Array.from(samples, ([name, times]) => [name, Object.fromEntries(times)]));
}
