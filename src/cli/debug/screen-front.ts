import {
  DebugScreen,
  DebugSession,
  drawing,
  ENTER_SCREEN,
  KeyReader,
  LEAVE_SCREEN,
  type ScreenImage,
} from '../../index.js';
import { writeBytesToStdout, type HostOutput } from '../../host/console/host-output.js';
import { isSystemError } from '../../host/failure.js';
import { processName } from '../../host/toolchain/image-file.js';
import type { DebugConsole } from '../run/machine.js';
import type { SessionFront } from './session-front.js';
import {
  bringOutput,
  runSession,
  type DebugSubject,
  type SessionEnd,
  type SessionHost,
  type SessionPort,
} from './session-loop.js';
import { SourceFiles } from './source-files.js';
import { TypedInput } from './typed-input.js';

/** Signals that end bd0; the terminal is restored when the first one comes. */
const ENDING = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;
/** While the machine is running, the screen is drawn this often. */
const DRAWING_MS = 100;
const USUAL_ROWS = 24;
const USUAL_COLUMNS = 80;

/** The full-screen debugger at a terminal. */
export class ScreenFront implements SessionFront {
  private readonly typed = new TypedInput();
  private readonly keys = new KeyReader();
  /** Text of the guest before there is a screen; none, since it does not run yet. */
  private screen: DebugScreen | undefined;
  /** What the terminal shows; undefined if that is not known. */
  private shown: ScreenImage | undefined;
  private hasTerminal = false;
  private drawnMs = -Infinity;

  constructor(private readonly image: string) {}

  consoleOf(): DebugConsole {
    const decoder = new TextDecoder();
    return {
      isTerminal: false,
      write: (bytes) => this.screen?.write(decoder.decode(bytes, { stream: true })),
      read: (max) => this.typed.read(max),
    };
  }

  async converse(host: SessionHost, subject: DebugSubject): Promise<SessionEnd> {
    const { bell } = host;
    const session: DebugSession = new DebugSession(subject.target, {
      programPid: subject.programPid,
      print: (...lines) => this.screen?.print(lines),
      readSource: new SourceFiles().read,
      typeInput: (text) => this.typed.type(text),
    });
    const screen = new DebugScreen(session, processName(this.image));
    this.screen = screen;
    session.options.print(...session.placeLines());
    screen.noteStop();
    const restore = this.takeTerminal(() => bell.ring());
    try {
      return await runSession(session, host, this.portOf(host, screen), subject);
    } finally {
      if (!host.interruption.end) await bringOutput(host);
      restore();
    }
  }

  private portOf({ output }: SessionHost, screen: DebugScreen): SessionPort {
    const { typed } = this;
    return {
      next: () => screen.nextCommand(),
      get hasLeft() {
        return screen.hasLeft;
      },
      show: async () => {
        const isDue = !screen.session.isRunning || performance.now() - this.drawnMs >= DRAWING_MS;
        if (isDue) this.draw(screen, output);
        output.flush();
        return Promise.resolve();
      },
      onStop: () => screen.noteStop(),
      get lacksInput() {
        return typed.isEmpty;
      },
    };
  }

  /** A terminal that has not taken the last image gets none. */
  private draw(screen: DebugScreen, output: HostOutput): void {
    if (!this.hasTerminal || output.isBusy || output.queuedBytes > 0) return;
    this.drawnMs = performance.now();
    const { rows = USUAL_ROWS, columns = USUAL_COLUMNS } = process.stdout;
    const image = screen.image(rows, columns);
    const text = drawing(image, this.shown);
    if (text !== '') output.write(Buffer.from(text));
    this.shown = image;
  }

  /** Switches to the other screen and to single keys. Returns what restores the terminal, which has an effect once. */
  private takeTerminal(onActivity: () => void): () => void {
    const { stdin, stdout } = process;
    const take = (): void => {
      stdin.setRawMode(false);
      stdin.setRawMode(true);
      writeToTerminal(ENTER_SCREEN);
      this.shown = undefined;
      onActivity();
    };
    const redraw = (): void => {
      this.shown = undefined;
      writeToTerminal(CLEAR);
      onActivity();
    };
    const receive = (bytes: Buffer): void => {
      for (const key of this.keys.take(bytes))
        if (key.name === 'ctrl-l') redraw();
        else this.screen!.take(key);
      onActivity();
    };
    const restore = (): void => {
      if (!this.hasTerminal) return;
      this.hasTerminal = false;
      for (const signal of ENDING) process.off(signal, restore);
      process.off('exit', restore).off('SIGCONT', take);
      stdout.off('resize', redraw);
      stdin.off('data', receive).pause();
      writeToTerminal(LEAVE_SCREEN);
      stdin.setRawMode(false);
    };
    this.hasTerminal = true;
    for (const signal of ENDING) process.once(signal, restore);
    // An exception ends the process as well.
    process.once('exit', restore);
    // Another program may have used the terminal while this one was stopped.
    process.on('SIGCONT', take);
    stdout.on('resize', redraw);
    stdin.on('data', receive);
    stdin.on('end', () => this.leave(onActivity)).on('error', () => this.leave(onActivity));
    take();
    return restore;
  }

  /** The terminal has gone. */
  private leave(onActivity: () => void): void {
    this.screen!.hasLeft = true;
    onActivity();
  }
}

const CLEAR = '\x1b[0m\x1b[2J';

/** Writes at once; a terminal that has gone needs nothing. */
function writeToTerminal(text: string): void {
  try {
    writeBytesToStdout(Buffer.from(text));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
