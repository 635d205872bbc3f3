/**
 * Compares bd0 with QEMU, instruction by instruction, while both boot a kernel: registers, flags, CPL and control registers.
 *
 *     node dist/test/oracle/qemu-lockstep/main.js KERNEL INITRD [INSTRUCTIONS [COMMAND LINE]]
 *
 * KERNEL is an ELF file with a PVH or Multiboot entry. Needs Debian's qemu-system-x86. What comes from outside (RDTSC, IN, CPUID,
 * RDMSR, the time of interrupts) is QEMU's on both sides. Prints what differs, and ends with exit code 1 where control goes apart.
 * An interrupt from the terminal ends it early, with what it has found.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Board } from '../../../src/board.js';
import { boot } from '../../../src/boot/boot.js';
import { RAX, RBX } from '../../../src/cpu/state/layout.js';
import { sha256 } from '../../../src/host/sha256.js';
import { Lockstep } from './lockstep.js';
import { LogReader } from './log.js';
import { ROM_BASE, addEntry } from './rom.js';

const MEMORY_BYTES = 256 * 2 ** 20;
/** RAM ends below the ROM and the video memory, and goes on above them. */
const [LOW_END, HIGH_START] = [0xa_0000, 0x10_0000];
const DEFAULT_INSTRUCTIONS = 1_000_000;
const COMMAND_LINE = 'console=ttyS0 nokaslr nolapic noapic acpi=off reboot=t';

/** Without what bd0's CPUID does not announce, and would have model-specific registers of its own. */
const CPU = 'qemu64,-apic,-mtrr,-pat,-mce,-mca,-pse36,-svm';

const [kernel, initrd, count, commandLine = COMMAND_LINE] = process.argv.slice(2);
if (!kernel || !initrd) throw new Error('main.js KERNEL INITRD [INSTRUCTIONS [COMMAND LINE]]');
const most = count === undefined ? DEFAULT_INSTRUCTIONS : Number(count);
const directory = mkdtempSync(join(tmpdir(), 'bd0-lockstep-'));

const board = new Board({ memoryBytes: MEMORY_BYTES, engine: 'interpreter', model: 'v1', sha256, send: () => {} });
boot(board, { name: 'kernel', kernel: readFileSync(kernel), commandLine, initialDisk: readFileSync(initrd) });
const { state } = board.cpu;
const entry = { eip: Number(state.rip), eax: Number(state.gpr(RAX)), ebx: Number(state.gpr(RBX)) };
const file = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(directory, name), bytes);
  return join(directory, name);
};
const loaded = (name: string, from: number, to: number): string[] => {
  const path = file(name, board.memory.ram.subarray(from, to));
  return ['-device', `loader,file=${path},addr=0x${from.toString(16)},force-raw=on`];
};
// The same ROM on both sides: kernels look for tables there.
const rom = board.memory.ram.subarray(ROM_BASE, HIGH_START);
addEntry(rom, entry);
const log = join(directory, 'log');
execFileSync('mkfifo', [log]);
const qemu = spawn(
  'qemu-system-x86_64',
  [
    ...['-display', 'none', '-serial', 'null', '-no-reboot', '-M', 'isapc', '-cpu', CPU, '-no-hpet', '-nodefaults'],
    ...['-icount', 'shift=0,sleep=off', '-singlestep', '-d', 'cpu,int,nochain', '-D', log, '-m', '256'],
    ...['-bios', file('rom', rom), ...loaded('low', 0, LOW_END), ...loaded('high', HIGH_START, MEMORY_BYTES)],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

const lockstep = new Lockstep(board);
const reader = new LogReader();
let [hasEntered, isInterrupted] = [false, false];
process.once('SIGINT', () => (isInterrupted = true));
const isDone = (): boolean => lockstep.end !== undefined || lockstep.compared >= most || isInterrupted;
for await (const piece of createReadStream(log, { encoding: 'latin1', highWaterMark: 2 ** 20 })) {
  for (const logged of reader.read(piece as string)) {
    if (logged.kind === 'state') hasEntered ||= logged.state.rip === BigInt(entry.eip);
    if (!hasEntered) continue;
    if (logged.kind === 'interrupt') lockstep.interrupt(logged.vector);
    else lockstep.state(logged.state);
    if (isDone()) break;
  }
  if (isDone()) break;
}
qemu.kill('SIGKILL');
rmSync(directory, { recursive: true });
const lines = [`${lockstep.compared} instructions compared`, ...(lockstep.end ? [`ended: ${lockstep.end}`] : [])];
const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([what, times]) => `${what} ${times}`).join(', ');
lines.push(`from outside: ${listed(lockstep.inputs)}`);
if (lockstep.missing.size > 0) lines.push(`not in bd0: ${listed(lockstep.missing)}`);
for (const { what, count: times, first } of lockstep.differences.values())
  lines.push(
    `${times} times ${what}; first at ${first.rip}, instruction ${first.number}: QEMU ${first.qemu}; bd0 ${first.bd0}`,
  );
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = lockstep.end === undefined ? 0 : 1;
