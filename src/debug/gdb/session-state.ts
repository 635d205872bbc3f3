import type { DebugProcess, DebugTarget, DebugThread } from '../target.js';
import { MemoryReaders } from './memory-readers.js';
import type { MonitorCommands } from './monitor/monitor.js';
import { LibraryStops } from './library-stops.js';
import { LoadedFiles } from './loaded-files.js';
import { StopTable } from './stop-table.js';
import { threadIdText, type ThreadSelection } from './thread-ids.js';

/** What a debugger says about itself: `qSupported`, and packets that only lldb sends. */
export interface Client {
  /** Thread ids have a process: `p1.2`. */
  isMultiprocess: boolean;
  /** It understands why a breakpoint was hit: `swbreak` and `hwbreak` in stop replies. */
  knowsBreakKinds: boolean;
  /** It understands `N`: no thread is left that could run. */
  knowsNoResumed: boolean;
  /** It understands that the program has begun another image: `exec` in stop replies. */
  knowsExec: boolean;
  isLldb: boolean;
}

/** What the packets of a session read and change. */
export class SessionState {
  readonly client: Client = {
    isMultiprocess: false,
    knowsBreakKinds: false,
    knowsNoResumed: false,
    knowsExec: false,
    isLldb: false,
  };
  readonly stops: StopTable;
  readonly readers = new MemoryReaders();
  readonly loaded: LoadedFiles;
  readonly libraryStops: LibraryStops;
  /** The thread that packets such as `g` are about. */
  generalThread: ThreadSelection = 'any';
  /** The thread that `c` and `s` are about. */
  continueThread: ThreadSelection = 'any';

  constructor(
    readonly target: DebugTarget,
    /** The process that was started first: its end is the end of the session. */
    readonly programPid: number,
    readonly monitor: MonitorCommands,
  ) {
    this.stops = new StopTable(target);
    this.loaded = new LoadedFiles(target, () => this.program);
    this.libraryStops = new LibraryStops(target, this.loaded);
  }

  get program(): DebugProcess | undefined {
    return this.target.processes.find(({ pid }) => pid === this.programPid);
  }

  /** The thread that packets are about; undefined if there is none, or it has ended. */
  get selected(): DebugThread | undefined {
    if (typeof this.generalThread === 'number') return this.target.findThread(this.generalThread);
    return this.current;
  }

  /** The thread that has the turn, or else one of the program. */
  get current(): DebugThread | undefined {
    const { threads } = this.target;
    return threads.find(({ state }) => state === 'running') ?? this.program?.threads[0] ?? threads[0];
  }

  /** The process that addresses in packets are addresses of: that of the selected thread. */
  get pid(): number | undefined {
    return this.selected?.pid;
  }

  threadText(tid: number): string {
    return threadIdText(tid, this.client.isMultiprocess);
  }
}
