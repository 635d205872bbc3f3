import { attachDebugger, debugCompletions, DebugSession, type Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import { visibleText } from '../../host/console/visible-text.js';
import { clockOf, type DebugConsole, type Machine } from '../run/machine.js';
import type { End } from '../run/run-loop.js';
import type { DebugFront, Watch } from '../run/run.js';
import type { RunOptions } from '../run/run-options.js';
import { CommandSource } from './command-source.js';
import { endOf } from './session-end.js';
import { bringOutput, END, runSession } from './session-loop.js';
import { timelineOf } from './history.js';
import { SourceFiles } from './source-files.js';
import { TypedInput } from './typed-input.js';

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
  private readonly typed = new TypedInput();
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
      read: (max) => this.typed.read(max) ?? (this.options.readsStdin ? undefined : input.read(max)),
    };
  }

  async runToEnd(machine: Machine, program: Process, options: RunOptions, { recording }: Watch): Promise<End> {
    const { computer, output, bell } = machine;
    const print = (...lines: readonly string[]): void => this.print(output, lines);
    const session = new DebugSession(attachDebugger(computer, timelineOf(computer, options)), {
      programPid: program.pid,
      print,
      readSource: new SourceFiles().read,
      typeInput: (text) => this.typed.type(text),
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
    const next = (): string | typeof END | undefined => {
      const line = source.next();
      if (typeof line === 'string' && source.isShown && line.trim() !== '') print(PROMPT + line);
      return line;
    };
    const { typed } = this;
    const { readsStdin } = this.options;
    const port = {
      next,
      show: () => bringOutput(machine),
      get lacksInput() {
        return readsStdin && typed.isEmpty;
      },
    };
    session.options.print(...session.placeLines());
    try {
      const realTime = clockOf(options, machine.input) === 'real';
      const end = await runSession(session, machine, port, { realTime, recording });
      return end === 'over' ? endOf(session, program) : end;
    } finally {
      source.close();
    }
  }

  private print(output: HostOutput, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${visibleText(line)}\n`).join('');
    output.write(Buffer.from(this.isAtLineStart ? text : `\n${text}`));
    this.isAtLineStart = true;
  }
}
