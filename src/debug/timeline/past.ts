import type { Snapshot } from '../../snapshot.js';
import type { Steps } from '../../vmo/steps.js';
import type {
  AddressSpaceName,
  DebuggedMachine,
  DebugStop,
  MachineThread,
  SearchedBytes,
} from '../machine/debugged-machine.js';
import type { Armament, Timeline } from './timeline.js';

/** The last store to some bytes. */
export interface StoreRecord {
  /** The clock after the store: it happened in the tick before. */
  readonly tick: number;
  readonly tid: number;
  readonly pid: number;
  /** The name of the process. */
  readonly name: string;
  /** The instruction that made it, or that made the kernel call. */
  readonly rip: bigint;
  /** Whether a kernel call made it on behalf of the thread. */
  readonly isByKernel: boolean;
  /** What was stored to: the part of the bytes asked for that it covers, as the process sees it for which they were asked. */
  readonly address: bigint;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Called with a store that was found. */
export type StoreObserver = (record: StoreRecord) => void;

/** A stop that was found, and the clock then. */
export interface FoundStop {
  readonly tick: number;
  readonly stop: DebugStop;
}

/** Ticks that are looked at with every access to the page stopping, which is slow. */
const SLOW_TICKS = 65536;
/** Ticks that are looked at first, and by how much more each time that nothing is found. */
const FIRST_WINDOW = 4096;
const WINDOW_GROWTH = 16;

/** Intervals that are scanned without finding out first whether their bytes are read, after one in which they were. */
const SCANS_AFTER_READ = 3;

/** Hits in a window after which the later half of the rest is looked at first. */
const MOST_HITS = 1000;

/** Whether a stop counts. */
type IsHit = (stop: DebugStop, tick: number) => boolean;

/** What happens to some bytes in a part of a run. */
type Use = 'none' | 'read' | 'store';

/** Finds what happened last before a place in the past. */
export class PastSearch {
  constructor(
    private readonly machine: DebuggedMachine,
    private readonly timeline: Timeline,
    private readonly ripOf: (thread: MachineThread) => bigint,
  ) {}

  /**
   * The last stop before tick `before` for which `isHit` is true. Undefined if there is none; the machine is then at the beginning of
   * history.
   */
  *lastStop(before: number, armament: Armament, isHit: IsHit): Steps<FoundStop | undefined> {
    const { timeline } = this;
    let window = FIRST_WINDOW;
    for (let end = before; end > timeline.begin;) {
      // Windows begin where snapshots are at the latest: from there a replay begins.
      const { tick } = timeline.intervalOf(end - 1).begin.snapshot;
      const from = Math.max(tick, end - window);
      const found = yield* this.lastOfMany(from, end, before, armament, isHit);
      if (found) return found;
      window = from === tick ? FIRST_WINDOW : window * WINDOW_GROWTH;
      end = from;
    }
    yield* timeline.stepsTo(timeline.begin);
    return undefined;
  }

  /**
   * The last store to any of some bytes of a process, by any thread or by the kernel, at or before now. The machine is
   * somewhere in its past then. Undefined if there was none since the beginning of history. Without a process: to what lies at the
   * address. `look` is called with the store while the machine stands before it.
   */
  *whoWrote(
    address: bigint,
    lengthBytes: number,
    space: AddressSpaceName,
    look: StoreObserver = () => {},
  ): Steps<StoreRecord | undefined> {
    const { machine, timeline } = this;
    const holders = [...machine.bytesAt(address, lengthBytes, space)];
    const here = timeline.depart();
    let before = here.tick + 1;
    for (const bytes of holders) {
      const found = yield* this.lastStore(bytes, before, here);
      if (found) {
        const record = yield* this.recordOf(found, bytes, address);
        look(record);
        return record;
      }
      before = Math.min(before, bytes.since);
      if (before <= timeline.begin) return undefined;
    }
    return undefined;
  }

  /** As `lastStop`, for stores, interval by interval. */
  private *lastStore(bytes: SearchedBytes, before: number, here: Snapshot): Steps<FoundStop | undefined> {
    const { timeline } = this;
    const { since } = bytes;
    const isHit = (stop: DebugStop, tick: number): boolean => tick >= since && bytes.storeIn(stop) !== undefined;
    const begin = Math.max(timeline.begin, since, bytes.storableSince);
    const scan = (from: number, to: number): Steps<FoundStop | undefined> =>
      this.lastWithin(from, to, before, bytes, isHit);
    let scansLeft = 0;
    const useOf = (from: number, truth: Snapshot | undefined): Steps<Use> => this.useOf(bytes, from, truth);
    const keepAt = (tick: number): Steps<Snapshot | undefined> => this.keepAt(tick);
    function* find(from: number, to: number, truth: Snapshot | undefined): Steps<FoundStop | undefined> {
      if (to - from <= SLOW_TICKS) return yield* scan(from, to);
      const use = scansLeft-- > 0 ? 'read' : yield* useOf(from, truth);
      if (use === 'none') return undefined;
      if (use === 'read') {
        if (scansLeft < 0) scansLeft = SCANS_AFTER_READ;
        return yield* scan(from, to);
      }
      const middle = Math.floor((from + to) / 2);
      const between = yield* keepAt(middle);
      return (yield* find(middle, to, truth)) ?? (yield* find(from, middle, between));
    }
    for (let end = before; end > begin;) {
      const tick = Math.max(begin, timeline.intervalOf(end - 1).begin.snapshot.tick);
      if (this.mayHaveChanged(bytes, tick, end)) {
        // Bytes that are stored to all the time have been a moment ago.
        const isFirst = end === here.tick + 1;
        const found =
          (isFirst ? yield* scan(Math.max(tick, end - SLOW_TICKS), end) : undefined) ??
          (yield* find(tick, end, isFirst ? here : (this.knownAt(end) ?? (yield* keepAt(end)))));
        if (found) return found;
      }
      end = tick;
    }
    return undefined;
  }

