/** The contenders: this machine itself, other emulators as far as they are installed, and the engines of bd0. */
import { spawnSync } from 'node:child_process';
import { BOCHS_SHARE, bochsCommand } from './bochs.js';
import type { Kind } from './programs.js';

/** The evaluator is an oracle, not a way to run programs: it gets this many instructions of each workload. */
export const EVALUATOR_INSTRUCTIONS = 2_000_000;

/** bench/bare/include/bd0.h BARE_EXIT_BASE, as isa-debug-exit reports it. */
const BARE_EXIT_SUCCESS = 16 * 2 + 1;

/** Memory of the emulated machines: what bench/bare/lib/start.c counts on. */
const MEMORY_MIB = 512;

export interface Contender {
  readonly name: string;
  /** Which build of a workload it runs. */
  readonly kind: Kind;
  /** The command by which it is known to be there, and the Debian package that has it. */
  readonly needs?: { readonly command: string; readonly package: string };
  /** Exit codes that say that the program came to its end, or was stopped where it should be. */
  readonly exitCodes: readonly number[];
  /** It is stopped after so many instructions: its time is multiplied accordingly, and its output not looked at. */
  readonly instructionsMax?: number;
  /** It gets this part of the work: its time is multiplied accordingly. */
  readonly share?: number;
  command(program: string, words: readonly string[]): string[];
}

/** All that there may be, in the order of the table. `bd0Run` is how `bd0 run` is started. */
export function allContenders(bd0Run: readonly string[]): Contender[] {
  return [
    { name: 'native', kind: 'native', exitCodes: [0], command: (program, words) => [program, ...words] },
    {
      ...{ name: 'qemu-user', kind: 'native', exitCodes: [0] },
      needs: { command: 'qemu-x86_64', package: 'qemu-user' },
      command: (program, words) => ['qemu-x86_64', program, ...words],
    },
    {
      ...{ name: 'qemu-system', kind: 'bare', exitCodes: [BARE_EXIT_SUCCESS] },
      needs: { command: 'qemu-system-x86_64', package: 'qemu-system-x86' },
      command: qemuSystemCommand,
    },
    {
      ...{ name: 'bochs', kind: 'bochs', exitCodes: [0], share: BOCHS_SHARE },
      needs: { command: 'bochs', package: 'bochs' },
      command: bochsCommand,
    },
    engine(bd0Run, 'evaluator', EVALUATOR_INSTRUCTIONS),
    engine(bd0Run, 'interpreter'),
    engine(bd0Run, 'auto'),
  ];
}

/** The microvm machine starts in 40 ms, the usual PC with its BIOS in 90. */
function qemuSystemCommand(program: string, words: readonly string[]): string[] {
  return [
    ...['qemu-system-x86_64', '-M', 'microvm', '-accel', 'tcg', '-smp', '1', '-m', String(MEMORY_MIB)],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=1', '-kernel', program],
    ...(words.length > 0 ? ['-append', words.join(' ')] : []),
  ];
}

/** Each prints the number of instructions as JSON on stderr. */
function engine(bd0Run: readonly string[], name: string, instructionsMax?: number): Contender {
  const options = ['--engine', name, '--code-cache', 'none', '--memory', `${MEMORY_MIB}MB`, '--json'];
  const limit = instructionsMax === undefined ? [] : ['--max-instructions', String(instructionsMax)];
  return {
    ...{ name, kind: 'bd0', exitCodes: instructionsMax === undefined ? [0] : [0, 124] },
    ...(instructionsMax !== undefined && { instructionsMax }),
    command: (program, words) => [...bd0Run, ...options, ...limit, program, '--', ...words],
  };
}

export function isThere({ name, needs }: Contender): boolean {
  if (name === 'native') return process.arch === 'x64' && process.platform === 'linux';
  return (
    needs === undefined ||
    spawnSync(needs.command, [name === 'bochs' ? '--help' : '--version'], { stdio: 'ignore' }).status === 0
  );
}
