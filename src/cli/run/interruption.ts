/** What ends a run from outside, and work of the host that it can end. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import type { Bell, Signals } from '../../host/signals.js';
import type { Steps } from '../../index.js';

/** How a run is ended from outside. */
export type OutsideEnd =
  | { readonly kind: 'limit'; readonly what: string }
  /** Ctrl-A x was typed. */
  | { readonly kind: 'quit' }
  /** By its number in Linux. */
  | { readonly kind: 'signal'; readonly signal: number };

/** The work was given up: the run is to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(readonly end: OutsideEnd) {
    super('interrupted');
  }
}

/** Time of host work after which signals and limits are checked. */
const WORK_MS = 20;

/** How long a run that was ended from outside waits for the readers of its last lines. */
const GRACE_MS = 250;

/** The signals, keys and the time limit that end a run from outside. The time begins with the object. */
export class Interruption {
  private readonly deadline: number;

  /** `timeoutSeconds` may be Infinity. */
  constructor(
    private readonly signals: Signals,
    private readonly input: HostInput,
    private readonly timeoutSeconds: number,
  ) {
    this.deadline = performance.now() + timeoutSeconds * 1000;
  }

  /** Undefined while the run may continue. */
  get end(): OutsideEnd | undefined {
    if (this.input.hasQuit) return { kind: 'quit' };
    const { received } = this.signals;
    if (received !== undefined) return { kind: 'signal', signal: received };
    if (performance.now() >= this.deadline) return { kind: 'limit', what: `${this.timeoutSeconds} s (--timeout)` };
    return undefined;
  }

  /** Milliseconds that a wait may take: 0 where the run is to end, Infinity without a limit. */
  get msLeft(): number {
    return this.end ? 0 : this.deadline - performance.now();
  }

  /** Lets the event loop turn. Throws Interrupted where the run is to end. */
  async pause(): Promise<void> {
    await nextTurn();
    const { end } = this;
    if (end) throw new Interrupted(end);
  }

  /** Does work of the host, with pauses. Throws Interrupted where the run is to end. */
  async finish<Result>(steps: Steps<Result, unknown>): Promise<Result> {
    for (let since = performance.now(); ;) {
      const { done, value } = steps.next();
      if (done) return value;
      if (performance.now() - since < WORK_MS) continue;
      await this.pause();
      since = performance.now();
    }
  }

  /** Waits until files have taken their last lines; only for a moment if the run was ended from outside. */
  async bringOutLast(files: readonly HostLines[], bell: Bell): Promise<void> {
    const graceEnd = performance.now() + GRACE_MS;
    await bringOut(files, bell, () => (this.end ? graceEnd - performance.now() : this.msLeft));
  }
}

/** Waits until files have taken their lines, or no time is left. */
export async function bringOut(files: readonly HostLines[], bell: Bell, msLeft: () => number): Promise<void> {
  for (;;) {
    for (const file of files) file.flush();
    if (!files.some(({ isBusy }) => isBusy)) return;
    const ms = msLeft();
    if (ms <= 0) return;
    await bell.wait(ms);
  }
}
