import { closeSync, openSync, writeSync } from 'node:fs';
import { pidText, trapOfSpuriousWrite, type SpuriousWrite, type SpuriousWriteVerdict } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import type { TrapReports } from './trap-reports.js';

/** The values of `--debug-mode`. */
export const DEBUG_POLICIES = ['kill', 'report', 'ask'] as const;
export type DebugPolicy = (typeof DEBUG_POLICIES)[number];

export interface SpuriousWritesOptions {
  readonly policy: DebugPolicy;
  readonly traps: TrapReports;
  readonly input: HostInput;
  /** If false, nothing is reported, and no question is asked. */
  readonly tells: boolean;
}

/** The answers of a person; a capital letter applies to all following writes of the run. */
const ANSWERS: Readonly<Record<string, SpuriousWriteVerdict>> = { s: 'skip', a: 'allow', k: 'kill' };
const QUESTION = 'bd0: skip it, allow it, or kill the process? [s/a/k; S or A: all that follow] ';
const TERMINAL = '/dev/tty';
const CONTROL_C = '\u0003';

/** Decides about the writes that debug mode stops: by policy, or by asking the person at the terminal. */
export class SpuriousWrites {
  /** Number of writes after the reported one, by process and instruction. */
  private readonly repeated = new Map<string, number>();
  /** The answer for all following writes. */
  private standing: SpuriousWriteVerdict | undefined;
  /** The write in question, and the answer. */
  private asked: SpuriousWrite | undefined;
  private answer: SpuriousWriteVerdict | undefined;

  constructor(private readonly options: SpuriousWritesOptions) {}

  /** The hook of the machine. A write for which the process is killed is reported as a trap. */
  readonly onSpuriousWrite = (write: SpuriousWrite): SpuriousWriteVerdict | 'later' => {
    const { policy, tells } = this.options;
    if (this.standing) return this.standing;
    if (policy === 'report') return this.report(write);
    return policy === 'ask' && tells ? this.ask(write) : 'kill';
  };

  /** Prints how often each reported write was repeated. */
  tellRepeated(lines: HostLines): void {
    for (const [writer, count] of this.repeated)
      if (count > 0) lines.tell(`bd0: ${writer}: ${count} more spurious writes by the same instruction`);
    this.repeated.clear();
  }

  /** Reports the first write of an instruction, and counts the others. */
  private report(write: SpuriousWrite): SpuriousWriteVerdict {
    if (!this.options.tells) return 'allow';
    const writer = `process ${pidText(write.pid)} (${write.name}), rip 0x${write.rip.toString(16)}`;
    const count = this.repeated.get(writer);
    if (count === undefined) this.options.traps.onTrap(trapOfSpuriousWrite(write));
    this.repeated.set(writer, count === undefined ? 0 : count + 1);
    return 'allow';
  }

  /** Returns the answer if there is one; else the caller must use `askPerson` and try again. */
  private ask(write: SpuriousWrite): SpuriousWriteVerdict | 'later' {
    const { answer } = this;
    this.asked = answer ? undefined : write;
    this.answer = undefined;
    return answer ?? 'later';
  }

  /** Reports the write in question. */
  tell(): Promise<void> {
    return this.options.traps.tell(trapOfSpuriousWrite(this.asked!));
  }

  /** Asks the person, once the report has been written. */
  askPerson(): void {
    writeToTerminal(QUESTION);
    this.options.input.divert((typed) => this.take(typed));
  }

  /** True if there is an answer, so that the machine can continue. */
  get isAnswered(): boolean {
    return this.answer !== undefined;
  }

  /** Takes a line, or the keys if the terminal is raw. */
  private take(typed: Uint8Array | 'end'): void {
    const text = typed === 'end' ? CONTROL_C : new TextDecoder().decode(typed);
    // A raw terminal does not echo.
    if (process.stdin.isRaw) writeToTerminal(`${text.replace(/[^ -~]/g, '')}\n`);
    this.answer = this.verdictOf(text);
    if (this.answer) this.options.input.divert(undefined);
    else writeToTerminal(QUESTION);
  }

  /** The verdict of an answer; undefined if it is invalid. */
  private verdictOf(answer: string): SpuriousWriteVerdict | undefined {
    if (answer.includes(CONTROL_C)) return 'kill';
    const letter = answer.trim();
    const verdict = ANSWERS[letter.toLowerCase()];
    if (verdict !== 'kill' && letter !== letter.toLowerCase()) this.standing = verdict;
    return verdict;
  }
}

function writeToTerminal(text: string): void {
  const terminal = openSync(TERMINAL, 'w');
  try {
    writeSync(terminal, text);
  } finally {
    closeSync(terminal);
  }
}
