import type { ComputerParts } from '../../computer.js';
import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import { ADDRESS_SPACE_END, fromLinear, toLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { homeOf } from '../../kernel/memory/view.js';
import type { MachineStop } from '../../kernel/stops.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { Thread } from '../../kernel/tasks/thread.js';
import { PRESENT } from '../../mmu/entry.js';
import type { Snapshot } from '../../snapshot.js';
import { FRAMES_IN_CHUNK } from '../../vmo/frames/memory-image.js';
import type { Steps } from '../../vmo/steps.js';
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
  readonly stop: MachineStop;
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
type IsHit = (stop: MachineStop, tick: number) => boolean;

/** What happens to some bytes in a part of a run. */
type Use = 'none' | 'read' | 'store';

/** Bytes that a process has, and since when: those of a copy of memory were another's before. */
interface Held {
  readonly range: AddressRange;
  readonly since: number;
}

/** Finds what happened last before a place in the past. */
export class PastSearch {
  constructor(
    private readonly parts: ComputerParts,
    private readonly timeline: Timeline,
    private readonly ripOf: (thread: Thread) => bigint,
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
    linear: bigint,
    lengthBytes: number,
    pid: number | undefined,
    look: StoreObserver = () => {},
  ): Steps<StoreRecord | undefined> {
    const seen = fromLinear(linear);
    if (seen === undefined) return undefined;
    const { parts, timeline } = this;
    const process = pid === undefined ? undefined : parts.kernel.processes.find(pid);
    const start = homeOf(process?.view, seen);
    const range = { start, end: Math.min(start + lengthBytes, ADDRESS_SPACE_END) };
    const here = timeline.depart();
    let before = here.tick + 1;
    for (const held of [...holdersOf(range, process)]) {
      const found = yield* this.lastStore(held, before, here);
      if (found) {
        const record = yield* this.recordOf(found.tick, found.stop, held.range, seen);
        look(record);
        return record;
      }
      before = Math.min(before, held.since);
      if (before <= timeline.begin) return undefined;
    }
    return undefined;
  }

  /** As `lastStop`, for stores, interval by interval. */
  private *lastStore({ range, since }: Held, before: number, here: Snapshot): Steps<FoundStop | undefined> {
    const { timeline, parts } = this;
    const isHit = (stop: MachineStop, tick: number): boolean => tick >= since && storeIn(stop, range) !== undefined;
    const { mmu } = parts.cpu;
    const armament = {
      arm: () => mmu.derived.addDataStop(range, 'write'),
      disarm: () => mmu.derived.removeDataStop(range, 'write'),
    };
    const begin = Math.max(timeline.begin, since, this.storableSince(range));
    const scan = (from: number, to: number): Steps<FoundStop | undefined> =>
      this.lastWithin(from, to, before, armament, isHit);
    let scansLeft = 0;
    const useOf = (from: number, truth: Snapshot | undefined): Steps<Use> => this.useOf(range, from, truth);
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
      if (this.mayHaveChanged(range, tick, end)) {
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
    if (!found || this.parts.cpu.ticks > found.tick) return found;
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
    const { timeline, parts } = this;
    let last: FoundStop | undefined;
    let hits = 0;
    yield* timeline.scan(from, to, armament, (stop) => {
      const tick = parts.cpu.ticks;
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
  private *useOf(range: AddressRange, from: number, truth: Snapshot | undefined): Steps<Use> {
    const { timeline } = this;
    if (!truth) return 'store';
    yield* timeline.stepsTo(from);
    const places = this.privatePlaces(range);
    if (!places) return 'store';
    return (yield* timeline.supposing(this.useOfPlaces(places, truth, truth.tick))) ?? 'read';
  }

  /** `useOf` of bytes of physical memory, from now to a tick at which the machine was `truth`. */
  private *useOfPlaces(places: readonly number[], truth: Snapshot, to: number): Steps<Use> {
    const { timeline, parts } = this;
    const { ram } = parts.memory;
    const values = places.map((physical) => {
      ram[physical]! ^= 0xff;
      parts.cpu.linearMemory.stored(physical, 1);
      return ram[physical]!;
    });
    yield* timeline.runTo(to);
    if (places.some((physical, index) => ram[physical] !== values[index])) return 'store';
    if (parts.cpu.ticks !== to) return 'read';
    // With the true values back, everything must be as it was.
    for (const physical of places) {
      ram[physical]! ^= 0xff;
      parts.memory.mark(physical, 1);
    }
    return truth.equals(timeline.snapshotNow()) ? 'none' : 'read';
  }

  /** Goes to a tick and keeps a snapshot of it, from which the next replays begin. Undefined if there is no such tick. */
  private *keepAt(tick: number): Steps<Snapshot | undefined> {
    const { timeline, parts } = this;
    yield* timeline.stepsTo(tick);
    return parts.cpu.ticks === tick ? timeline.keepNow().snapshot : undefined;
  }

  /** The snapshot of a tick, if there is one. */
  private knownAt(tick: number): Snapshot | undefined {
    const { begin, end } = this.timeline.intervalOf(tick);
    return [begin, end].find((point) => point?.snapshot.tick === tick)?.snapshot;
  }

  /** The physical addresses of bytes of a range that are in private frames; undefined if some are not. */
  private privatePlaces({ start, end }: AddressRange): number[] | undefined {
    const { pager } = this.parts.kernel;
    const places: number[] = [];
    for (let address = start; address < end; address++) {
      const entry = pager.pageTable.entry(address);
      const frame = entry >>> PAGE_SHIFT;
      if (!(entry & PRESENT) || !this.parts.pool.isPrivate(frame)) return undefined;
      places.push(frame * PAGE_SIZE + (address % PAGE_SIZE));
    }
    return places;
  }

  /** `seen`: where the first byte of the range is seen. */
  private *recordOf(tick: number, stop: MachineStop, range: AddressRange, seen: LinearAddress): Steps<StoreRecord> {
    const { timeline, parts } = this;
    const store = storeIn(stop, range)!;
    const { thread, isByKernel } = store;
    const address = Math.max(store.start, range.start);
    const lengthBytes = Math.min(store.end, range.end) - address;
    const read = (): Uint8Array => parts.kernel.memory.peek(address, lengthBytes).slice();
    const { tid, process } = thread;
    yield* timeline.stepsTo(tick);
    const after = read();
    yield* timeline.stepsBefore(tick);
    const before = read();
    const found = parts.kernel.findThread(tid);
    const rip = found && this.ripOf(found);
    const record = { tick, tid, pid: process.pid, name: process.name, isByKernel, before, after };
    return { ...record, rip: rip ?? 0n, address: toLinear(address - range.start + seen) };
  }

  /** A tick before which nothing was stored to a range; Infinity if nothing was ever stored to it. */
  private storableSince({ start, end }: AddressRange): number {
    const { pager } = this.parts.kernel;
    let since = Infinity;
    for (let page = start - (start % PAGE_SIZE); page < end; page += PAGE_SIZE)
      since = Math.min(since, pager.storableSince(page));
    return since;
  }

  /**
   * Whether any byte of a range may have been stored to between two snapshots: not if the frames that hold it were not written,
   * and are the same ones.
   */
  private mayHaveChanged(range: AddressRange, from: number, to: number): boolean {
    const { begin, end } = this.timeline.intervalOf(from);
    if (!end || end.snapshot.tick < to) return true;
    for (let page = range.start - (range.start % PAGE_SIZE); page < range.end; page += PAGE_SIZE) {
      const frame = this.frameOf(page, begin.snapshot);
      // A page that is not there at either end may have been there in between.
      if (frame === undefined || frame !== this.frameOf(page, end.snapshot) || end.changed.has(frame)) return true;
    }
    return false;
  }

  /** The frame that a page was mapped to; undefined if it was not present. */
  private frameOf(page: LinearAddress, snapshot: Snapshot): number | undefined {
    let table = this.parts.kernel.pager.pageTable.root;
    for (let span = 2 ** 39; ; span /= 512) {
      const low = wordAt(snapshot, table + (Math.floor(page / span) % 512) * 8);
      if (!(low & PRESENT)) return undefined;
      if (span === PAGE_SIZE) return low >>> PAGE_SHIFT;
      table = (low & ~(PAGE_SIZE - 1)) >>> 0;
    }
  }
}

/** Where bytes of a process were, from now back in time: in its own memory, and before it was forked in that of its parent. */
function* holdersOf(range: AddressRange, process: Process | undefined): Generator<Held, void, undefined> {
  const { region, copy: own } = process?.description ?? {};
  const isOwn = region !== undefined && range.start >= region.start && range.end <= region.end;
  let at = isOwn ? region.start : 0;
  let held = range;
  for (let copy = isOwn ? own : undefined; copy; copy = copy.copy) {
    yield { range: held, since: copy.tick };
    held = { start: held.start - at + copy.start, end: held.end - at + copy.start };
    at = copy.start;
  }
  yield { range: held, since: 0 };
}

/** Reads a little-endian word of 32 bits of an image of guest memory. */
function wordAt({ memory: { chunks } }: Snapshot, physical: number): number {
  const frame = physical >>> PAGE_SHIFT;
  const chunk = chunks[Math.floor(frame / FRAMES_IN_CHUNK)];
  const page = chunk?.[frame % FRAMES_IN_CHUNK];
  const at = physical % PAGE_SIZE;
  return page ? new DataView(page.buffer, page.byteOffset).getUint32(at, true) : 0;
}

/** The store of a stop that touches a range. */
function storeIn(
  stop: MachineStop,
  range: AddressRange,
):
  | (AddressRange & { readonly thread: Extract<MachineStop, { kind: 'data' }>['thread']; readonly isByKernel: boolean })
  | undefined {
  if (stop.kind !== 'data') return undefined;
  const stores = stop.accesses.filter(
    ({ access, start, end }) => access === 'write' && start < range.end && end > range.start,
  );
  const found = stores.at(-1);
  return found && { start: found.start, end: found.end, thread: stop.thread, isByKernel: found.tid !== undefined };
}
