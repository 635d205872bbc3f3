import { debugCompletions, DebugSession } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import { visibleText } from '../../host/console/visible-text.js';
import type { DebugConsole } from '../run/machine.js';
import { CommandSource } from './command-source.js';
import type { SessionFront } from './session-front.js';
import { bringOutput, END, runSession, type DebugSubject, type SessionEnd, type SessionHost } from './session-loop.js';
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
export class LineFront implements SessionFront {
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

  async converse(host: SessionHost, subject: DebugSubject): Promise<SessionEnd> {
    const { output, bell } = host;
    const print = (...lines: readonly string[]): void => this.print(output, lines);
    const session = new DebugSession(subject.target, {
      programPid: subject.programPid,
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
      show: () => bringOutput(host),
      get lacksInput() {
        return readsStdin && typed.isEmpty;
      },
    };
    session.options.print(...session.placeLines());
    try {
      return await runSession(session, host, port, subject);
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
