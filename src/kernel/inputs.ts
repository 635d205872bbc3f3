import type { NetworkNews } from '../network/network-host.js';
import type { Steps } from '../vmo/steps.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { ConsoleInput, Console } from './terminal/console.js';
import type { LinuxErrno } from './linux/errno.js';
import type { RootEntry, RootStatus } from './linux/files/tree/linux-root.js';
import {
  isName,
  type ExpectedContent,
  type NameList,
  type NameProgress,
  type NameSpace,
  type PublishOutcome,
  type SteppedNames,
} from './names.js';
import type { SpuriousWrite, SpuriousWriteVerdict } from './reports/spurious-write.js';

/** Something that the machine got from outside, at a tick. */
export type MachineInput = { readonly tick: number } &
  /** `misses` is how often the machine had asked at this tick when there was none: a thread that waited has lost its turn. */
  (
    | (ConsoleInput & { readonly misses: number })
    /** A step of a lookup or a publication, for which time passes. */
    | { readonly kind: 'name step'; readonly bytes: number }
    /** `isOwn`: the name is one that the machine itself keeps, so a replay has it as well. */
    | { readonly kind: 'lookup'; readonly vmo: VmoHandle | undefined; readonly isOwn: boolean }
    /** The id of the VMO can be opened, as that of one that was looked up. */
    | { readonly kind: 'open'; readonly vmo: VmoHandle | undefined }
    | { readonly kind: 'publish'; readonly outcome: PublishOutcome }
    | { readonly kind: 'names'; readonly list: NameList }
    | { readonly kind: 'verdict'; readonly verdict: SpuriousWriteVerdict | 'later' }
    /** What the host returned for its files, which Linux programs see: see LinuxRoot. */
    | { readonly kind: 'root status'; readonly path: string; readonly answer: RootStatus | LinuxErrno }
    | { readonly kind: 'root list'; readonly path: string; readonly answer: readonly RootEntry[] | LinuxErrno }
    /** A part of a file, or why there is none. */
    | {
        readonly kind: 'root part';
        readonly path: string;
        readonly vmo: VmoHandle | undefined;
        readonly errno: LinuxErrno | undefined;
      }
    /** Time passed while all threads waited, up to a tick. */
    | { readonly kind: 'time'; readonly until: number }
    /** News of the host for the network of a bare machine. */
    | { readonly kind: 'network'; readonly news: NetworkNews }
    | MachineChange
  );

/** Something that a debugger, or the host's terminal, has changed in the machine, between two ticks. */
export type MachineChange =
  /** `pid`: the process that the address is one of; undefined for that at which memory lies. */
  | {
      readonly kind: 'memory write';
      readonly pid: number | undefined;
      readonly address: bigint;
      readonly bytes: Uint8Array;
    }
  /** All registers of a thread, as they are now. */
  | { readonly kind: 'registers'; readonly tid: number; readonly context: Uint8Array }
  /** CR2, which belongs to the CPU and not to a thread. */
  | { readonly kind: 'cr2'; readonly value: bigint }
  | { readonly kind: 'kill'; readonly pid: number; readonly exitCode: number }
  /** The terminal of Linux programs has another size, in characters. */
  | { readonly kind: 'terminal size'; readonly rows: number; readonly columns: number };

const CHANGES: readonly string[] = [
  'memory write',
  'registers',
  'cr2',
  'kill',
  'terminal size',
] satisfies MachineChange['kind'][];

/** Whether an entry is a change of the machine. */
export function isChange<Entry extends { readonly kind: string }>(
  entry: Entry,
): entry is Extract<Entry, { readonly kind: MachineChange['kind'] }> {
  return CHANGES.includes(entry.kind);
}

/** Keeps what comes from outside. */
export interface InputRecorder {
  add(input: MachineInput): void;
  /**
   * All inputs after the first `count` of the machine, and all that happened after the tick at which it stands now, is not going
   * to happen: somebody is about to change the machine in its past. See `Inputs.count`.
   */
  forgetAfter?(count: number): void;
}

export type InputKind = MachineInput['kind'];

