import type { Board } from '../../index.js';

/** The counters that `--stats` prints at the end of `bd0 boot`. */
export function bootStatistics(board: Board, { user, system }: NodeJS.CpuUsage): string[] {
  const { cpu, interrupts, ticks, serial, disks } = board;
  const seconds = (user + system) / 1e6;
  const evaluated = [...cpu.evaluated].sort(([, one], [, other]) => other - one);
  const total = evaluated.reduce((sum, [, count]) => sum + count, 0);
  const most = evaluated.slice(0, 8).map(([mnemonic, count]) => `${mnemonic} ${count}`);
  return [
    `ticks             ${ticks}`,
    `CPU seconds       ${seconds.toFixed(2)}, ${(ticks / 1e6 / seconds).toFixed(1)} million ticks per second`,
    `interrupts        ${interrupts}`,
    `exceptions        ${cpu.bare!.exceptions}`,
    `TLB flushes       ${cpu.mmu.derived.tlbDrops}`,
    `decoded           ${cpu.decoded}`,
    `evaluated         ${total}${most.length > 0 ? `: ${most.join(', ')}` : ''}`,
    `serial            ${serial.sent} bytes sent`,
    ...disks.map(
      ({ counters: { bytesRead, bytesWritten, published } }, number) =>
        `disk ${number + 1}            ${bytesRead} bytes read, ${bytesWritten} written, published ${published} times`,
    ),
  ];
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
    serialBytes: serial.sent,
  };
}
