import type { Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import { clockOf, type DebugConsole, type Machine } from '../run/machine.js';
import type { End } from '../run/run-loop.js';
import type { DebugFront, Watch } from '../run/run.js';
import type { RunOptions } from '../run/run-options.js';
import { debuggerOf, type SessionFront } from './session-front.js';

/** A debugger of bd0 for the program that `bd0 run` has started. */
export class ProgramFront implements DebugFront {
  constructor(
    private readonly front: SessionFront,
    /** Memory for the history. */
    private readonly historyBytes: number | undefined,
  ) {}

  consoleOf(output: HostOutput, input: HostInput): DebugConsole {
    return this.front.consoleOf(output, input);
  }

  async runToEnd(machine: Machine, program: Process, options: RunOptions, { recording }: Watch): Promise<End> {
    const end = await this.front.converse(machine, {
      target: debuggerOf(machine.computer, this.historyBytes),
      programPid: program.pid,
      realTime: clockOf(options, machine.input) === 'real',
      recording,
    });
    if (end.kind !== 'over') return end;
    return end.exitCode === undefined ? { kind: 'left' } : { kind: 'exited', process: program, exitCode: end.exitCode };
  }
}
