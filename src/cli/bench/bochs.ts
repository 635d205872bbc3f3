/** Bochs, an interpreter of a whole PC, without a screen and without a disk: it starts from a ROM that holds the program. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The part of the work that Bochs gets, since it takes ten times as long as others: its time is multiplied accordingly. */
export const BOCHS_SHARE = 1 / 16;

/** Workloads of which a part is as hard as the whole. */
export const BOCHS_WORKLOADS = ['alu', 'fib', 'mix', 'core', 'sha256', 'lz', 'bytecode', 'mem', 'nbody', 'mandelbrot'];

/** Bochs wants a VGA BIOS, which nothing calls. */
const VGA_ROM_BYTES = 512;

/**
 * Makes the files from which Bochs starts a bare-metal image, next to the image: a ROM with the image and its arguments, and
 * the configuration. Returns the path of that. `compile` runs the compiler.
 */
export async function buildForBochs(
  compile: (words: readonly string[]) => Promise<void>,
  root: string,
  image: string,
  words: readonly string[],
): Promise<string> {
  const rom = join(root, 'bench/bare/rom');
  const defines = [`-DIMAGE="${image}"`, `-DCOMMAND_LINE="${words.join(' ')}"`];
  const options = ['-m32', '-nostdlib', '-static', '-Wl,--build-id=none', '-T', join(rom, 'rom.ld')];
  await compile([...options, ...defines, join(rom, 'rom.S'), '-o', `${image}.rom`]);
  writeFileSync(`${image}.vga`, new Uint8Array(VGA_ROM_BYTES));
  writeFileSync(`${image}.bochsrc`, configuration(image));
  return `${image}.bochsrc`;
}

/** The screen is an unconnected VNC server; devices with sound are left out. The serial line goes to a file. */
function configuration(image: string): string {
  return `megs: 512
cpu: count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none
romimage: file=${image}.rom
vgaromimage: file=${image}.vga
display_library: rfb, options="timeout=0"
com1: enabled=1, mode=file, dev=${serialOf(`${image}.bochsrc`)}
log: ${image}.log
panic: action=fatal
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
plugin_ctrl: unmapped=1, biosdev=0, speaker=0, parallel=0, serial=1, gameport=0, iodebug=0
`;
}

function serialOf(configuration: string): string {
  return configuration.replace(/bochsrc$/, 'serial');
}

/** Debian's Bochs has a debugger, which waits for its command to continue. Its exit code is 1 in any case. */
export function bochsCommand(configuration: string): string[] {
  const script = 'rm -f "$2"; echo c | bochs -q -f "$1" >/dev/null 2>&1; cat "$2"';
  return ['bash', '-c', script, 'bash', configuration, serialOf(configuration)];
}
