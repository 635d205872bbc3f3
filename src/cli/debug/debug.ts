import { readFileSync } from 'node:fs';
import { describeSystemError, isSystemError } from '../../host/failure.js';
import { Failure } from '../failure.js';
import { run } from '../run/run.js';
import type { DebugRequest } from './debug-options.js';
import { LineFront } from './line-front.js';

/** `bd0 debug`: returns the exit code. Throws Failure or HostError. */
export async function debug(request: DebugRequest): Promise<number> {
  const { command = [], script, line } = request.options;
  const commands = [...(script === undefined ? [] : scriptLines(script)), ...command];
  const isScripted = script !== undefined || command.length > 0;
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (isTerminal && !isScripted && line !== true) {
    const { ScreenFront } = await import('./screen-front.js');
    return run(request, new ScreenFront(request.image!));
  }
  const readsStdin = line === true || !isScripted;
  return run(request, new LineFront({ commands, readsStdin }));
}

function scriptLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Failure(`-x: ${describeSystemError(error)}`);
  }
}
