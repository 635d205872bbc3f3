import type { Board, TranslationStats } from '../../index.js';
import { translationRows } from '../run/run-result.js';

/** Columns before the values. */
const NAME_WIDTH = 18;

/** The counters that `--stats` prints at the end of `bd0 boot`. */
export function bootStatistics(board: Board, { user, system }: NodeJS.CpuUsage): string[] {
  const { cpu, interrupts, ticks, serial, disks } = board;
  const seconds = (user + system) / 1e6;
  const evaluated = [...cpu.evaluated].sort(([, one], [, other]) => other - one);
  const total = evaluated.reduce((sum, [, count]) => sum + count, 0);
  const causes = [...cpu.mmu.derived.flushes].map(([cause, count]) => `${cause} ${count}`);
  const most = evaluated.slice(0, 8).map(([mnemonic, count]) => `${mnemonic} ${count}`);
  return [
    `ticks             ${ticks}`,
    `CPU seconds       ${seconds.toFixed(2)}, ${(ticks / 1e6 / seconds).toFixed(1)} million ticks per second`,
    `interrupts        ${interrupts}`,
    `exceptions        ${cpu.bare!.exceptions}`,
    `TLB flushes       ${cpu.mmu.derived.tlbDrops}${causes.length > 0 ? `: ${causes.join(', ')}` : ''}`,
    `decoded           ${cpu.decoded}`,
    `evaluated         ${total}${most.length > 0 ? `: ${most.join(', ')}` : ''}`,
    `in TypeScript     ${cpu.bare!.quick.count} other instructions`,
    ...translationLines(cpu.translationStats, seconds),
    `serial            ${serial.sent} bytes sent`,
    ...disks.map(
      ({ counters: { bytesRead, bytesWritten, published } }, number) =>
        `disk ${number + 1}            ${bytesRead} bytes read, ${bytesWritten} written, published ${published} times`,
    ),
  ];
}

function translationLines(translation: TranslationStats | undefined, seconds: number): string[] {
  if (!translation) return [];
  const lines = translationRows(translation).map(([name, value]) => name.padEnd(NAME_WIDTH) + value);
  return [...lines, `translating took  ${shareOf(translation, seconds).toFixed(1)} % of the CPU seconds`];
}

/** The share of the CPU seconds, in percent, in which modules were generated and compiled; V8 optimises them in other threads. */
function shareOf({ millisecondsGenerating, millisecondsCompiling }: TranslationStats, seconds: number): number {
  return (millisecondsGenerating + millisecondsCompiling) / 10 / seconds;
}

/** The same as numbers, for `--json`. */
export function bootCounters(board: Board, { user, system }: NodeJS.CpuUsage): Readonly<Record<string, number>> {
  const { cpu, interrupts, ticks, serial } = board;
  return {
    ticks,
    cpuSeconds: (user + system) / 1e6,
    interrupts,
    exceptions: cpu.bare!.exceptions,
    tlbDrops: cpu.mmu.derived.tlbDrops,
    decoded: cpu.decoded,
    evaluated: [...cpu.evaluated.values()].reduce((sum, count) => sum + count, 0),
    inTypeScript: cpu.bare!.quick.count,
    modules: cpu.translationStats?.modulesInAll ?? 0,
    serialBytes: serial.sent,
  };
}
