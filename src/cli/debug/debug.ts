import { readFileSync } from 'node:fs';
import { describeSystemError, isSystemError } from '../../host/failure.js';
import { Failure } from '../failure.js';
import { run } from '../run/run.js';
import type { CommandRequest, DebugRequest, KernelDebugRequest } from './debug-options.js';
import { LineFront } from './line-front.js';
import { ProgramFront } from './program-front.js';
import type { SessionFront } from './session-front.js';

/** `bd0 debug IMAGE`: returns the exit code. Throws Failure or HostError. */
export async function debug(request: DebugRequest): Promise<number> {
  const { options, image } = request;
  return run(request, new ProgramFront(await frontOf(options, image!), options.history));
}

/** `bd0 debug KERNEL`: returns the exit code. Throws Failure or HostError. */
export async function debugKernel({ commands, boot }: KernelDebugRequest): Promise<number> {
  const { bootDebugged } = await import('../boot/debug-kernel.js');
  return bootDebugged(boot, await frontOf(commands, boot.resume ?? boot.kernel));
}

/** The screen at a terminal, unless the commands come from elsewhere. */
async function frontOf({ command = [], script, line }: CommandRequest, name: string): Promise<SessionFront> {
  const commands = [...(script === undefined ? [] : scriptLines(script)), ...command];
  const isScripted = script !== undefined || command.length > 0;
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal && !isScripted && line !== true) {
    const { ScreenFront } = await import('./screen-front.js');
    return new ScreenFront(name);
  }
  const readsStdin = line === true || !isScripted;
  return new LineFront({ commands, readsStdin });
}

function scriptLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Failure(`-x: ${describeSystemError(error)}`);
  }
}
