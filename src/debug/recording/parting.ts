/** Where two runs of a machine part: by what they got from outside, by the hashes that were recorded, and by running both again. */
import { bytesToHex, hex } from '../../bits.js';
import { isChange, ReplayError, type MachineChange } from '../../kernel/inputs.js';
import type { LinuxErrno } from '../../kernel/linux/errno.js';
import type { RootEntry, RootStatus } from '../../kernel/linux/files/tree/linux-root.js';
import { addressText } from '../../network/addresses.js';
import type { NetworkNews } from '../../network/network-host.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import type { HashFunction } from '../../vmo/content/canonical-form.js';
import { VmoStore } from '../../vmo/store.js';
import { Cursor } from './cursor.js';
import type { RecordedHash, RecordedInput, RecordedVmo } from './entries.js';
import type { Recording } from './recording.js';
import { replayOf, type MachineReplay } from './machine-replay.js';
import type { ReplayOptions } from './replay.js';

/** Where two replays begin to differ. */
export interface StateDifference {
  readonly tick: number;
  /** In words, a line each: `thread 1.rip: 5 → 7`. */
  readonly differences: readonly string[];
}

/** Where two recorded runs part. */
export interface RunDifference {
  /**
   * 'start': they begin differently; 'input': they got something else from outside; 'state': they are different machines although
   * they got the same; 'end': one of them goes on longer, or ends otherwise.
   */
  readonly kind: 'start' | 'input' | 'state' | 'end';
  /** The tick of that. Everything before it is the same. */
  readonly tick: number;
  /** Of each run in words: what it is that differs. */
  readonly words: readonly [string, string];
  /** Where the states differ first, as far as that could be found. */
  readonly state: StateDifference | undefined;
}

/** How a replay compares with what was recorded. */
export type Verdict =
  | { readonly kind: 'same'; readonly hashes: number }
  /** Up to `from` it was the same, and at `to` it is not; `why` says more where the replay asked for something else. */
  | { readonly kind: 'different'; readonly from: number; readonly to: number; readonly why: string | undefined };

/** Ticks of the first search for a difference; doubled while there is none. */
const SEARCH_TICKS = 2 ** 12;
/** Bytes of input that are shown. */
const SHOWN_BYTES = 40;

/** Runs a replay to its end, and compares the hashes. */
export function verify(replay: MachineReplay): Verdict {
  let from = replay.machine.ticks;
  let hashes = 0;
  try {
    for (;;) {
      const event = replay.run();
      if (event.kind === 'end') return { kind: 'same', hashes };
      if (event.kind !== 'hash') continue;
      const { tick, hash } = event.recorded;
      if (event.actual !== hash) return { kind: 'different', from, to: tick, why: undefined };
      from = tick;
      hashes++;
    }
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    return { kind: 'different', from, to: replay.machine.ticks, why: error.message };
  }
}

/**
 * The first tick at which two replays differ, by halving. Both are run to `from`, where they must be the same, first. Undefined if
 * they are the same at `to`, too.
 */
export function firstDifference(
  a: MachineReplay,
  b: MachineReplay,
  from: number,
  to: number,
): StateDifference | undefined {
  const both = [a, b] as const;
  for (const replay of both) runTo(replay, from);
  let marks = both.map((replay) => replay.mark());
  const isSameAt = (tick: number): boolean => {
    for (const goBack of marks) goBack();
    const [first, second] = both.map((replay) => runTo(replay, tick));
    if (first !== second || a.machine.ticks !== b.machine.ticks) return false;
    return a.machine.machineHash() === b.machine.machineHash();
  };
  if (isSameAt(to)) return undefined;
  let [same, different] = [from, to];
  while (different - same > 1) {
    const middle = Math.floor((same + different) / 2);
    if (!isSameAt(middle)) different = middle;
    else {
      // Some ticks do not exist: a kernel call can take many at once.
      same = Math.max(middle, Math.min(a.machine.ticks, different - 1));
      marks = both.map((replay) => replay.mark());
    }
  }
  for (const goBack of marks) goBack();
  const errors = both.flatMap((replay) => runTo(replay, different) ?? []);
  const tick = Math.min(a.machine.ticks, b.machine.ticks);
  return { tick, differences: errors.length > 0 ? errors : a.machine.snapshot().differencesTo(b.machine.snapshot()) };
}

