import type { MachineInput } from '../../kernel/inputs.js';
import type { Entry, RecordedInput } from './entries.js';
import type { Recording } from './recording.js';

/** A place in a recording, to come back to. */
export interface Place {
  readonly segment: number;
  readonly index: number;
}

/** Goes through what happens in a recording, and holds no more of it in memory than one record. */
export class Cursor {
  private segment = 0;
  private index = 0;
  private entries: readonly Entry[] | undefined;

  constructor(private readonly recording: Recording) {
    this.entries = recording.entriesOf(0);
  }

  /** What happens next; undefined at the end. */
  get next(): Entry | undefined {
    return this.entries?.[this.index];
  }

  get place(): Place {
    return { segment: this.segment, index: this.index };
  }
  set place({ segment, index }: Place) {
    if (segment !== this.segment) this.entries = this.recording.entriesOf(segment);
    this.segment = segment;
    this.index = index;
  }

  skip(): void {
    if (++this.index < (this.entries?.length ?? 0)) return;
    this.place = { segment: this.segment + 1, index: 0 };
  }

  /** Ticks from a tick to what happens next, to the end, or to `to`: a run may take no more. */
  ticksToNext(tick: number, to: number): number {
    // Input that comes now is taken in the next tick; what comes after it may come in the middle of a longer run.
    return Math.max(1, Math.min(to, this.next?.tick ?? this.recording.lastTick) - tick);
  }

  /** Whether nothing is left at a tick. Hashes up to it are skipped. */
  isAtEnd(tick: number): boolean {
    while (this.next?.kind === 'hash' && this.next.tick <= tick) this.skip();
    return !this.next && tick >= this.recording.lastTick;
  }

  /** The next input, if it is of this kind and came at this tick. It is taken. */
  take<Kind extends RecordedInput['kind']>(
    tick: number,
    kind: Kind,
  ): Extract<RecordedInput, { kind: Kind }> | undefined {
    const { next } = this;
    if (next?.tick !== tick || next.kind !== kind) return undefined;
    this.skip();
    return next as Extract<RecordedInput, { kind: Kind }>;
  }

  /** As `take`, for the console, if the machine has asked as often at this tick as it had then. */
  takeConsole(tick: number, misses: number): Extract<MachineInput, { kind: 'console' | 'console end' }> | undefined {
    const { next } = this;
    if (!next || !('misses' in next) || next.misses > misses) return undefined;
    return this.take(tick, 'console') ?? this.take(tick, 'console end');
  }
}
