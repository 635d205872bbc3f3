import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { trapOfSpuriousWrite, type SpuriousWrite, type SpuriousWriteVerdict } from '../index.js';
import { pidText } from '../kernel/process-table.js';
import { writeToStderr, type HostOutput } from './host-output.js';
import type { Signals } from './signals.js';
import type { TrapReports } from './trap-reports.js';

/** What `--debug-mode` knows. */
export const DEBUG_POLICIES = ['kill', 'report', 'ask'] as const;
export type DebugPolicy = (typeof DEBUG_POLICIES)[number];

export interface SpuriousWritesOptions {
  readonly policy: DebugPolicy;
  readonly traps: TrapReports;
  readonly output: HostOutput;
  readonly signals: Signals;
  /** Else nothing is told, and nobody asked. */
  readonly tells: boolean;
}

/** What a person may answer; with a capital letter it holds for all that follow in the run. */
const ANSWERS: Readonly<Record<string, SpuriousWriteVerdict>> = { s: 'skip', a: 'allow', k: 'kill' };
const QUESTION = 'bd0: skip it, allow it, or kill the process? [s/a/k; S or A: and all that follow] ';
const TERMINAL = '/dev/tty';
const CONTROL_C = '\u0003';
const MOST_ANSWER_BYTES = 256;

/** Decides what becomes of the writes that debug mode stops: by policy, or as the person at the terminal says. */
export class SpuriousWrites {
  /** How many more an instruction has made than the one that was reported, by who it belongs to. */
  private readonly repeated = new Map<string, number>();
  /** What was answered for all that follow. */
  private standing: SpuriousWriteVerdict | undefined;

  constructor(private readonly options: SpuriousWritesOptions) {}

  /** The hook. A write for which the process is killed is told of as a trap. */
  readonly onSpuriousWrite = (write: SpuriousWrite): SpuriousWriteVerdict => {
    const { policy, tells } = this.options;
    if (this.standing) return this.standing;
    if (policy === 'report') return this.report(write);
    return policy === 'ask' && tells ? this.ask(write) : 'kill';
  };

  /** Tells how often what was reported has come again. */
  tellRepeated(): void {
    for (const [who, count] of this.repeated)
      if (count > 0) writeToStderr(`bd0: ${who}: ${count} more spurious writes by the same instruction`);
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

  private ask(write: SpuriousWrite): SpuriousWriteVerdict {
    const { traps, output, signals } = this.options;
    output.flush();
    traps.tellNow(trapOfSpuriousWrite(write));
    let verdict: SpuriousWriteVerdict | undefined;
    signals.whileBlocking(() => {
      const terminal = openSync(TERMINAL, 'rs+');
      try {
        while (!verdict) verdict = this.verdictOf(answerAt(terminal));
      } finally {
        closeSync(terminal);
      }
    });
    return verdict!;
  }

  /** Undefined for an answer that is none. */
  private verdictOf(answer: string): SpuriousWriteVerdict | undefined {
    if (answer === '' || answer.includes(CONTROL_C)) return 'kill';
    const letter = answer.trim();
    const verdict = ANSWERS[letter.toLowerCase()];
    if (verdict !== 'kill' && letter !== letter.toLowerCase()) this.standing = verdict;
    return verdict;
  }
}

/** A line, or in a terminal that is raw what was typed; nothing where there is no more. */
function answerAt(terminal: number): string {
  const bytes = new Uint8Array(MOST_ANSWER_BYTES);
  writeSync(terminal, QUESTION);
  const answer = new TextDecoder().decode(bytes.subarray(0, readSync(terminal, bytes)));
  // What a terminal that is raw does not show by itself.
  if (process.stdin.isRaw) writeSync(terminal, `${answer.replace(/[^ -~]/g, '')}\n`);
  return answer;
}
