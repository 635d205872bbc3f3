/** `bd0 replay FILE --gdb PORT`. */
import { BoardMachine, Computer, type MachineReplay, type SessionSlice } from '../../index.js';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostLines } from '../../host/console/host-lines.js';
import { nextTurn, Slices } from '../../host/console/slices.js';
import { Bell, Signals } from '../../host/signals.js';
import { bootStatistics } from '../boot/boot-statistics.js';
import { Debugging } from '../run/debugging.js';
import { describeStatistics } from '../run/run-result.js';
import type { ReplayResult, ReplayRunOptions } from './replay-options.js';

/** Runs a replay for a debugger, until that has ended it, or the recorded program has ended. */
export async function debugReplay(
  path: string,
  replay: MachineReplay,
  options: ReplayRunOptions,
): Promise<ReplayResult> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const signals = new Signals(ring);
  const errors = new HostLines(new HostFile(STDERR, ring));
  const { machine } = replay;
  replay.onLeft = () =>
    errors.tell(`bd0: at tick ${machine.ticks}, the machine leaves the recording: it gets no input any more`);
  const waits = options['gdb-wait'] !== 'no';
  const debugging = await Debugging.open({
    ...{ machine: replay.debugged, programPid: replay.programPid, address: options.gdb!, waits, errors, bell },
    statistics: (seconds) => statisticsOf(replay, seconds),
  });
  replay.onChanged = () => debugging.machineChanged();
  const loop = new DebuggedReplay(replay, debugging, bell, errors);
  try {
    while (!replay.isOver && signals.received === undefined && (await loop.runSlice()));
  } finally {
    await debugging.close();
  }
  errors.flush();
  const text = `'${path}' was left at tick ${machine.ticks} of ${replay.recording.lastTick}`;
  return { text, exitCode: signals.received === undefined ? 0 : 128 + signals.received };
}

/** The counters of a replay after so many seconds. */
function statisticsOf({ debugged }: MachineReplay, seconds: number): readonly string[] {
  if (debugged instanceof Computer) return describeStatistics(debugged.statistics, seconds);
  return debugged instanceof BoardMachine ? bootStatistics(debugged.board, process.cpuUsage()) : [];
}

/** The loop that runs a replay for debuggers. */
class DebuggedReplay {
  private readonly slices = new Slices();

  constructor(
    private readonly replay: MachineReplay,
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
    const { machine } = replay;
    const { ticks } = machine;
    const start = performance.now();
    const slice = debugging.runSlice(replay.ticksToNext(ticks + slices.ticks));
    slices.fit(performance.now() - start, machine.ticks - ticks);
    return slice;
  }

  private take(slice: SessionSlice): void {
    if (slice.kind !== 'waiting') return;
    const { replay } = this;
    const isOver = replay.hasLeft ? slice.until === Infinity : replay.passTime() === 'end';
    if (isOver) this.stopAtEnd();
    else if (replay.hasLeft) replay.machine.passTime(slice.until);
  }

  /** Gives the machine back to the debugger: nothing happens any more. */
  private stopAtEnd(): void {
    const { replay, debugging, errors } = this;
    errors.tell(`bd0: the machine stands at tick ${replay.machine.ticks}: here the recording ends`);
    debugging.interrupt();
  }

  private runAlone(): boolean {
    const { replay, slices } = this;
    const event = replay.hasLeft ? { kind: 'end' } : replay.run(replay.machine.ticks + slices.ticks);
    if (event.kind === 'tick') slices.ticks = Math.min(2 * slices.ticks, 2 ** 24);
    return event.kind !== 'end';
  }
}
