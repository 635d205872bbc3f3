/** Programs of Linux, compiled once, and run here and there. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { byteTextOf } from '../../src/host/byte-text.js';
import { BoundRoot } from '../../src/host/linux/bound-root.js';
import { HostRoot } from '../../src/host/linux/host-root.js';
import { Computer, type ComputerOptions, type MakeLinuxRoot, type Outcome, type Process } from '../../src/index.js';
import { EMPTY_ROOT } from '../../src/kernel/linux/files/tree/linux-root.js';
import { ScriptedConsole, sha256, type InputPiece } from './guest-programs.js';
import { keptFile, sourceParts } from './kept-files.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The path of a C program that `gcc -O1 -static-pie` has compiled, with further options. */
export function linuxProgram(source: string, options: readonly string[] = []): Promise<string> {
  const all = ['-O1', '-static-pie', ...options];
  return keptFile(basename(source, '.c'), [...sourceParts(source), all.join('\0')], (output) =>
    promisify(execFile)('gcc', [source, '-o', output, ...all]),
  );
}

/** The files of a program that finds nothing but itself, the same whatever else the host has. */
export function rootWith(program: string): MakeLinuxRoot {
  const guest = byteTextOf(program);
  return (store) => new BoundRoot(EMPTY_ROOT, [{ guest, root: new HostRoot(store, program) }]);
}

/** What a program did. */
export interface LinuxRun {
  readonly output: string;
  /** 128 + the number of the signal that has ended it, as a shell says. */
  readonly exitCode: number;
}

/** Runs a program on the Linux of the host. */
export function runOnHost(program: string, args: readonly string[] = []): LinuxRun {
  const { stdout, status, signal, error } = spawnSync(program, args, { encoding: 'latin1', maxBuffer: 16 * MIB });
  if (error) throw error;
  return { output: stdout, exitCode: status ?? 128 + constants.signals[signal!] };
}

class ScriptedTerminal extends ScriptedConsole {
  readonly isTerminal = true;
}

export interface LinuxRunOptions extends Omit<ComputerOptions, 'console'> {
  /** Pieces arrive when all threads wait. */
  readonly input?: readonly InputPiece[];
  readonly isTerminal?: boolean;
  readonly maxTicks?: number;
  readonly limitBytes?: number;
}

export interface MachineRun extends LinuxRun {
  readonly outcome: Outcome;
  readonly computer: Computer;
  readonly process: Process;
}

/** Runs a program in a machine of its own, until it ends or waits for what does not come. */
export function runInMachine(program: string, args: readonly string[], options: LinuxRunOptions = {}): MachineRun {
  const { input = [], isTerminal = false, maxTicks = 1e9, limitBytes = GIB, ...machine } = options;
  const console = isTerminal ? new ScriptedTerminal(input) : new ScriptedConsole(input);
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256, ...machine, console });
  const path = new TextEncoder().encode(program);
  const process = computer.start(readFileSync(program), {
    ...{ name: basename(program), limitBytes, argv: [program, ...args], linux: { path } },
  });
  let outcome = computer.run(process, { maxTicks });
  for (let left = input.length; left > 0 && outcome.kind === 'waiting'; left--) {
    console.inputArrives();
    outcome = computer.run(process, { maxTicks });
  }
  const exitCode =
    outcome.kind === 'exited' ? outcome.exitCode : outcome.kind === 'trapped' ? outcome.report.exitCode : -1;
  return { output: console.output.toString('latin1'), exitCode, outcome, computer, process };
}
