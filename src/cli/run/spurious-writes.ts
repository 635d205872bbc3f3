import { closeSync, openSync, writeSync } from 'node:fs';
import { pidText, trapOfSpuriousWrite, type SpuriousWrite, type SpuriousWriteVerdict } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import type { TrapReports } from './trap-reports.js';

/** What `--debug-mode` knows. */
export const DEBUG_POLICIES = ['kill', 'report', 'ask'] as const;
export type DebugPolicy = (typeof DEBUG_POLICIES)[number];

export interface SpuriousWritesOptions {
  readonly policy: DebugPolicy;
  readonly traps: TrapReports;
  readonly input: HostInput;
  /** Else nothing is told, and nobody asked. */
  readonly tells: boolean;
}

/** What a person may answer; with a capital letter it holds for all that follow in the run. */
const ANSWERS: Readonly<Record<string, SpuriousWriteVerdict>> = { s: 'skip', a: 'allow', k: 'kill' };
const QUESTION = 'bd0: skip it, allow it, or kill the process? [s/a/k; S or A: all that follow] ';
const TERMINAL = '/dev/tty';
const CONTROL_C = '\u0003';

/** Decides what becomes of the writes that debug mode stops: by policy, or as the person at the terminal says. */
export class SpuriousWrites {
  /** How many more an instruction has made than the one that was reported, by who it belongs to. */
  private readonly repeated = new Map<string, number>();
  /** What was answered for all that follow. */
  private standing: SpuriousWriteVerdict | undefined;
  /** What is asked about, and the answer. */
  private asked: SpuriousWrite | undefined;
  private answer: SpuriousWriteVerdict | undefined;

  constructor(private readonly options: SpuriousWritesOptions) {}

  /** The hook. A write for which the process is killed is told of as a trap. */
  readonly onSpuriousWrite = (write: SpuriousWrite): SpuriousWriteVerdict | 'later' => {
    const { policy, tells } = this.options;
    if (this.standing) return this.standing;
    if (policy === 'report') return this.report(write);
    return policy === 'ask' && tells ? this.ask(write) : 'kill';
  };

  /** Tells how often what was reported has come again. */
  tellRepeated(lines: HostLines): void {
    for (const [who, count] of this.repeated)
      if (count > 0) lines.tell(`bd0: ${who}: ${count} more spurious writes by the same instruction`);
    this.repeated.clear();
  }

  /** The first one of an instruction is told in full; the others are counted. */
  private report(write: SpuriousWrite): SpuriousWriteVerdict {
    if (!this.options.tells) return 'allow';
    const who = `process ${pidText(write.pid)} (${write.name}), rip 0x${write.rip.toString(16)}`;
    const count = this.repeated.get(who);
    if (count === undefined) this.options.traps.onTrap(trapOfSpuriousWrite(write));
    this.repeated.set(who, count === undefined ? 0 : count + 1);
    return 'allow';
  }

  /** The first time, the question is to be put by `askPerson`. */
  private ask(write: SpuriousWrite): SpuriousWriteVerdict | 'later' {
    const { answer } = this;
    this.asked = answer ? undefined : write;
    this.answer = undefined;
    return answer ?? 'later';
  }

  /** Tells the write that a person is to be asked about. */
  tell(): Promise<void> {
    return this.options.traps.tell(trapOfSpuriousWrite(this.asked!));
  }

  /** Asks about it, once all of that is out. */
  askPerson(): void {
    writeToTerminal(QUESTION);
    this.options.input.divert((typed) => this.take(typed));
  }

  /** True where there is an answer: the machine can go on. */
  get isAnswered(): boolean {
    return this.answer !== undefined;
  }

  /** A line, or in a terminal that is raw what was typed. */
  private take(typed: Uint8Array | 'end'): void {
    const text = typed === 'end' ? CONTROL_C : new TextDecoder().decode(typed);
    // What a terminal that is raw does not show by itself.
    if (process.stdin.isRaw) writeToTerminal(`${text.replace(/[^ -~]/g, '')}\n`);
    this.answer = this.verdictOf(text);
    if (this.answer) this.options.input.divert(undefined);
    else writeToTerminal(QUESTION);
  }

  /** Undefined for an answer that is none. */
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
