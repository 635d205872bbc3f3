import type { Outcome } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import { nextTurn, TICKS_PER_MS, TURNS_FOR_INPUT } from '../../host/console/slices.js';
import type { Bell } from '../../host/signals.js';
import type { Interruption } from './interruption.js';

/** What a rest needs. */
export interface RestOptions {
  readonly computer: { readonly ticks: number };
  readonly input: HostInput;
  readonly bell: Bell;
  readonly interruption: Interruption;
  /** Whether idle time of the machine takes as long on the host's clock. */
  readonly realTime: boolean;
  /** Arrivals of input before the last slice, in which the machine could take it. */
  readonly arrivalsSeen: number;
  /** Lets time pass in the machine. */
  readonly passTime: (tick: number) => void;
}

/** Passes time while all threads wait: until the tick when the first wakes, or until input arrives. */
export async function rest(
  { until, forInput }: Pick<Extract<Outcome, { kind: 'waiting' }>, 'until' | 'forInput'>,
  { computer, input, bell, interruption, realTime, arrivalsSeen, passTime }: RestOptions,
): Promise<void> {
  for (let turn = 0; turn < TURNS_FOR_INPUT; turn++) await nextTurn();
  if (forInput && input.arrivals !== arrivalsSeen) return;
  if (!realTime && until < Infinity) return passTime(until);
  const idleTicks = until - computer.ticks;
  const start = performance.now();
  await bell.wait(Math.min(idleTicks / TICKS_PER_MS, interruption.msLeft));
  const passed = Math.min(Math.round((performance.now() - start) * TICKS_PER_MS), idleTicks);
  if (realTime) passTime(computer.ticks + passed);
}
