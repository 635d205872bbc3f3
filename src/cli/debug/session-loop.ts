import type { DebugSession } from '../../index.js';
import { signalOfLostOutput } from '../../host/console/host-output.js';
import { nextTurn, Slices } from '../../host/console/slices.js';
import { bringOut } from '../run/interruption.js';
import type { Machine } from '../run/machine.js';
import type { RunRecording } from '../recording/run-recording.js';
import { rest } from '../run/rest.js';
import type { End } from '../run/run-loop.js';

/** No further command comes. */
export const END = Symbol('end of commands');

/** Where the commands of a session come from, and where it is shown. */
export interface SessionPort {
  /** The next command; undefined if there is none yet: the bell rings when there is one. */
  next(): string | typeof END | undefined;
  /** Shows what is new. */
  show(): Promise<void>;
  /** Called when the machine has stopped. */
  onStop?(): void;
  /** Whether the user has left: a command that has not ended is given up. */
  readonly hasLeft?: boolean;
  /** Whether the guest can only read what the user of the debugger types, and has read all of it. */
  readonly lacksInput: boolean;
}

/** How a session is run. */
export interface SessionRun {
  /** Whether idle time of the machine takes as long on the host's clock. */
  readonly realTime: boolean;
  /** Undefined if it is not recorded. */
  readonly recording: RunRecording | undefined;
}

/** Runs a session until it is over, or something else ends it. */
export async function runSession(
  session: DebugSession,
  machine: Machine,
  port: SessionPort,
  { realTime, recording }: SessionRun,
): Promise<End | 'over'> {
  const { input, output, bell, interruption, lines, computer } = machine;
  const slices = new Slices();
  for (;;) {
    const arrivalsSeen = input.arrivals;
    const start = performance.now();
    const { ticks } = computer;
    const wasRunning = session.isRunning;
    const slice = session.runSlice(Math.min(slices.ticks, recording?.ticksToHash ?? Infinity));
    recording?.observe({ kind: slice.kind === 'running' ? 'limit' : slice.kind });
    if (slice.kind === 'running') slices.fit(performance.now() - start, computer.ticks - ticks, output.queuedBytes);
    if (wasRunning && slice.kind === 'stopped') port.onStop?.();
    await bringOut(lines, bell, () => interruption.msLeft);
    await port.show();
    if (output.failure) return { kind: 'signal', signal: signalOfLostOutput(output.failure) };
    if (interruption.end) return interruption.end;
    if (port.hasLeft) return 'over';
    if (slice.kind === 'running') await nextTurn();
    else if (slice.kind === 'stopped') {
      const line = port.next();
      if (line === END) return 'over';
      if (line === undefined) await bell.wait(interruption.msLeft);
      else session.execute(line);
      if (session.isOver) return 'over';
    } else if (slice.forInput && port.lacksInput) {
      session.interrupt('the program waits for input (type it with: input TEXT)');
      port.onStop?.();
    } else {
      const passTime = (tick: number): void => session.target.passTime(tick);
      await rest(slice, { ...machine, realTime, arrivalsSeen, passTime });
    }
  }
}

/** Writes the queued output, until all is written or the run must end. */
export async function bringOutput({ output, bell, interruption }: Machine): Promise<void> {
  output.flush();
  while ((output.isBusy || output.queuedBytes > 0) && !output.failure && interruption.msLeft > 0) {
    if (output.isBusy) await bell.wait(interruption.msLeft);
    output.flush();
  }
}
