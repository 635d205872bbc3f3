/** Memory that is forked: each region has its own bytes from then on, however few frames there are, and nothing is copied before it is written. */
import t from 'tap';
import { forkMemory } from '../../src/kernel/memory/fork.js';
import { HostMemory, HostMemoryError } from '../../src/kernel/host-memory.js';
import type { Region } from '../../src/kernel/memory/region.js';
import { WRITABLE } from '../../src/mmu/entry.js';
import { OutOfFramesError } from '../../src/vmo/errors.js';
import { finished } from '../../src/vmo/steps.js';
import fc from '../support/fast-check.js';
import { PagedMachine } from '../support/paged-machine.js';
import { volume } from '../support/volume.js';
import { flatId } from '../vmo/model.js';

const PAGE = 4096;
const MB = 2 ** 20;
const READ = 1;
const PAGES = 24;
const IMAGE_PAGES = 10;
const REGIONS_MAX = 5;

const image = new Uint8Array(IMAGE_PAGES * PAGE - 50).map((_, at) => Math.floor(at / PAGE) % 3);

const which = fc.nat({ max: REGIONS_MAX - 1 });
const at = fc.nat({ max: PAGES * PAGE - 1 });
const length = fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 3 * PAGE }));
const page = fc.nat({ max: PAGES - 1 });
const pages = fc.integer({ min: 1, max: 6 });
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), which, at, length }) },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant('write' as const), which, at, length, byte: fc.nat({ max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fork' as const), which, far: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), which, page, pages }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const), which, page, pages }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('poke' as const), which, at, byte: fc.nat({ max: 3 }) }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer Each> ? Each : never;

interface Family {
  readonly region: Region;
  readonly bytes: Uint8Array;
}

/** Regions that are copies of copies, and for each the bytes that it must have. */
class Families {
  readonly seen = { refused: 0, forks: 0, failedForks: 0 };
  private readonly members: Family[] = [];

  constructor(private readonly machine: PagedMachine) {
    const bytes = new Uint8Array(PAGES * PAGE);
    bytes.set(image);
    this.members.push({ region: machine.region(PAGES * PAGE, image), bytes });
  }

  take(step: Step): void {
    const { machine, members } = this;
    const family = members[step.which % members.length]!;
    machine.pager.releasePins();
    try {
      if (step.do === 'fork') this.fork(family, step.far);
      else if (step.do === 'remove') this.remove(family);
      else if (step.do === 'poke') this.poke(family, step.at, step.byte);
      else if (step.do === 'read' || step.do === 'write') this.access(family, step);
      else this.changeRange(family, step);
    } catch (error) {
      if (!(error instanceof OutOfFramesError)) throw error;
      this.seen.refused++;
    }
    if (step.do !== 'read') machine.check();
  }

  /** A copy that lies far from the others needs tables of its own. */
  private fork({ region, bytes }: Family, far: boolean): void {
    if (this.members.length === REGIONS_MAX) return;
    const copy = this.machine.space.placeAligned(region.size, far ? 2 ** 39 : PAGE);
    try {
      finished(forkMemory(this.machine, region, copy));
      this.members.push({ region: copy, bytes: bytes.slice() });
      this.seen.forks++;
    } catch (error) {
      this.seen.failedForks++;
      this.machine.check();
      this.machine.remove(copy);
      throw error;
    }
  }

  private remove(family: Family): void {
    if (this.members.length === 1) return;
    this.machine.remove(family.region);
    this.members.splice(this.members.indexOf(family), 1);
  }

  private poke({ region, bytes }: Family, at: number, byte: number): void {
    if (this.machine.memory.poke(region.start + at, Uint8Array.of(byte)) === 1) bytes[at] = byte;
  }

  private access({ region, bytes }: Family, step: Step & { do: 'read' | 'write' }): void {
    for (let at = step.at, end = Math.min(at + step.length, bytes.length); at < end;) {
      const next = Math.min(end, at - (at % PAGE) + PAGE);
      if (step.do === 'write') {
        this.machine.memory.write(region.start + at, new Uint8Array(next - at).fill(step.byte));
        bytes.fill(step.byte, at, next);
      } else {
        const found = this.machine.memory.read(region.start + at, next - at);
        if (Buffer.compare(found, bytes.subarray(at, next)) !== 0) throw new Error(`bytes ${at} to ${next} differ`);
      }
      at = next;
    }
  }

  private changeRange({ region, bytes }: Family, step: Step & { do: 'clear' | 'commit' }): void {
    const start = step.page * PAGE;
    const end = Math.min(PAGES, step.page + step.pages) * PAGE;
    if (step.do === 'commit') {
      const vmo = this.machine.commit(region.start + start, end - start);
      if (vmo.id !== flatId(bytes.subarray(start, end))) throw new Error(`bytes ${start} to ${end} are not committed`);
      vmo.close();
      return;
    }
    this.machine.pager.discard(region, region.start + start, region.start + end);
    region.cut(region.start + start, region.start + end, (vmo) => this.machine.store.slice(vmo, 0, vmo.length));
    region.add({ start: region.start + start, end: region.start + end, protection: 3, backing: undefined });
    bytes.fill(0, start, end);
  }

  /** Holds all bytes against the model, by looking at them. */
  check(): void {
    for (const { region, bytes } of this.members) {
      const found = this.machine.memory.peek(region.start, region.size);
      if (Buffer.compare(found, bytes) !== 0) throw new Error(`a region at ${region.start} differs`);
    }
  }

  end(): void {
    for (const { region } of this.members) this.machine.remove(region);
    const { inUse, idle, tables, private: privates } = this.machine.pool.counters;
    if (inUse - idle !== 1 || tables !== 1 || privates !== 0) throw new Error('frames are left');
  }
}

/** A far copy needs tables, for which a page is written back that is to be shared next. */
const WRITTEN_BACK_WHILE_FORKED: [Step[], frames: number, writeBackBytes: number] = [
  [
    { do: 'write', which: 0, at: 4093, length: 4, byte: 0 },
    { do: 'fork', which: 0, far: true },
    { do: 'write', which: 0, at: 0, length: 1, byte: 0 },
    { do: 'fork', which: 1, far: true },
    { do: 'read', which: 0, at: 0, length: 0 },
    { do: 'remove', which: 0 },
    { do: 'poke', which: 0, at: 0, byte: 0 },
    ...Array.from({ length: 4 }, (): Step => ({ do: 'read', which: 0, at: 0, length: 0 })),
    { do: 'commit', which: 0, page: 0, pages: 1 },
  ],
  12,
  8 * PAGE,
];

t.test('regions that were forked have bytes of their own, however few frames there are', (t) => {
  const seen = { refused: 0, forks: 0, failedForks: 0, writeBacks: 0 };
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 10, maxLength: 120, size: 'max' }),
      fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 12, max: 24 }) },
        { weight: 1, arbitrary: fc.integer({ min: 12, max: 80 }) },
      ),
      fc.constantFrom(0, 8 * PAGE, MB),
      (steps, frames, writeBackBytes) => {
        const machine = new PagedMachine(frames, writeBackBytes);
        const families = new Families(machine);
        for (const step of steps) families.take(step);
        families.check();
        seen.writeBacks += machine.pager.writeBacks.count;
        families.end();
        for (const name of ['refused', 'forks', 'failedForks'] as const) seen[name] += families.seen[name];
      },
    ),
    { numRuns: volume(30, 5000), examples: [WRITTEN_BACK_WHILE_FORKED] },
  );
  for (const [name, count] of Object.entries(seen)) t.ok(count > 2, `${name}: ${count}`);
  t.end();
});

