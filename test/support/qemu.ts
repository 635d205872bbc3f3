/** Kernels in qemu-system, on the machine that is most like a Board. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const QEMU = 'qemu-system-x86_64';
export const hasQemu = spawnSync(QEMU, ['--version']).status === 0;

/** Runs a Multiboot kernel until port F4h is written or the machine resets. Returns what it has sent over the serial port. */
export function runInQemu(kernel: Uint8Array, megabytes: number, cpu = 'qemu64,-apic'): string {
  const directory = mkdtempSync(join(tmpdir(), 'bd0-qemu-'));
  try {
    const file = join(directory, 'kernel');
    writeFileSync(file, kernel);
    const options = ['-display', 'none', '-serial', 'stdio', '-no-reboot', '-M', 'isapc', '-nodefaults'];
    const machine = ['-m', String(megabytes), '-device', 'isa-debug-exit,iobase=0xf4', '-cpu', cpu, '-kernel', file];
    return spawnSync(QEMU, [...options, ...machine], { encoding: 'utf8' }).stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