/** Where two recorded runs part; undefined if they are the same run. */
export function compareRecordings(a: Recording, b: Recording, options: ReplayOptions = {}): RunDifference | undefined {
  if (a.stateId !== b.stateId) return differenceAtStart(a, b, options);
  const common = commonPart(a, b);
  const { input, wrongHash, rightHash } = common;
  const end = Math.min(a.lastTick, b.lastTick);
  if (wrongHash !== undefined && !(input && input.tick < wrongHash)) {
    const state = firstDifference(replayOf(a, options), replayOf(b, options), rightHash, wrongHash);
    const words = `the machine hash at tick ${wrongHash}`;
    return { kind: 'state', tick: state?.tick ?? rightHash, words: [words, words], state };
  }
  if (input && input.tick <= end) {
    const from = Math.min(rightHash, input.tick);
    return { kind: 'input', ...input, state: searchDifference(a, b, from, input.tick, end, options) };
  }
  const words: [string, string] = [endOf(a), endOf(b)];
  return words[0] === words[1] ? undefined : { kind: 'end', tick: end, words, state: undefined };
}

function differenceAtStart(a: Recording, b: Recording, options: ReplayOptions): RunDifference {
  const [first, second] = [a, b].map(({ start }) => start.about);
  const names = Object.keys({ ...first, ...second }).filter((name) => first![name] !== second![name]);
  const wordsOf = (about: typeof first): string =>
    names.map((name) => `${name} ${about![name] ?? 'not given'}`).join(', ') || 'another state';
  const [x, y] = [replayOf(a, options).machine, replayOf(b, options).machine];
  const state = { tick: a.firstTick, differences: x.snapshot().differencesTo(y.snapshot()) };
  return { kind: 'start', tick: a.firstTick, words: [wordsOf(first), wordsOf(second)], state };
}

/** How far two recordings are the same, by what is in them. */
interface CommonPart {
  /** The first input in which they differ. */
  readonly input: { readonly tick: number; readonly words: readonly [string, string] } | undefined;
  /** The last tick with the same hash, or that of the beginning; and the first one with another. */
  readonly rightHash: number;
  readonly wrongHash: number | undefined;
}

function commonPart(a: Recording, b: Recording): CommonPart {
  const [first, second] = [new Reading(a), new Reading(b)];
  let input: CommonPart['input'];
  for (;;) {
    const [x, y] = [first.nextInput(), second.nextInput()];
    if (!x && !y) break;
    const words = [first.wordsOf(x), second.wordsOf(y)] as const;
    if (x?.tick === y?.tick && words[0] === words[1]) continue;
    input = { tick: Math.min(x?.tick ?? Infinity, y?.tick ?? Infinity), words };
    break;
  }
  let rightHash = a.firstTick;
  for (const [key, { tick, hash }] of first.hashes) {
    const other = second.hashes.get(key);
    if (other && other.hash !== hash) return { input, rightHash, wrongHash: tick };
    if (other) rightHash = tick;
  }
  return { input, rightHash, wrongHash: undefined };
}

/** Goes through the inputs of a recording. */
class Reading {
  /** Hashes before the next input, by their tick and moment. */
  readonly hashes = new Map<string, RecordedHash>();
  private readonly cursor: Cursor;
  private readonly store: VmoStore;

  constructor(private readonly recording: Recording) {
    this.cursor = new Cursor(recording);
    this.store = new VmoStore(recording.sha256);
  }

  nextInput(): RecordedInput | undefined {
    for (;;) {
      const { next } = this.cursor;
      if (!next) return undefined;
      this.cursor.skip();
      if (next.kind !== 'hash') return next;
      this.hashes.set(`${next.tick} ${next.moment}`, next);
    }
  }

