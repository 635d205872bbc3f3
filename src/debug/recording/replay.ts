import type { Outcome, ResumeOptions } from '../../computer-options.js';
import { Computer, type ComputerParts } from '../../computer.js';
import { isChange, ReplayError } from '../../kernel/inputs.js';
import type { Process } from '../../kernel/tasks/process.js';
import { applyChange } from './changes.js';
import { Cursor } from './cursor.js';
import { ComputerMachine } from '../machine/computer-machine.js';
import type { RecordedHash } from './entries.js';
import type { MachineReplay } from './machine-replay.js';
import { RecordedHost } from './recorded-host.js';
import type { Recording } from './recording.js';
import { RecordingError } from './records.js';

/** How a replay is run: the engine, and what else does not change what the machine does. */
export type ReplayOptions = Omit<ResumeOptions, 'console' | 'names' | 'hooks'>;

/** Why a part of a replay has ended. */
export type ReplayEvent =
  /** The tick was reached. */
  | { readonly kind: 'tick' }
  /** A hash was recorded here. `actual` is that of the replay. */
  | { readonly kind: 'hash'; readonly recorded: RecordedHash; readonly actual: string }
  /** Here the recording ends. */
  | { readonly kind: 'end' };

/** Asking in vain so often at a tick is a loop. */
const FRUITLESS_MAX = 64;

/** A machine that does what a recording says, on any engine, without effects on the host. */
export class Replay implements MachineReplay {
  readonly computer: Computer;
  readonly host: RecordedHost;
  /** The program that was run. */
  readonly program: Process;
  private readonly parts: ComputerParts;
  private readonly cursor: Cursor;
  /** Called after each change that a debugger made in the recorded run. */
  onChanged: (() => void) | undefined;
  /** Runs without progress. */
  private fruitless = 0;

  /** Throws SavedSnapshotError if the state at the beginning cannot be resumed, RecordingError if nothing runs in it. */
  constructor(
    readonly recording: Recording,
    options: ReplayOptions = {},
  ) {
    this.cursor = new Cursor(recording);
    this.host = new RecordedHost(recording, this.cursor);
    const { console, makeNames, makeLinuxRoot: linuxRoot, onSpuriousWrite } = this.host;
    const state = recording.state();
    this.computer = Computer.resume(state, {
      sha256: recording.sha256,
      ...options,
      console,
      linuxRoot,
      ...(makeNames && { names: makeNames }),
      hooks: { onSpuriousWrite },
    });
    state.close();
    this.parts = this.computer.parts;
    this.host.computer = this.computer;
    const [program] = this.computer.programs;
    if (!program) throw new RecordingError('it is damaged: there is no program in it');
    this.program = program;
  }

  get machine(): Computer {
    return this.computer;
  }

  get debugged(): Computer {
    return this.computer;
  }

  get programPid(): number {
    return this.program.pid;
  }

  get isOver(): boolean {
    return this.program.end !== undefined;
  }

  get hasLeft(): boolean {
    return this.host.hasLeft;
  }

  get onLeft(): (() => void) | undefined {
    return this.host.onLeft;
  }
  set onLeft(called: (() => void) | undefined) {
    this.host.onLeft = called;
  }

  /**
   * Runs on to a tick, the next hash, or the end of the recording. Throws ReplayError if the machine asks for other input than
   * was recorded: then it is not the same.
   */
  run(to = Infinity): ReplayEvent {
    for (;;) {
      this.applyChanges();
      const event = this.eventNow() ?? (this.computer.ticks >= to ? ({ kind: 'tick' } as const) : undefined);
      if (event) return event;
      const { next } = this.cursor;
      // A trap whose cause a debugger has mended did not end its process.
      this.parts.kernel.stops.stopsAtTraps = next !== undefined && isChange(next);
      const outcome = this.computer.run(this.program, { maxTicks: this.ticksToNext(to) });
      const after = this.after(outcome);
      if (after) return after;
    }
  }

