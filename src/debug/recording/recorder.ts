import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import type { Outcome } from '../../computer-options.js';
import type { Computer } from '../../computer.js';
import type { MachineInput } from '../../kernel/inputs.js';
import { ValueWriter } from '../../state/saved-values.js';
import type { HashFunction } from '../../vmo/content/canonical-form.js';
import { ContentLogWriter } from '../../vmo/saved/content-log.js';
import { VmoStore } from '../../vmo/store.js';
import type { BoardMachine } from '../machine/board-machine.js';
import { hashRecord, writeInput, type HashMoment, type RecordedInput } from './entries.js';
import { recordedMachineOf, type RecordedMachine } from './recorded-machine.js';
import { RECORD, RecordWriter } from './records.js';
import { startRecord, type About, type RecordedEnd } from './start.js';

/** Configuration of a recorder. */
export interface RecorderOptions {
  /** Takes the bytes of the recording, in pieces: each makes what was written before it replayable up to there. */
  readonly write: (bytes: Uint8Array) => void;
  /** What to know of the run, for people. */
  readonly about?: About;
  /** A faster SHA-256 than the portable default. */
  readonly sha256?: HashFunction;
  /** The host's clock in milliseconds: hashes are taken less often where they take more than a hundredth of the time. */
  readonly now?: () => number;
  /** Ticks between two hashes, at first. Default: 2^24. */
  readonly hashTicks?: number;
}

/** Doubled where hashes take too long, so that two recordings have hashes at the same ticks. */
const INTERVAL_TICKS = 2 ** 24;
const INTERVAL_TICKS_MAX = 2 ** 40;
const HASH_SHARE_MAX = 0.01;

/** Bytes of the state at the beginning that are written at once. */
const STATE_PART_BYTES = 2 ** 20;
/** Inputs are written when they have this many bytes, at the latest. */
const INPUT_BYTES_MAX = 2 ** 16;

/**
 * Records a run: the state of the machine now, then everything that comes from outside, and the machine hash now and then.
 *
 * Code that runs the machine must call `observe` after each run, and must let no run pass `ticksToHash`. What debuggers change is
 * recorded as well, and what they change in the past takes the place of what came later. What else that code does to the machine
 * (kill, commit, memory that it writes, programs that it starts) is not recorded.
 */
export class Recorder {
  private readonly records: RecordWriter;
  private readonly content: ContentLogWriter;
  private inputs = new ValueWriter();
  private interval: number;
  private nextHash: number;
  private lastMs: number;
  /** The tick that the last record of inputs reaches, and that of the last input. */
  private writtenTick: number;
  private inputTick = 0;
  private readonly firstTick: number;
  /** Inputs of the machine before the recording. */
  private readonly countBefore: number;
  private readonly stop: () => void;
  private isOver = false;

  /** Use attachRecorder. */
  constructor(
    private readonly machine: RecordedMachine,
    private readonly options: RecorderOptions,
  ) {
    const { inputs, store } = machine;
    this.interval = options.hashTicks ?? INTERVAL_TICKS;
    const sha256 = options.sha256 ?? portableSha256;
    this.records = new RecordWriter(options.write, sha256);
    this.content = new ContentLogWriter(store, (items) => this.records.record(RECORD.content, items));
    this.writeStart(sha256);
    this.lastMs = options.now?.() ?? 0;
    this.writtenTick = this.firstTick = machine.ticks;
    this.nextHash = this.hashAfter(machine.ticks);
    this.countBefore = inputs.count;
    this.stop = inputs.recordWith({
      add: (input) => this.add(input),
      forgetAfter: (count) => this.forgetAfter(count),
    });
  }

  /** Ticks that the next run may take. */
  get ticksToHash(): number {
    return this.isOver || this.isInPast ? Infinity : Math.max(0, this.nextHash - this.machine.ticks);
  }

  /** Writes what came from outside during a run, and the machine hash if it is time for it. */
  observe({ kind }: Pick<Outcome, 'kind'>): void {
    if (this.isOver || this.isInPast) return;
    const { ticks } = this.machine;
    this.flush(ticks);
    if (ticks < this.nextHash) return;
    // A process whose end is held back for a debugger is not there in a machine without one.
    const isHeld = kind === 'stopped' || kind === 'asking' || this.machine.isHolding;
    if (!isHeld && kind === 'limit') this.writeHash('tick');
    else if (!isHeld && kind === 'waiting') this.writeHash('waiting');
    else if (!isHeld) return;
    this.nextHash = this.hashAfter(this.machine.ticks);
  }

