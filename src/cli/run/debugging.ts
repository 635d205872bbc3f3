import {
  attachDebugger,
  attachTimeline,
  GdbSession,
  type Computer,
  type DebuggedMachine,
  type Debugger,
  type MonitorCommand,
  type SessionSlice,
  type Timeline,
  timeCommands,
} from '../../index.js';
import { addressText, GdbServer, type GdbAddress } from '../../host/gdb-server.js';
import type { HostLines } from '../../host/console/host-lines.js';
import type { Bell } from '../../host/signals.js';

/** What gdb sends for Ctrl-C. */
const INTERRUPT = Uint8Array.of(3);

export interface DebuggingOptions {
  readonly machine: Computer | DebuggedMachine;
  /** The process whose end is the end of the program. */
  readonly programPid: number;
  /** The counters of `--stats`, after so many seconds. */
  readonly statistics: (seconds: number) => readonly string[];
  /** Where debuggers connect. */
  readonly address: GdbAddress;
  /** Whether the program waits for the first one. */
  readonly waits: boolean;
  /** Messages for the user. */
  readonly errors: HostLines;
  /** Rings when a debugger has sent something. */
  readonly bell: Bell;
}

/** The debuggers of a run: one at a time, over TCP. */
export class Debugging {
  private attached:
    { readonly debugger: Debugger; readonly timeline: Timeline; readonly session: GdbSession } | undefined;
  private server!: GdbServer;
  private isAwaited: boolean;
  private readonly startMs = performance.now();

  private constructor(private readonly options: DebuggingOptions) {
    this.isAwaited = options.waits;
  }

  /** Listens for a debugger, and tells the user where. Throws HostError. */
  static async open(options: DebuggingOptions): Promise<Debugging> {
    const debugging = new Debugging(options);
    const { address, bell, errors, waits } = options;
    debugging.server = await GdbServer.listen(address, {
      open: (write) => debugging.begin(write),
      onActivity: () => {
        debugging.detachIfOver();
        bell.ring();
      },
      onRefused: (line) => errors.tell(`bd0: ${line}`),
    });
    const place = addressText(debugging.server.address);
    const what = waits ? `waiting for gdb at ${place}` : `gdb can connect to ${place}`;
    errors.tell(`bd0: ${what} (in gdb: target remote ${place})`);
    return debugging;
  }

  /** Whether a debugger decides when the machine runs: one is connected, or waited for. */
  get hasMachine(): boolean {
    return this.isAwaited || this.attached !== undefined;
  }

  /** Whether the machine stands until a debugger lets it run. */
  get isHolding(): boolean {
    return this.isAwaited || (this.attached !== undefined && !this.attached.session.isRunning);
  }

  /** Whether a debugger lets the machine run on, and does not go back or search its past. */
  get isGoingOn(): boolean {
    return this.attached?.session.isGoingOn === true;
  }

  /** Runs the machine for at most `maxTicks` ticks if the debugger lets it run. */
  runSlice(maxTicks: number): SessionSlice {
    return this.attached?.session.runSlice(maxTicks) ?? { kind: 'stopped' };
  }

  /** Must be called after something other than the debugger has changed the machine. */
  machineChanged(): void {
    this.attached?.timeline.changed();
  }

  /** Stops the machine, as Ctrl-C in the debugger does. */
  interrupt(): void {
    this.attached?.session.receive(INTERRUPT);
  }

  /** Ends the session, when the debugger has received what was sent to it. */
  close(): Promise<void> {
    return this.server.close();
  }

  private begin(write: (bytes: Uint8Array) => void): GdbSession {
    const { programPid, machine, statistics } = this.options;
    this.isAwaited = false;
    const seconds = (): number => (performance.now() - this.startMs) / 1000;
    const timeline = attachTimeline(machine, { now: () => performance.now() });
    const target = attachDebugger(machine, timeline);
    const monitorCommands = [statisticsCommand(() => statistics(seconds())), ...timeCommands(target, timeline)];
    const session = new GdbSession(target, { programPid, write, monitorCommands });
    this.attached = { debugger: target, timeline, session };
    return session;
  }

  /** Leaves the machine alone once its debugger has gone. */
  private detachIfOver(): void {
    if (!this.attached?.session.isOver) return;
    this.attached.debugger.detach();
    this.attached.timeline.detach();
    this.attached = undefined;
  }
}

/** `monitor stats`: the counters of `--stats`. */
function statisticsCommand(statistics: () => readonly string[]): MonitorCommand {
  return {
    usage: 'stats',
    summary: 'counters of the machine',
    run: statistics,
  };
}