  /** Ticks to the next input, to the end, or to a tick: a run may take no more. */
  ticksToNext(to = Infinity): number {
    const { ticks } = this.computer;
    return this.hasLeft ? to - ticks : this.cursor.ticksToNext(ticks, to);
  }

  /** Lets time pass while all threads wait, as it was. 'again': they must ask again; 'end': the recording ends here. */
  passTime(): 'passed' | 'again' | 'end' {
    const { cursor, computer, recording } = this;
    const { ticks } = computer;
    const time = cursor.take(ticks, 'time');
    if (time) computer.passTime(time.until);
    if (time) return 'passed';
    if (cursor.next?.tick === ticks) return 'again';
    if (cursor.next || ticks < recording.lastTick)
      this.host.leave(`the replay waits at tick ${ticks}, and the recorded machine did not`);
    return 'end';
  }

  /** Makes the changes that a debugger made at this tick of the recorded run. Throws ReplayError if they are not possible. */
  applyChanges(): void {
    for (;;) {
      const { next } = this.cursor;
      if (!next || next.tick !== this.computer.ticks || !isChange(next) || this.host.hasLeft) return;
      this.cursor.skip();
      const lacking = applyChange(new ComputerMachine(this.computer), next);
      if (lacking !== undefined) this.host.leave(lacking);
      this.onChanged?.();
    }
  }

  mark(): () => void {
    const { parts, computer, cursor } = this;
    const { inputs, kernel } = parts;
    const [snapshot, { place }, { misses }, { held }] = [computer.snapshot(), cursor, inputs, kernel.stops];
    return () => {
      this.host.ignoring(() => computer.restore(snapshot));
      kernel.stops.held = held;
      cursor.place = place;
      inputs.misses = misses;
      this.fruitless = 0;
    };
  }

  /** Whether nothing is left, for those who run the machine themselves. Hashes up to now are skipped. */
  isAtEnd(): boolean {
    return this.cursor.isAtEnd(this.computer.ticks) && !this.hasLeft;
  }

  private eventNow(): ReplayEvent | undefined {
    const { cursor, computer, program, recording } = this;
    const { next } = cursor;
    const { ticks } = computer;
    if (!next) return program.end || ticks >= recording.lastTick ? { kind: 'end' } : undefined;
    if (next.tick < ticks) throw new ReplayError(this.passed(next.kind, next.tick));
    const isHash = next.kind === 'hash' && next.moment === 'tick' && next.tick === ticks;
    return isHash ? this.takeHash(next) : undefined;
  }

  private after(outcome: Outcome): ReplayEvent | undefined {
    const { cursor, computer } = this;
    const { next } = cursor;
    if (outcome.kind === 'exited' || outcome.kind === 'trapped') {
      if (!next) return { kind: 'end' };
      const isEnd = next.kind === 'hash' && next.tick === computer.ticks && next.moment === 'ended';
      if (isEnd) return this.takeHash(next);
      throw new ReplayError(`the program ends at tick ${computer.ticks}, and the recorded one did not`);
    }
    if (outcome.kind !== 'waiting') {
      this.fruitless = 0;
      return undefined;
    }
    if (next?.kind === 'hash' && next.moment === 'waiting' && next.tick === computer.ticks) return this.takeHash(next);
    const passed = this.passTime();
    if (passed === 'end') return { kind: 'end' };
    this.fruitless = passed === 'again' ? this.fruitless + 1 : 0;
    const misses = next && 'misses' in next ? next.misses : 0;
    if (this.fruitless > misses + FRUITLESS_MAX) throw new ReplayError(this.passed(next!.kind, next!.tick));
    return undefined;
  }

  private takeHash(recorded: RecordedHash): ReplayEvent {
    this.cursor.skip();
    this.parts.kernel.settle();
    return { kind: 'hash', recorded, actual: this.computer.machineHash() };
  }

  private passed(kind: string, tick: number): string {
    return `the recorded machine got a ${kind} at tick ${tick}, and the replay does not ask for it`;
  }
}
