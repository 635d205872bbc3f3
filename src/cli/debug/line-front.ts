import { attachDebugger, debugCompletions, DebugSession, type Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import { nextTurn, Slices } from '../../host/console/slices.js';
import { visibleText } from '../../host/console/visible-text.js';
import { bringOut } from '../run/interruption.js';
import { clockOf, type DebugConsole, type Machine } from '../run/machine.js';
import { rest } from '../run/rest.js';
import type { End } from '../run/run-loop.js';
import type { DebugFront } from '../run/run.js';
import type { RunOptions } from '../run/run-options.js';
import { CommandSource, END } from './command-source.js';
import { SourceFiles } from './source-files.js';
import { signalOfLostOutput } from '../../host/console/host-output.js';

const PROMPT = '(bd0) ';
const NEWLINE = 10;

export interface LineFrontOptions {
  /** Commands that are executed first. */
  readonly commands: readonly string[];
  /** Whether commands are read from stdin, which the guest then does not get. */
  readonly readsStdin: boolean;
}

/** The debugger as lines of text: commands, what they show, and the output of the guest. */
export class LineFront implements DebugFront {
  /** Lines that were typed by the command `input`. */
  private readonly typed: Uint8Array[] = [];
  /** Whether the output stands at the start of a line. */
  private isAtLineStart = true;

  constructor(private readonly options: LineFrontOptions) {}

  consoleOf(output: HostOutput, input: HostInput): DebugConsole {
    return {
      isTerminal: false,
      write: (bytes) => {
        this.isAtLineStart = bytes.at(-1) === NEWLINE;
        output.write(bytes);
      },
      read: (max) => {
        const first = this.typed.shift();
        if (first === undefined) return this.options.readsStdin ? undefined : input.read(max);
        if (first.length > max) this.typed.unshift(first.subarray(max));
        return first.subarray(0, max);
      },
    };
  }

  async runToEnd(machine: Machine, program: Process, options: RunOptions): Promise<End> {
    const { computer, output, bell } = machine;
    const target = attachDebugger(computer);
    const session = new DebugSession(target, {
      programPid: program.pid,
      print: (...lines) => this.print(output, lines),
      readSource: new SourceFiles().read,
      typeInput: (text) => this.typed.push(Buffer.from(text)),
    });
    const source = new CommandSource({
      ...this.options,
      prompt: PROMPT,
      complete: (line) => debugCompletions(session, line),
      onActivity: () => bell.ring(),
      onInterrupt: () => {
        session.interrupt();
        bell.ring();
      },
    });
    session.showPlace();
    try {
      const end = await this.loop(machine, session, source, clockOf(options, machine.input) === 'real');
      return end === 'over' ? endOf(session, program) : end;
    } finally {
      source.close();
    }
  }

  /** Until the session is over, or something else ends it. */
  private async loop(
    machine: Machine,
    session: DebugSession,
    source: CommandSource,
    realTime: boolean,
  ): Promise<End | 'over'> {
    const { input, output, bell, interruption, lines, computer } = machine;
    const slices = new Slices();
    for (;;) {
      const arrivalsSeen = input.arrivals;
      const start = performance.now();
      const { ticks } = computer;
      const slice = session.runSlice(slices.ticks);
      if (slice.kind === 'running') slices.fit(performance.now() - start, computer.ticks - ticks, output.queuedBytes);
      await bringOut(lines, bell, () => interruption.msLeft);
      await this.bringOutput(machine);
      if (output.failure) return { kind: 'signal', signal: signalOfLostOutput(output.failure) };
      if (interruption.end) return interruption.end;
      if (slice.kind === 'running') await nextTurn();
      else if (slice.kind === 'stopped') {
        if (!this.command(session, source, output)) return 'over';
        if (source.isAwaited) await bell.wait(interruption.msLeft);
      } else if (slice.forInput && this.options.readsStdin && this.typed.length === 0)
        session.interrupt('the program waits for input (type it with: input TEXT)');
      else {
        const passTime = (tick: number): void => session.target.passTime(tick);
        await rest(slice, { ...machine, realTime, arrivalsSeen, passTime });
      }
    }
  }

  /** Executes the next command, if there is one. Returns false after the last one. */
  private command(session: DebugSession, source: CommandSource, output: HostOutput): boolean {
    const line = source.next();
    if (line === END) return false;
    if (line === undefined) return true;
    if (source.isShown && line.trim() !== '') this.print(output, [PROMPT + line]);
    session.execute(line);
    return !session.isOver;
  }

  private print(output: HostOutput, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${visibleText(line)}\n`).join('');
    output.write(Buffer.from(this.isAtLineStart ? text : `\n${text}`));
    this.isAtLineStart = true;
  }

  private async bringOutput({ output, bell, interruption }: Machine): Promise<void> {
    output.flush();
    while ((output.isBusy || output.queuedBytes > 0) && !output.failure && interruption.msLeft > 0) {
      if (output.isBusy) await bell.wait(interruption.msLeft);
      output.flush();
    }
  }
}

/** The end of the program, if the session stands there. */
function endOf({ exitCode }: DebugSession, process: Process): End {
  return exitCode === undefined ? { kind: 'left' } : { kind: 'exited', process, exitCode };
}
