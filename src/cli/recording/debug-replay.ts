/** `bd0 replay FILE --gdb PORT`. */
import type { Replay, SessionSlice } from '../../index.js';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostLines } from '../../host/console/host-lines.js';
import { nextTurn, Slices } from '../../host/console/slices.js';
import { Bell, Signals } from '../../host/signals.js';
import { Debugging } from '../run/debugging.js';
import { describeStatistics } from '../run/run-result.js';
import type { ReplayResult, ReplayRunOptions } from './replay-options.js';

/** Runs a replay for a debugger, until that has ended it, or the recorded program has ended. */
export async function debugReplay(path: string, replay: Replay, options: ReplayRunOptions): Promise<ReplayResult> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const signals = new Signals(ring);
  const errors = new HostLines(new HostFile(STDERR, ring));
  const { computer, program, host } = replay;
  host.onLeft = () =>
    errors.tell(`bd0: at tick ${computer.ticks}, the machine leaves the recording: it gets no input any more`);
  const waits = options['gdb-wait'] !== 'no';
  const debugging = await Debugging.open({
    ...{ machine: computer, programPid: program.pid, address: options.gdb!, waits, errors, bell },
    statistics: (seconds) => describeStatistics(computer.statistics, seconds),
  });
  replay.onChanged = () => debugging.machineChanged();
  const loop = new DebuggedReplay(replay, debugging, bell, errors);
  try {
    while (!program.end && signals.received === undefined && (await loop.runSlice()));
  } finally {
    await debugging.close();
  }
  errors.flush();
  const text = `'${path}' was left at tick ${computer.ticks} of ${replay.recording.lastTick}`;
  return { text, exitCode: signals.received === undefined ? 0 : 128 + signals.received };
}

/** The loop that runs a replay for debuggers. */
class DebuggedReplay {
  private readonly slices = new Slices();

  constructor(
    private readonly replay: Replay,
    private readonly debugging: Debugging,
    private readonly bell: Bell,
    private readonly errors: HostLines,
  ) {}

  /** Runs for a while. Returns false at the end of the recording, if no debugger has the machine. */
  async runSlice(): Promise<boolean> {
    const { replay, debugging, bell, errors } = this;
    errors.flush();
    await nextTurn();
    if (!debugging.hasMachine) return this.runAlone();
    if (debugging.isHolding) {
      await bell.wait(Infinity);
      return true;
    }
    if (debugging.isGoingOn) replay.applyChanges();
    if (debugging.isGoingOn && replay.isAtEnd()) this.stopAtEnd();
    else this.take(this.runDebugged());
    return true;
  }

  private runDebugged(): SessionSlice {
    const { replay, slices, debugging } = this;
    const { computer } = replay;
    const { ticks } = computer;
    const start = performance.now();
    const slice = debugging.runSlice(replay.ticksToNext(ticks + slices.ticks));
    slices.fit(performance.now() - start, computer.ticks - ticks);
    return slice;
  }

  private take(slice: SessionSlice): void {
    if (slice.kind !== 'waiting') return;
    const { replay } = this;
    const isOver = replay.host.hasLeft ? slice.until === Infinity : replay.passTime() === 'end';
    if (isOver) this.stopAtEnd();
    else if (replay.host.hasLeft) replay.computer.passTime(slice.until);
  }

  /** Gives the machine back to the debugger: nothing happens any more. */
  private stopAtEnd(): void {
    const { replay, debugging, errors } = this;
    errors.tell(`bd0: the machine stands at tick ${replay.computer.ticks}: here the recording ends`);
    debugging.interrupt();
  }

  private runAlone(): boolean {
    const { replay, slices } = this;
    const event = replay.host.hasLeft ? { kind: 'end' } : replay.run(replay.computer.ticks + slices.ticks);
    if (event.kind === 'tick') slices.ticks = Math.min(2 * slices.ticks, 2 ** 24);
    return event.kind !== 'end';
  }
}