  /** As `lastWithin`, where there may be millions of them: after some, the later half of what is left is looked at first. */
  private *lastOfMany(
    from: number,
    to: number,
    before: number,
    armament: Armament,
    isHit: IsHit,
  ): Steps<FoundStop | undefined> {
    if (to - from <= FIRST_WINDOW) return yield* this.lastWithin(from, to, before, armament, isHit);
    const found = yield* this.lastWithin(from, to, before, armament, isHit, MOST_HITS);
    if (!found || this.machine.ticks > found.tick) return found;
    const middle = Math.floor((found.tick + to) / 2);
    const later = yield* this.lastOfMany(middle, to, before, armament, isHit);
    return later ?? (yield* this.lastOfMany(found.tick, middle, before, armament, isHit)) ?? found;
  }

  /** The last of the stops between two ticks; with `hitsMax`, of the first ones, and the machine stands at the last of them. */
  private *lastWithin(
    from: number,
    to: number,
    before: number,
    armament: Armament,
    isHit: IsHit,
    hitsMax = Infinity,
  ): Steps<FoundStop | undefined> {
    const { timeline, machine } = this;
    let last: FoundStop | undefined;
    let hits = 0;
    yield* timeline.scan(from, to, armament, (stop) => {
      const tick = machine.ticks;
      if (tick >= before || !isHit(stop, tick)) return undefined;
      last = { tick, stop };
      return ++hits >= hitsMax ? 'enough' : undefined;
    });
    return last;
  }

  /**
   * What happens to the bytes of a range from a tick until the machine is `truth`. The run is repeated at full speed with other values in those bytes: if
   * they are still there at its end, and nothing else is different, nothing has stored to them, whatever the value, or read them.
   * If they are there and other things are different, they were read, and stores are less likely than where they are gone.
   * Stores are assumed where the truth is not known.
   */
  private *useOf(bytes: SearchedBytes, from: number, truth: Snapshot | undefined): Steps<Use> {
    const { timeline } = this;
    if (!truth) return 'store';
    yield* timeline.stepsTo(from);
    const places = bytes.places();
    if (!places) return 'store';
    return (yield* timeline.supposing(this.useOfPlaces(places, truth, truth.tick))) ?? 'read';
  }

  /** `useOf` of bytes of physical memory, from now to a tick at which the machine was `truth`. */
  private *useOfPlaces(places: readonly number[], truth: Snapshot, to: number): Steps<Use> {
    const { timeline, machine } = this;
    const { ram } = machine.memory;
    const values = places.map((physical) => {
      ram[physical]! ^= 0xff;
      machine.cpu.linearMemory.stored(physical, 1);
      return ram[physical]!;
    });
    yield* timeline.runTo(to);
    if (places.some((physical, index) => ram[physical] !== values[index])) return 'store';
    if (machine.ticks !== to) return 'read';
    // With the true values back, everything must be as it was.
    for (const physical of places) {
      ram[physical]! ^= 0xff;
      machine.memory.mark(physical, 1);
    }
    return truth.equals(timeline.snapshotNow()) ? 'none' : 'read';
  }

  /** Goes to a tick and keeps a snapshot of it, from which the next replays begin. Undefined if there is no such tick. */
  private *keepAt(tick: number): Steps<Snapshot | undefined> {
    const { timeline, machine } = this;
    yield* timeline.stepsTo(tick);
    return machine.ticks === tick ? timeline.keepNow().snapshot : undefined;
  }

  /** The snapshot of a tick, if there is one. */
  private knownAt(tick: number): Snapshot | undefined {
    const { begin, end } = this.timeline.intervalOf(tick);
    return [begin, end].find((point) => point?.snapshot.tick === tick)?.snapshot;
  }

  /** `seen`: where the first of the bytes is seen. */
  private *recordOf({ tick, stop }: FoundStop, bytes: SearchedBytes, seen: bigint): Steps<StoreRecord> {
    const { timeline, machine } = this;
    const { start, end, thread, isByKernel } = bytes.storeIn(stop)!;
    const { tid, process } = thread;
    yield* timeline.stepsTo(tick);
    const after = bytes.read(start, end);
    yield* timeline.stepsBefore(tick);
    const before = bytes.read(start, end);
    const found = machine.findThread(tid);
    const rip = found && this.ripOf(found);
    const record = { tick, tid, pid: process.pid, name: process.name, isByKernel, before, after };
    return { ...record, rip: rip ?? 0n, address: BigInt.asUintN(64, seen + BigInt(start)) };
  }

  /** Whether any of some bytes may have been stored to between two snapshots. */
  private mayHaveChanged(bytes: SearchedBytes, from: number, to: number): boolean {
    const { begin, end } = this.timeline.intervalOf(from);
    if (!end || end.snapshot.tick < to) return true;
    return bytes.mayHaveChanged(begin.snapshot, end.snapshot, end.changed);
  }
}