/** Where a replay takes input from instead of the host. */
export interface InputSource {
  /** As `take`, for the console, if the machine has asked as often at this tick as it had then. */
  takeConsole(tick: number, misses: number): Extract<MachineInput, { kind: 'console' | 'console end' }> | undefined;
  /**
   * The next input, if it is of one of these kinds and came at this tick. It is taken, and a VMO in it is the caller's to
   * close.
   */
  take<Kind extends InputKind>(tick: number, ...kinds: Kind[]): Extract<MachineInput, { kind: Kind }> | undefined;
}

/**
 * Everything that a machine gets from outside passes here, on its way from the host, or, in a replay, from a record. A replay has
 * no effects on the host: nothing is written to the console, and nothing is published.
 */
export class Inputs {
  /** Set during a replay; nothing is recorded then. */
  source: InputSource | undefined;
  /** Inputs since the machine was made. */
  count = 0;

  private readonly recorders = new Set<InputRecorder>();

  private missTick = -1;
  private missCount = 0;

  constructor(private readonly now: () => number) {}

  /** Number of reads at this tick for which the console had no input. */
  get misses(): number {
    return this.missTick === this.tick ? this.missCount : 0;
  }
  set misses(count: number) {
    this.missTick = this.tick;
    this.missCount = count;
  }

  /** Notes that the console had no input. */
  missed(): void {
    this.misses += 1;
  }

  /** The tick now. */
  get tick(): number {
    return this.now();
  }

  /** Whether somebody keeps what comes. */
  get isRecorded(): boolean {
    return this.recorders.size > 0;
  }

  /** From now on, a recorder gets all input that comes from the host, until the function that is returned is called. */
  recordWith(recorder: InputRecorder): () => void {
    this.recorders.add(recorder);
    return () => void this.recorders.delete(recorder);
  }

  note(input: MachineInput): void {
    if (this.source) return;
    this.count++;
    for (const recorder of this.recorders) recorder.add(input);
  }

  /** Called before the machine is changed in its past: see InputRecorder. */
  forgetAfter(count: number): void {
    this.count = count;
    for (const recorder of this.recorders) recorder.forgetAfter?.(count);
  }

  console(host: Console): Console {
    return new InputConsole(this, host);
  }

  names(host: SteppedNames): SteppedNames {
    return new InputNames(this, host);
  }

  /** The host's decision on a spurious write. */
  verdict(
    write: SpuriousWrite,
    ask: (write: SpuriousWrite) => SpuriousWriteVerdict | 'later',
  ): SpuriousWriteVerdict | 'later' {
    const { tick, source } = this;
    if (source) return replayed(source.take(tick, 'verdict'), tick, 'verdict').verdict;
    const verdict = ask(write);
    if (verdict !== 'later') this.note({ tick, kind: 'verdict', verdict });
    return verdict;
  }
}

class InputConsole implements Console {
  constructor(
    private readonly inputs: Inputs,
    private readonly host: Console,
  ) {}

  get isTerminal(): boolean {
    return this.host.isTerminal === true;
  }

  write(bytes: Uint8Array, pid?: number): void {
    if (!this.inputs.source) this.host.write(bytes, pid);
  }

  read(max: number): Uint8Array | 'end' | undefined {
    const { tick, source } = this.inputs;
    if (source) {
      const input = source.takeConsole(tick, this.inputs.misses);
      if (!input) this.inputs.missed();
      return input?.kind === 'console end' ? 'end' : input?.bytes;
    }
    const input = this.host.read(max);
    const { misses } = this.inputs;
    if (input === undefined) this.inputs.missed();
    else if (input === 'end') this.inputs.note({ tick, kind: 'console end', misses });
    else this.inputs.note({ tick, kind: 'console', bytes: input, misses });
    return input;
  }
}

/** Names that the machine itself keeps are part of its state, and answer for themselves in a replay, too. */
class InputNames implements SteppedNames {
  constructor(
    private readonly inputs: Inputs,
    private readonly host: SteppedNames,
  ) {}

  get own(): object | undefined {
    return this.host.own;
  }

  get isAllOwn(): boolean {
    return this.host.isAllOwn;
  }

  get heldNames(): number {
    return this.host.heldNames;
  }

  lookup(name: string): VmoHandle | undefined {
    return this.host.lookup(name);
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    return this.host.publish(name, vmo, expected);
  }

