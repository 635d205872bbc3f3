import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { readSavedMachine } from '../../machine-state.js';
import { SavedSnapshotError, ValueReader } from '../../state/saved-values.js';
import { type HashFunction } from '../../vmo/content/canonical-form.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { LoggedContent } from '../../vmo/saved/content-log.js';
import { VmoStore } from '../../vmo/store.js';
import { readHash, readInput, type Entry, type RecordedInput } from './entries.js';
import { RECORD, readRecords, RecordingError, type FileRecord, type RecordingSource } from './records.js';
import { readEnd, readStart, type RecordedEnd, type RecordedStart } from './start.js';

/** A record of inputs, or of a hash. */
interface Segment {
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
  /** Inputs that count, of a record of inputs: later ones were taken back. */
  readonly inputs: number;
  /** Of a hash. */
  readonly tick: number;
}

/** A part of the state at the beginning. */
type StatePart = Pick<Segment, 'offset' | 'length'>;

/** What a recording holds, read from a file once. Inputs, content and the state are read again as they are needed. */
export class Recording {
  readonly content: LoggedContent;
  /** Undefined if the run was killed: then the recording has what happened until a moment before. */
  end: RecordedEnd | undefined;
  /** The tick of the state at the beginning. */
  readonly firstTick: number;
  /** The last tick that can be replayed. */
  lastTick = 0;
  /** How many hashes of the machine it has. */
  hashes = 0;
  /** The id of the state at the beginning, as a VMO. */
  readonly stateId: string;
  /** Whether it is of a board, on which a foreign kernel runs. */
  readonly isBare: boolean;
  private readonly begin: RecordedStart;
  private readonly stateParts: StatePart[] = [];
  private segments: Segment[] = [];

  private constructor(
    private readonly source: RecordingSource,
    readonly sha256: HashFunction,
  ) {
    this.content = new LoggedContent((offset, length) => source.read(offset, length));
    const records = readRecords(source, sha256);
    const first = records.next();
    if (first.done) throw new RecordingError('it is cut within its first bytes');
    if (first.value.kind !== RECORD.start)
      throw new RecordingError('it is damaged: it does not begin as recordings do');
    this.begin = readStart(first.value.content);
    for (const record of records) this.take(record);
    const stateBytes = this.stateParts.reduce((total, { length }) => total + length, 0);
    if (stateBytes < this.begin.stateBytes) throw new RecordingError('it is cut before the run began');
    const state = this.state();
    const { tick, limits } = readSavedMachine(state);
    this.firstTick = tick;
    this.isBare = limits.clock === 'bare';
    this.stateId = state.contentId;
    this.lastTick = Math.max(this.lastTick, this.firstTick);
    state.close();
  }

  /** Reads a recording, and checks every byte of it. Throws RecordingError for anything else. */
  static read(source: RecordingSource, sha256: HashFunction = portableSha256): Recording {
    try {
      return new Recording(source, sha256);
    } catch (error) {
      if (!(error instanceof SavedSnapshotError)) throw error;
      throw new RecordingError(error.message.replace('the saved snapshot', 'it'), { cause: error });
    }
  }

  get start(): RecordedStart {
    return this.begin;
  }

  /** The state at the beginning, as a saved snapshot in a store of its own. The caller closes it. */
  state(): VmoHandle {
    const builder = new VmoStore(this.sha256).builder();
    for (const { offset, length } of this.stateParts) builder.append(this.source.read(offset, length));
    return builder.commit();
  }

  /** The entries of a record; undefined after the last one. */
  entriesOf(segment: number): readonly Entry[] | undefined {
    const found = this.segments[segment];
    if (!found) return undefined;
    const content = this.source.read(found.offset, found.length);
    return found.kind === RECORD.hash ? [readHash(content)] : this.inputsIn(content).inputs.slice(0, found.inputs);
  }

  private take(record: FileRecord): void {
    const { kind, content, offset } = record;
    const segment = { kind, offset, length: content.length, inputs: 0, tick: 0 };
    if (this.end) throw new RecordingError('it is damaged: something follows its end');
    if (kind === RECORD.state) this.stateParts.push(segment);
    else if (kind === RECORD.content) this.content.add(content, offset);
    else if (kind === RECORD.end) this.reach((this.end = readEnd(content)).tick);
    else if (kind === RECORD.inputs) this.takeInputs(segment, content);
    else if (kind === RECORD.hash) this.takeHash(segment, content);
    else if (kind === RECORD.back) this.takeBack(content);
    else throw new RecordingError('it is damaged: it begins twice');
  }

  private takeInputs(segment: Segment, content: Uint8Array): void {
    const { inputs, reached } = this.inputsIn(content);
    for (const input of inputs) this.reach(input.tick);
    this.reach(reached);
    if (inputs.length > 0) this.segments.push({ ...segment, inputs: inputs.length });
  }

  /** A debugger has changed the past: what came later is forgotten. */
  private takeBack(content: Uint8Array): void {
    const source = new ValueReader(content);
    const [tick, kept] = [source.count(), source.count()];
    let left = kept;
    const remaining = this.segments.flatMap((segment) => {
      if (segment.kind === RECORD.hash) return segment.tick < tick ? [segment] : [];
      const inputs = Math.min(left, segment.inputs);
      left -= inputs;
      return inputs > 0 ? [{ ...segment, inputs }] : [];
    });
    if (!source.isAtEnd || left > 0 || tick > this.lastTick)
      throw new RecordingError('it is damaged: it goes back to nowhere');
    this.segments = remaining;
    this.hashes = remaining.filter(({ kind }) => kind === RECORD.hash).length;
    this.lastTick = tick;
  }

  private takeHash(segment: Segment, content: Uint8Array): void {
    const { tick } = readHash(content);
    this.reach(tick);
    this.segments.push({ ...segment, tick });
    this.hashes++;
  }

  private inputsIn(content: Uint8Array): { readonly inputs: RecordedInput[]; readonly reached: number } {
    const source = new ValueReader(content);
    const reached = source.count();
    const inputs: RecordedInput[] = [];
    while (!source.isAtEnd) {
      const input = readInput(source);
      if ('vmo' in input && typeof input.vmo === 'object' && !this.content.fits(input.vmo)) throw source.malformed();
      inputs.push(input);
    }
    return { inputs, reached };
  }

  private reach(tick: number): void {
    if (tick < this.lastTick) throw new RecordingError('it is damaged: time runs backwards in it');
    this.lastTick = tick;
  }
}
