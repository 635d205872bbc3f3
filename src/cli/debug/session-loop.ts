import type { Debugger, DebugSession } from '../../index.js';
import { signalOfLostOutput } from '../../host/console/host-output.js';
import { nextTurn, Slices } from '../../host/console/slices.js';
import { bringOut, type OutsideEnd } from '../run/interruption.js';
import type { Machine } from '../run/machine.js';
import type { RunRecording } from '../recording/run-recording.js';
import { rest } from '../run/rest.js';

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

/** What a session needs of the host. */
export type SessionHost = Pick<Machine, 'input' | 'output' | 'bell' | 'interruption' | 'lines'>;

/** What is debugged in a session. */
export interface DebugSubject {
  readonly target: Debugger;
  /** The process whose end is the end of the program. */
  readonly programPid: number;
  /** Whether idle time of the machine takes as long on the host's clock. */
  readonly realTime: boolean;
  /** Undefined if it is not recorded. */
  readonly recording: Pick<RunRecording, 'ticksToHash' | 'observe'> | undefined;
  /** Undefined for a machine that asks its console for input. */
  readonly feed?: InputFeed | undefined;
}

/** The input of a machine that does not ask for it. */
export interface InputFeed {
  /** Called before a slice in which the machine goes on: passes on as much as the machine has room for. */
  give(): void;
  /** Whether no input will come any more. */
  readonly isAtEnd: boolean;
}

/** How a session ended: from outside, or by a command, with the exit code of the program if it stands at its end. */
export type SessionEnd = OutsideEnd | { readonly kind: 'over'; readonly exitCode: number | undefined };

/** Runs a session until it is over, or something else ends it. */
export async function runSession(
  session: DebugSession,
  host: SessionHost,
  port: SessionPort,
  { realTime, recording, feed }: DebugSubject,
): Promise<SessionEnd> {
  const { input, output, bell, interruption, lines } = host;
  const { target } = session;
  const slices = new Slices();
  for (;;) {
    const arrivalsSeen = input.arrivals;
    const start = performance.now();
    const wasRunning = session.isRunning;
    if (wasRunning) feed?.give();
    const { ticks } = target;
    const slice = session.runSlice(Math.min(slices.ticks, recording?.ticksToHash ?? Infinity));
    recording?.observe({ kind: slice.kind === 'running' ? 'limit' : slice.kind });
    if (slice.kind === 'running') slices.fit(performance.now() - start, target.ticks - ticks, output.queuedBytes);
    if (wasRunning && slice.kind === 'stopped') port.onStop?.();
    await bringOut(lines, bell, () => interruption.msLeft);
    await port.show();
    if (output.failure) return { kind: 'signal', signal: signalOfLostOutput(output.failure) };
    if (interruption.end) return interruption.end;
    if (port.hasLeft) return over(session);
    if (slice.kind === 'running') await nextTurn();
    else if (slice.kind === 'stopped') {
      const line = port.next();
      if (line === END) return over(session);
      if (line === undefined) await bell.wait(interruption.msLeft);
      else session.execute(line);
      if (session.isOver) return over(session);
    } else if (slice.forInput && (port.lacksInput || feed?.isAtEnd)) {
      const isAtEnd = feed?.isAtEnd === true;
      session.interrupt(
        isAtEnd ? 'the machine waits, and no input will come' : `${WAITING} (type it with: input TEXT)`,
      );
      port.onStop?.();
    } else {
      const passTime = (tick: number): void => target.passTime(tick);
      await rest(slice, { ...host, computer: target, realTime, arrivalsSeen, passTime });
    }
  }
}

const WAITING = 'the program waits for input';

function over({ exitCode }: DebugSession): SessionEnd {
  return { kind: 'over', exitCode };
}

/** Writes the queued output, until all is written or the run must end. */
export async function bringOutput({ output, bell, interruption }: SessionHost): Promise<void> {
  output.flush();
  while ((output.isBusy || output.queuedBytes > 0) && !output.failure && interruption.msLeft > 0) {
    if (output.isBusy) await bell.wait(interruption.msLeft);
    output.flush();
  }
}
