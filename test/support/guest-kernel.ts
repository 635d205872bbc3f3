/** The kernels of guest/kernel, guest/kernel32 and guest/network, compiled with the system's compiler, once for a test process. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../../guest/', import.meta.url));

/** As in docs/boot.md. */
const COMMON = [
  ...['-O2', '-ffreestanding', '-fno-pie', '-no-pie', '-mgeneral-regs-only', '-fcf-protection=none'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-nostdlib', '-static', '-Wall', '-Wextra', '-Werror'],
  '-Wl,--build-id=none,-z,max-page-size=4096',
];
const FILES = ['-Wl,-T,kernel.ld', 'start.S', 'kernel.c'];
const OPTIONS32 = ['-m32', '-Wl,--no-warn-rwx-segments'];
const KERNELS = {
  kernel: { place: 'kernel', options: ['-mno-red-zone', ...FILES] },
  /** The same code as an ELF file with symbols and source lines. */
  symbols: { place: 'kernel', options: ['-mno-red-zone', '-g', '-Wl,--oformat=elf64-x86-64', ...FILES] },
  kernel32: { place: 'kernel32', options: [...OPTIONS32, ...FILES] },
  multiboot2: { place: 'kernel32', options: [...OPTIONS32, '-DMULTIBOOT2', ...FILES] },
  network: { place: 'network', options: [...OPTIONS32, '-Wl,-T,../kernel32/kernel.ld', 'kernel.c'] },
} as const;
export type GuestKernel = keyof typeof KERNELS;

const compiled = new Map<GuestKernel, Uint8Array>();

/** The bug of docs/boot.md: the arguments of system calls are kept in an array that has room for 64, and 101 come. */
const BUG = [
  [
    'static struct gate idt[256];',
    'static struct { uint64_t arguments[64]; struct gate gates[256]; } tables;\n#define idt tables.gates',
  ],
  ['    calls++;', '    tables.arguments[calls++] = argument;'],
] as const;

/** Writes the kernel with the bug of docs/boot.md into a directory, as `kernel` and, with symbols, `kernel.elf`. */
export function writeBrokenKernel(output: string): void {
  cpSync(join(directory, 'kernel'), output, { recursive: true });
  let source = readFileSync(join(output, 'kernel.c'), 'utf8');
  for (const [right, wrong] of BUG) source = source.replace(right, wrong);
  writeFileSync(join(output, 'kernel.c'), source);
  for (const [which, name] of [
    ['kernel', 'kernel'],
    ['symbols', 'kernel.elf'],
  ] as const)
    execFileSync('gcc', [...COMMON, ...KERNELS[which].options, '-o', name], { cwd: output });
}

export function guestKernel(which: GuestKernel = 'kernel'): Uint8Array {
  const known = compiled.get(which);
  if (known) return known;
  const { place, options } = KERNELS[which];
  const output = mkdtempSync(join(tmpdir(), 'bd0-kernel-'));
  try {
    const file = join(output, 'kernel');
    execFileSync('gcc', [...COMMON, ...options, '-o', file], { cwd: join(directory, place) });
    const bytes = new Uint8Array(readFileSync(file));
    compiled.set(which, bytes);
    return bytes;
  } finally {
    rmSync(output, { recursive: true });
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
/** The same of the kernel of 32 bits. */
export const KERNEL32_OUTPUT = KERNEL_OUTPUT.replace('bd0 kernel', 'bd0 kernel of 32 bits').replace(
  'system calls',
  'calls from ring 3',
);