  names(): Iterable<string> {
    return this.host.names();
  }

  *lookupInSteps(name: string, progress: NameProgress = { steps: 0 }): Steps<VmoHandle | undefined, number> {
    if (!isName(name)) return undefined;
    if (this.isReplayed) {
      yield* this.replayedSteps(progress);
      const { isOwn, vmo } = this.take('lookup');
      return isOwn ? this.ownNames?.lookup(name) : vmo;
    }
    const vmo = yield* this.recordedSteps(this.host.lookupInSteps(name, progress));
    this.note(({ tick }) => ({ tick, kind: 'lookup', vmo, isOwn: this.isOwn(name, vmo) }));
    return vmo;
  }

  *publishInSteps(
    name: string,
    vmo: VmoHandle | undefined,
    expected: ExpectedContent,
    progress: NameProgress = { steps: 0 },
  ): Steps<PublishOutcome, number> {
    if (this.isReplayed) {
      yield* this.replayedSteps(progress);
      const { outcome } = this.take('publish');
      // What it keeps in the machine is state, which a replay brings about again.
      if (outcome === 'done') this.ownNames?.publish(name, vmo, 'anything');
      return outcome;
    }
    const outcome = yield* this.recordedSteps(this.host.publishInSteps(name, vmo, expected, progress));
    this.note(({ tick }) => ({ tick, kind: 'publish', outcome }));
    return outcome;
  }

  *listInSteps(first: number, count: number): Steps<NameList, number> {
    if (this.isReplayed) return this.take('names').list;
    const list = yield* this.host.listInSteps(first, count);
    this.note(({ tick }) => ({ tick, kind: 'names', list }));
    return list;
  }

  open(id: string): VmoHandle | undefined {
    if (this.isReplayed) return this.take('open').vmo;
    const vmo = this.host.open(id);
    // Its id can be opened, then, whatever the host's names are.
    void vmo?.id;
    this.note(({ tick }) => ({ tick, kind: 'open', vmo }));
    return vmo;
  }

  /** The names that the machine itself keeps. */
  private get ownNames(): NameSpace | undefined {
    return this.own as NameSpace | undefined;
  }

  /** Whether a VMO that was looked up is that of the machine's own name. */
  private isOwn(name: string, vmo: VmoHandle | undefined): boolean {
    const own = vmo && this.ownNames?.lookup(name);
    const isSame = own !== undefined && own.content === vmo!.content;
    own?.close();
    return isSame;
  }

  /** Whether input comes from a record: not if all names are the machine's own. */
  private get isReplayed(): boolean {
    return this.inputs.source !== undefined && !this.host.isAllOwn;
  }

  /** Records input, unless it comes from the machine's own names: a replay gets it from there. */
  private note(inputAt: (inputs: Inputs) => MachineInput): void {
    const { inputs, host } = this;
    if (inputs.isRecorded && !host.isAllOwn) inputs.note(inputAt(inputs));
  }

  private take<Kind extends InputKind>(kind: Kind): Extract<MachineInput, { kind: Kind }> {
    const { source, tick } = this.inputs;
    return replayed(source!.take(tick, kind), tick, kind);
  }

  /** Steps up to the answer, of which those that `progress` counts were taken before. */
  private *replayedSteps(progress: NameProgress): Steps<void, number> {
    const { inputs } = this;
    for (let step; (step = inputs.source!.take(inputs.tick, 'name step'));) {
      progress.steps++;
      yield step.bytes;
    }
  }

  private *recordedSteps<T>(steps: Steps<T, number>): Steps<T, number> {
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done) return step.value;
        if (step.value > 0) this.note(({ tick }) => ({ tick, kind: 'name step', bytes: step.value }));
        yield step.value;
      }
    } finally {
      steps.return(undefined as T);
    }
  }
}

/** A replay does something else than the machine did: it asks for input that did not come, for example. */
export class ReplayError extends Error {}

/** An input of a replay. Throws ReplayError where the record has none. */
export function replayed<T>(input: T | undefined, tick: number, kind: string): T {
  if (input === undefined) throw new ReplayError(`the record has no ${kind} at tick ${tick}`);
  return input;
}
