import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import { signalOfLostOutput, type HostOutput } from '../../host/console/host-output.js';
import { Slices, TICKS_PER_MS, TURNS_FOR_INPUT, nextTurn } from '../../host/console/slices.js';
import type { Bell } from '../../host/signals.js';
import type { BoardEvent, BoardMachine, Outcome } from '../../index.js';
import type { RunRecording } from '../recording/run-recording.js';
import type { Debugging } from '../run/debugging.js';
import type { Pause } from '../run/machine-snapshots.js';
import type { Interruption, OutsideEnd } from '../run/interruption.js';
import { BoardFeed } from './board-feed.js';
import type { NetworkFeed } from './network-feed.js';

/** How a run ended: as the machine did, or from outside. */
export type BootEnd =
  | Exclude<BoardEvent, { kind: 'stopped' }>
  | { readonly kind: 'quit' }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'time'; readonly what: string };

export interface RunParts {
  readonly input: HostInput;
  /** Undefined without a network that is open to the host. */
  readonly network: NetworkFeed | undefined;
  readonly output: HostOutput;
  readonly bell: Bell;
  readonly interruption: Interruption;
  readonly debugging: Debugging | undefined;
  /** Where the machine is saved. */
  readonly pause: Pause | undefined;
  /** Undefined if the run is not recorded. */
  readonly recording: RunRecording | undefined;
  /** Messages of debuggers to the user. */
  readonly errors: HostLines;
}

/** How a slice ended; 'held': a debugger has stopped the machine. */
type SliceEvent = BoardEvent | { readonly kind: 'held' };

/** What a slice is for a recording; any other ended the machine. */
const OUTCOMES: Readonly<Partial<Record<SliceEvent['kind'], Outcome['kind']>>> = {
  ...{ limit: 'limit', idle: 'waiting', stopped: 'stopped', held: 'stopped' },
};

/** Runs a board in slices: between two of them output is written, input arrives, and signals and limits are checked. */
export class BoardRun {
  private readonly slices = new Slices();
  private readonly feed: BoardFeed;
  private pause: Pause | undefined;

  constructor(
    private readonly machine: BoardMachine,
    private readonly parts: RunParts,
  ) {
    this.pause = parts.pause;
    this.feed = new BoardFeed(machine, parts.input, parts.network);
  }

  async run(maxTicks: number): Promise<BootEnd> {
    const { input, bell, interruption } = this.parts;
    for (;;) {
      this.takeInput();
      const { arrivals } = input;
      const event = this.runSlice(Math.min(maxTicks, Math.max(this.pause?.tick ?? Infinity, this.machine.ticks + 1)));
      this.takePause();
      this.parts.recording?.observe({ kind: OUTCOMES[event.kind] ?? 'exited' });
      const end = (await this.bringOut()) ?? this.endOf(event, maxTicks);
      if (end) return end;
      if (event.kind === 'held') await bell.wait(interruption.msLeft);
      else await nextTurn();
      if (event.kind === 'idle') await this.rest(event.until, arrivals);
    }
  }

  private takePause(): void {
    const { pause, machine } = this;
    if (!pause || machine.ticks < pause.tick) return;
    this.pause = undefined;
    pause.reached();
  }

  private runSlice(maxTicks: number): SliceEvent {
    const { machine, slices } = this;
    const { output, debugging, recording } = this.parts;
    const [start, before] = [performance.now(), machine.ticks];
    const ticks = Math.min(slices.ticks, maxTicks - before, recording?.ticksToHash ?? Infinity);
    const event = debugging?.hasMachine
      ? this.runDebugged(debugging, ticks)
      : machine.board.run(before + ticks, !machine.realTime);
    slices.fit(performance.now() - start, Math.max(machine.ticks - before, 1), output.queuedBytes);
    return event;
  }

  private runDebugged(debugging: Debugging, ticks: number): SliceEvent {
    const slice = debugging.runSlice(Math.max(ticks, 1));
    const { finalEvent, isOver } = this.machine;
    if (isOver) return finalEvent ?? { kind: 'stopped' };
    if (slice.kind === 'stopped') return { kind: 'held' };
    return slice.kind === 'waiting' ? { kind: 'idle', until: slice.until } : { kind: 'limit' };
  }

  /** Passes on input, unless a debugger holds the machine. */
  private takeInput(): void {
    const { debugging } = this.parts;
    if (!debugging?.hasMachine || debugging.isGoingOn) this.feed.give();
  }

  private async bringOut(): Promise<BootEnd | undefined> {
    const { output, bell, interruption, errors } = this.parts;
    for (;;) {
      output.flush();
      errors.flush();
      if (output.failure) return { kind: 'signal', signal: signalOfLostOutput(output.failure) };
      if (!output.isBusy || interruption.msLeft <= 0) return interruption.end && endFromOutside(interruption.end);
      await bell.wait(interruption.msLeft);
    }
  }

  private endOf(event: SliceEvent, maxTicks: number): BootEnd | undefined {
    const { debugging } = this.parts;
    if (event.kind === 'held') return undefined;
    // A debugger has killed the machine.
    if (event.kind === 'stopped') return this.machine.isOver ? { kind: 'quit' } : undefined;
    if (event.kind === 'limit') return this.machine.ticks >= maxTicks ? event : undefined;
    // Nothing but input can wake the machine, and there is none.
    if (event.kind === 'idle')
      return event.until === Infinity && this.feed.isAtEnd && !debugging?.hasMachine ? event : undefined;
    return event;
  }

  /** Waits while the processor does, at a terminal, where idle time passes by the host's clock; input ends it early. */
  private async rest(until: number, arrivals: number): Promise<void> {
    const { input, bell, interruption } = this.parts;
    for (let turn = 0; turn < TURNS_FOR_INPUT; turn++) await nextTurn();
    if (input.arrivals !== arrivals) return;
    const { machine } = this;
    const idleMs = (until - machine.ticks) / TICKS_PER_MS;
    const start = performance.now();
    await bell.wait(Math.min(idleMs, interruption.msLeft));
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    if (until < Infinity && !machine.inputs.source) machine.passTime(Math.min(machine.ticks + passed, until));
  }
}

export function endFromOutside(end: OutsideEnd): BootEnd {
  return end.kind === 'limit' ? { kind: 'time', what: end.what } : end;
}
