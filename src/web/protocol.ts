/** The messages between a page and the worker that runs its machine. Both sides can be trusted; what guests write cannot. */

/** Content that a machine gets: bytes, or where they are, as an absolute URL of the page's origin. */
export type Content = { readonly bytes: Uint8Array } | { readonly url: string };

/** What a kernel is passed. */
export interface BootOptions {
  readonly commandLine: string;
  /** The initial RAM disk, or the only module. */
  readonly initialDisk: Content | undefined;
  /** Disks of the machine. What is written to them is gone when it ends. */
  readonly disks?: readonly Content[] | undefined;
}

export type TerminalSize = readonly [rows: number, columns: number];

/** A machine to start. */
export interface StartOptions {
  /** The image to run. A saved snapshot is resumed instead, with the names and files below. */
  readonly image: Content;
  readonly isSnapshot?: boolean;
  /** The name of the process. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly memoryBytes: number;
  /** The largest heap, in bytes. */
  readonly limitBytes: number;
  /** What guests find by name. Content at a URL is loaded when a guest asks for it. */
  readonly files: readonly (readonly [name: string, content: Content])[];
  /** Host memory for the history of the machine, in bytes; 0: none is kept, and the machine cannot go back in time. */
  readonly historyBytes: number;
  /** What a kernel is passed: `image` is one, for a bare machine. Undefined: `image` is a program or a snapshot. */
  readonly boot?: BootOptions | undefined;
  /** What Linux programs hear of their terminal, in characters: 24 and 80, if not given. */
  readonly terminalSize?: TerminalSize | undefined;
  /** Whether a trap pauses the machine. If not, the report goes to the console, and the process ends. */
  readonly pausesAtTraps: boolean;
}

/** What the page asks of the worker. */
export type Request =
  | { readonly kind: 'start'; readonly options: StartOptions }
  /** Keys, as UTF-8 or as a terminal encodes them. */
  | { readonly kind: 'input'; readonly bytes: Uint8Array }
  /** Bytes of output that the page has shown: the machine pauses while too many are not. */
  | { readonly kind: 'shown'; readonly bytes: number }
  /** The terminal has another size. */
  | { readonly kind: 'resize'; readonly size: TerminalSize }
  | { readonly kind: 'pause' }
  | { readonly kind: 'continue' }
  /** A method of `Methods`. */
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly argument: unknown };

/** What a machine that has started gets. */
export type MachineRequest = Exclude<Request, { readonly kind: 'start' }>;

/** What the machine is doing. */
export type MachineState =
  | 'running'
  /** All threads wait for input, or for time to pass. */
  | 'waiting'
  /** The page, a breakpoint or a trap has stopped it. */
  | 'paused'
  /** The program has ended, or every thread waits for another. */
  | 'ended';

/** Why the machine stopped. */
export type StopKind =
  'exited' | 'trapped' | 'deadlocked' | 'breakpoint' | 'watchpoint' | 'stepped' | 'moved' | 'interrupted';

/** What a machine has written to its console, after the first `at` bytes. */
export interface Output {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** The process that wrote it, if that is not in the foreground. */
  readonly pid?: number | undefined;
}

/** A process that has written to the console while another one was in the foreground. */
export interface BackgroundProcess {
  readonly pid: number;
  /** Its name and number, as the shell shows them. */
  readonly title: string;
  readonly isLive: boolean;
}

/** The state of a machine, as its page shows it. */
export interface Status {
  readonly state: MachineState;
  /** Why it is paused, or has ended. */
  readonly stop: StopKind | undefined;
  readonly exitCode: number | undefined;
  /** Why a bare machine has ended, in words, unless its kernel gave an exit code. */
  readonly note?: string | undefined;
  /** Machine time in nanoseconds, and the ticks between which it can be moved. */
  readonly ticks: number;
  readonly begin: number;
  readonly end: number;
  /** Whether it is in its past. */
  readonly isPast: boolean;
  /** Bytes of output that were written up to now. */
  readonly outputBytes: number;
  /** Instructions in all, and how long the worker has run them, in milliseconds of its clock. */
  readonly instructions: number;
  readonly busyMs: number;
  /** Millions of instructions per second since the last status, while it ran. */
  readonly mips: number;
  /** In the order in which they first wrote. */
  readonly background?: readonly BackgroundProcess[];
}

/** What the worker tells the page. */
export type Report =
  /** The worker takes requests. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'started' }
  /** Output that follows the first `at` bytes: what was written after those, in a past that was changed, never was. */
  | ({ readonly kind: 'output' } & Output)
  | { readonly kind: 'status'; readonly status: Status }
  /** Lines for the log of the debugger. */
  | { readonly kind: 'log'; readonly lines: readonly string[] }
  | { readonly kind: 'reply'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly message: string }
  /** The machine cannot start or go on. */
  | { readonly kind: 'failed'; readonly message: string };