  /** Ends the recording. `outcome` is that of the last run, if the machine stands as that left it. */
  end(how: Omit<RecordedEnd, 'tick'>, outcome?: Pick<Outcome, 'kind'>): void {
    if (this.isOver) return;
    // Going back changes nothing of what was recorded.
    const ticks = this.isInPast ? this.reachedTick : this.machine.ticks;
    this.flush(ticks);
    const isHashed = !this.isInPast && !this.machine.isHolding;
    if (isHashed && (outcome?.kind === 'exited' || outcome?.kind === 'trapped')) this.writeHash('ended');
    else if (isHashed && outcome?.kind === 'waiting') this.writeHash('waiting');
    this.records.record(RECORD.end, new ValueWriter().value([ticks, how.what, how.exitCode]).written);
    this.detach();
  }

  /** Stops recording. What was recorded can be replayed, up to the last call of `observe`. */
  detach(): void {
    this.stop();
    this.isOver = true;
  }

  private writeStart(sha256: HashFunction): void {
    const { machine, options } = this;
    const saved = machine.save(new VmoStore(sha256));
    const { isTerminal, namesKept } = machine;
    const start = { isTerminal, namesKept, stateBytes: saved.length, about: options.about ?? {} };
    this.records.record(RECORD.start, startRecord(start));
    for (let at = 0; at < saved.length; at += STATE_PART_BYTES)
      this.records.record(RECORD.state, saved.read(at, Math.min(STATE_PART_BYTES, saved.length - at)));
    saved.close();
  }

  private add(input: MachineInput): void {
    writeInput(this.recorded(input), this.inputs);
    this.inputTick = input.tick;
    if (this.inputs.written.length >= INPUT_BYTES_MAX) this.flush(input.tick);
  }

  /** A debugger is about to change the past at the tick at which the machine is. The recording ends if it had not begun then. */
  private forgetAfter(count: number): void {
    const { ticks } = this.machine;
    if (count < this.countBefore || ticks < this.firstTick) return this.detach();
    this.flush(this.reachedTick);
    this.records.record(RECORD.back, new ValueWriter().count(ticks).count(count - this.countBefore).written);
    this.writtenTick = this.inputTick = ticks;
    this.nextHash = this.hashAfter(ticks);
  }

  /** Whether the machine repeats what it has done. */
  private get isInPast(): boolean {
    return this.machine.inputs.source !== undefined;
  }

  /** The tick up to which the recording is known to go. */
  private get reachedTick(): number {
    return Math.max(this.writtenTick, this.inputTick);
  }

  private recorded(input: MachineInput): RecordedInput {
    const { kind, tick } = input;
    if (kind === 'root part') return { ...input, vmo: input.vmo && this.content.add(input.vmo) };
    if (kind !== 'lookup' && kind !== 'open') return input;
    if (kind === 'lookup' && input.isOwn) return { tick, kind, vmo: 'own' };
    return { tick, kind, vmo: input.vmo && this.content.add(input.vmo) };
  }

  private flush(ticks: number): void {
    const { written } = this.inputs;
    if (written.length === 0 && ticks === this.writtenTick) return;
    this.records.record(RECORD.inputs, new ValueWriter().count(ticks).raw(written).written);
    this.inputs = new ValueWriter();
    this.writtenTick = ticks;
  }

  private writeHash(moment: HashMoment): void {
    const { machine, options } = this;
    const startMs = options.now?.() ?? 0;
    const hash = machine.hash();
    this.records.record(RECORD.hash, hashRecord({ kind: 'hash', tick: machine.ticks, moment, hash }));
    const endMs = options.now?.() ?? 0;
    const isDear = endMs - startMs > HASH_SHARE_MAX * (endMs - this.lastMs);
    if (isDear && this.interval < INTERVAL_TICKS_MAX) this.interval *= 2;
    this.lastMs = endMs;
  }

  /** The tick for the hash after a tick: a multiple of the interval. */
  private hashAfter(tick: number): number {
    return (Math.floor(tick / this.interval) + 1) * this.interval;
  }
}

/** Records what a machine does from now on. */
export function attachRecorder(machine: Computer | BoardMachine, options: RecorderOptions): Recorder {
  return new Recorder(recordedMachineOf(machine), options);
}