t.test('a fork copies no page; who writes first gets a copy, and the last one keeps the frame', (t) => {
  const machine = new PagedMachine(400);
  const region = machine.region(64 * PAGE);
  for (let page = 0; page < 50; page++) machine.memory.write(region.start + page * PAGE, Uint8Array.of(page + 1));
  const before = machine.pool.counters;
  const copy = machine.space.place(region.size);
  finished(forkMemory(machine, region, copy));
  t.match(machine.pool.counters, { private: 50, copies: before.copies, allocated: before.allocated });
  const frame = machine.pager.pageTable.entry(region.start) >>> 12;
  t.equal(machine.pager.pageTable.entry(copy.start) >>> 12, frame, 'both have the frame');
  machine.memory.write(region.start, Uint8Array.of(99));
  t.match(machine.pool.counters, { private: 51, copies: before.copies + 1 });
  t.equal(machine.memory.read(copy.start, 1)[0], 1);
  machine.memory.write(copy.start, Uint8Array.of(98));
  t.match(machine.pool.counters, { private: 51, copies: before.copies + 1 }, 'the last one copies nothing');
  t.equal(machine.pager.pageTable.entry(copy.start) >>> 12, frame);
  t.ok(machine.pager.pageTable.entry(copy.start) & WRITABLE);
  t.equal(machine.memory.read(region.start, 1)[0], 99);
  machine.remove(copy);
  machine.check();
  t.equal(machine.memory.read(region.start + PAGE, 1)[0], 2);
  t.end();
});

t.test('a page that may only be read is shared too, and what is left of a fork that failed is taken away', (t) => {
  const machine = new PagedMachine(64);
  const region = machine.region(4 * PAGE, new Uint8Array(4 * PAGE).fill(5), READ);
  machine.memory.poke(region.start, Uint8Array.of(7));
  const copy = machine.space.place(region.size);
  finished(forkMemory(machine, region, copy));
  machine.check();
  t.same([...machine.memory.peek(copy.start, 2)], [7, 5]);
  t.equal(machine.memory.locate(BigInt(copy.start), 1n, 'write'), undefined);
  const hostMemory = new HostMemory(100);
  const other = machine.space.place(region.size);
  t.throws(() => finished(forkMemory({ ...machine, hostMemory }, region, other)), HostMemoryError);
  t.equal(other.mappings.length, 0);
  t.throws(() => finished(forkMemory(machine, region, copy)), RangeError, 'not into a region with mappings');
  t.end();
});
