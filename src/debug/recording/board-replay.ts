import { Board } from '../../board.js';
import { isChange, ReplayError } from '../../kernel/inputs.js';
import { BoardMachine, type BoardProgram } from '../machine/board-machine.js';
import { applyChange } from './changes.js';
import { Cursor } from './cursor.js';
import type { RecordedHash } from './entries.js';
import type { MachineReplay } from './machine-replay.js';
import type { Recording } from './recording.js';
import type { ReplayEvent, ReplayOptions } from './replay.js';

/** A board that gets the input that a recording has, on any engine, without effects on the host. */
export class BoardReplay implements MachineReplay {
  readonly debugged: BoardMachine;
  onLeft: (() => void) | undefined;
  onChanged: (() => void) | undefined;
  hasLeft = false;
  private readonly cursor: Cursor;

  /** Throws SavedSnapshotError if the state at the beginning cannot be resumed. */
  constructor(
    readonly recording: Recording,
    { engine = 'auto', translationThreshold: threshold, now }: ReplayOptions = {},
    { symbols }: Pick<BoardProgram, 'symbols'> = {},
  ) {
    const { about, isTerminal: realTime } = recording.start;
    this.cursor = new Cursor(recording);
    const state = recording.state();
    const translator = { ...(threshold !== undefined && { threshold }), ...(now && { now }) };
    const board = Board.resume(state, { engine, translator, sha256: recording.sha256, send: () => {} });
    state.close();
    this.debugged = new BoardMachine(board, { name: about['image'] ?? 'kernel', symbols }, { realTime });
  }

  get machine(): BoardMachine {
    return this.debugged;
  }

  get programPid(): number {
    return this.debugged.pid;
  }

  get isOver(): boolean {
    return this.debugged.isOver;
  }

  run(to = Infinity): ReplayEvent {
    for (;;) {
      this.applyChanges();
      const event = this.eventNow() ?? (this.machine.ticks >= to ? ({ kind: 'tick' } as const) : undefined);
      if (event) return event;
      const { kind } = this.debugged.run(this.ticksToNext(to));
      const { ticks } = this.machine;
      const isDue = this.cursor.next ? this.cursor.next.tick === ticks : ticks >= this.recording.lastTick;
      if (isDue || (kind !== 'ended' && kind !== 'waiting')) continue;
      throw new ReplayError(`the replay ${kind === 'ended' ? 'ends' : 'waits'} at tick ${ticks}, ${OTHER}`);
    }
  }

  ticksToNext(to = Infinity): number {
    const { ticks } = this.machine;
    return this.hasLeft ? to - ticks : this.cursor.ticksToNext(ticks, to);
  }

  applyChanges(): void {
    const { cursor, debugged } = this;
    for (;;) {
      const { next } = cursor;
      if (!next || next.kind === 'hash' || next.tick !== debugged.ticks || this.hasLeft) return;
      cursor.skip();
      if (next.kind === 'console') debugged.receive(next.bytes);
      else if (next.kind === 'network' && debugged.board.network) debugged.deliver(next.news);
      else if (next.kind === 'time') debugged.passTime(next.until);
      else if (isChange(next) && next.kind !== 'terminal size') {
        const lacking = applyChange(debugged, next);
        if (lacking !== undefined) this.leave(lacking);
        this.onChanged?.();
      } else this.leave(`a foreign kernel does not take a ${next.kind}`);
    }
  }

  passTime(): 'again' | 'end' {
    const { cursor, recording } = this;
    const { ticks } = this.machine;
    if (cursor.next?.tick === ticks) return 'again';
    if (cursor.next || ticks < recording.lastTick) this.leave(`the replay waits at tick ${ticks}, ${OTHER}`);
    return 'end';
  }

  isAtEnd(): boolean {
    return this.cursor.isAtEnd(this.machine.ticks) && !this.hasLeft;
  }

  mark(): () => void {
    const { debugged, cursor } = this;
    const [snapshot, place, putAside] = [debugged.snapshot(), cursor.place, debugged.keepAside()];
    return () => {
      debugged.restore(snapshot);
      putAside();
      cursor.place = place;
    };
  }

  private eventNow(): ReplayEvent | undefined {
    const { ticks } = this.machine;
    const { next } = this.cursor;
    if (!next) return ticks >= this.recording.lastTick ? { kind: 'end' } : undefined;
    if (next.tick < ticks)
      throw new ReplayError(`the recorded machine got a ${next.kind} at tick ${next.tick}, and the replay passes it`);
    return next.kind === 'hash' && next.tick === ticks ? this.takeHash(next) : undefined;
  }

  private takeHash(recorded: RecordedHash): ReplayEvent {
    this.cursor.skip();
    return { kind: 'hash', recorded, actual: this.machine.machineHash() };
  }

  private leave(message: string): void {
    if (!this.onLeft) throw new ReplayError(message);
    if (!this.hasLeft) this.onLeft();
    this.hasLeft = true;
  }
}

const OTHER = 'and the recorded machine did not';
