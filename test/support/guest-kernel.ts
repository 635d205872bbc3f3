/** The kernel of guest/kernel, compiled with the system's compiler, once for a test process. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../../guest/kernel/', import.meta.url));

/** As in docs/boot.md. */
const OPTIONS = [
  ...['-O2', '-ffreestanding', '-fno-pie', '-no-pie', '-mno-red-zone', '-mgeneral-regs-only', '-fcf-protection=none'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-nostdlib', '-static', '-Wall', '-Wextra', '-Werror'],
  ...['-Wl,--build-id=none,-z,max-page-size=4096', '-Wl,-T,kernel.ld', 'start.S', 'kernel.c'],
];

let compiled: Uint8Array | undefined;

export function guestKernel(): Uint8Array {
  if (compiled) return compiled;
  const place = mkdtempSync(join(tmpdir(), 'bd0-kernel-'));
  try {
    const output = join(place, 'kernel');
    execFileSync('gcc', [...OPTIONS, '-o', output], { cwd: directory });
    compiled = new Uint8Array(readFileSync(output));
    return compiled;
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** What it prints in 64 MB of memory; qemu-system-x86_64 shows the same. */
export const KERNEL_OUTPUT = `bd0 kernel
upper memory in KiB: 64512
ten ticks of the timer
pages mapped on demand: 5
sum of what they hold: 30
the program in ring 3 counted to 5050
system calls: 101
breakpoints: 1
instructions refused: 2
done
`;