  /** What an input was, in words; equal for equal inputs at the same tick. */
  wordsOf(input: RecordedInput | undefined): string {
    if (input && isChange(input)) return this.wordsOfChange(input);
    switch (input?.kind) {
      case undefined:
        return `nothing more, up to tick ${this.recording.lastTick}`;
      case 'console':
        return `input ${shown(input.bytes, this.recording.sha256)}${after(input.misses)}`;
      case 'console end':
        return `the end of input${after(input.misses)}`;
      case 'name step':
        return `${input.bytes} bytes of a file`;
      case 'lookup':
        return `${this.wordsOfVmo(input.vmo)} for a name`;
      case 'open':
        return `${this.wordsOfVmo(input.vmo)} for an identity`;
      case 'publish':
        return `'${input.outcome}' for a publication`;
      case 'names':
        return `a list of ${input.list.total} names: ${input.list.names.join(', ')}`;
      case 'verdict':
        return `the answer '${input.verdict}' for a spurious write`;
      case 'time':
        return `time until tick ${input.until}`;
      case 'network':
        return this.wordsOfNews(input.news);
      case 'root status':
        return `${wordsOfAnswer(input.answer)} for the status of '${input.path}'`;
      case 'root list':
        return `${wordsOfAnswer(input.answer)} for the names in '${input.path}'`;
      case 'root part':
        return `${input.errno ? wordsOfAnswer(input.errno) : this.wordsOfVmo(input.vmo)} for a part of '${input.path}'`;
    }
  }

  private wordsOfChange(change: MachineChange): string {
    if (change.kind === 'kill') return `the end of process ${pidText(change.pid)}, by a debugger`;
    if (change.kind === 'cr2') return `${hex(change.value)} in cr2, by a debugger`;
    if (change.kind === 'terminal size') return `a terminal of ${change.rows} rows and ${change.columns} columns`;
    const { sha256 } = this.recording;
    if (change.kind === 'registers') return `registers of thread ${change.tid}, ${shown(change.context, sha256)}`;
    return `${shown(change.bytes, sha256)} written to ${hex(change.address)} by a debugger`;
  }

  private wordsOfNews(news: NetworkNews): string {
    if (news.what === 'no answer') return `no answer for name ${news.id}`;
    if (news.what === 'addresses')
      return `${news.addresses.map(addressText).join(', ') || 'no address'} for name ${news.id}`;
    const what = news.what === 'data' ? shown(news.bytes, this.recording.sha256) : news.what;
    return `${what}${news.what === 'taken' ? ` ${news.count} bytes` : ''} on connection ${news.id}`;
  }

  private wordsOfVmo(vmo: RecordedVmo): string {
    if (vmo === undefined) return 'nothing';
    if (vmo === 'own') return 'what it keeps itself';
    const handle = this.recording.content.vmoIn(this.store, vmo);
    const { id, length } = handle;
    handle.close();
    return `the VMO ${id} of ${length} bytes`;
  }
}

function after(misses: number): string {
  return misses === 0 ? '' : ` after asking ${misses} times`;
}

/** The first difference of state after the tick of a different input. */
function searchDifference(
  a: Recording,
  b: Recording,
  from: number,
  inputTick: number,
  end: number,
  options: ReplayOptions,
): StateDifference | undefined {
  const [first, second] = [replayOf(a, options), replayOf(b, options)];
  let start = from;
  for (let ticks = SEARCH_TICKS; start < end; ticks *= 2) {
    const to = Math.min(end, Math.max(inputTick, start) + ticks);
    const found = firstDifference(first, second, start, to);
    if (found) return found;
    start = to;
  }
  return undefined;
}

/** Runs a replay to a tick. Returns the error if it asks for something that was not recorded. */
function runTo(replay: MachineReplay, tick: number): string | undefined {
  try {
    while (replay.run(tick).kind === 'hash');
    return undefined;
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    return error.message;
  }
}

function endOf({ end, lastTick }: Recording): string {
  return end ? `${end.what} at tick ${lastTick}` : `killed at tick ${lastTick} or later`;
}

/** Bytes as text in quotes: the first of them, with the hash of all, if there are many. */
function shown(bytes: Uint8Array, sha256: HashFunction): string {
  const text = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => String.fromCharCode(byte)).join('');
  if (bytes.length <= SHOWN_BYTES) return JSON.stringify(text);
  return `${JSON.stringify(text)}... (${bytes.length} bytes, SHA-256 ${bytesToHex(sha256(bytes))})`;
}

/** Describes what the host returned for a file; equal answers have equal descriptions. */
function wordsOfAnswer(answer: RootStatus | readonly RootEntry[] | LinuxErrno): string {
  if (typeof answer === 'number') return `error ${answer}`;
  if ('mode' in answer) return `mode ${answer.mode.toString(8)}, ${answer.size} bytes, ${answer.modified} ns`;
  return `${answer.length} names: ${answer.map(({ name }) => name).join(', ')}`;
}
