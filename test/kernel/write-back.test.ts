/** Private pages that leave memory when it is full, and ranges that become VMOs: no byte is lost, and all is counted. */
import t, { type Test } from 'tap';
import { ChangedPages } from '../../src/kernel/memory/pages/changed-pages.js';
import { ClockRing } from '../../src/kernel/memory/pages/clock-ring.js';
import { PrivateFrames } from '../../src/kernel/memory/pages/private-frames.js';
import type { Region } from '../../src/kernel/memory/region.js';
import { PRESENT, WRITABLE } from '../../src/mmu/entry.js';
import { OutOfFramesError } from '../../src/vmo/errors.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { PagedMachine } from '../support/paged-machine.js';
import { Random } from '../support/random.js';
import { flatId, noise } from '../vmo/model.js';

const PAGE = 4096;
const MB = 2 ** 20;
const GB = 2 ** 30;
const READ = 1;
const WRITE = 2;
const REGION_PAGES = 33;
const IMAGE_PAGES = 20;

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Pages of which some are equal, some are zeros, and the last one is cut. */
function someBytes(seed: number): Uint8Array {
  const random = new Random(seed);
  const bytes = new Uint8Array(IMAGE_PAGES * PAGE - 100);
  for (let at = 0; at < bytes.length; at += PAGE) bytes.fill(random.below(2 * IMAGE_PAGES), at, at + PAGE);
  return bytes;
}

type Step =
  | { do: 'access'; region: number; at: number; length: number; write: number | null }
  | { do: 'poke'; region: number; at: number; byte: number }
  | { do: 'instruction'; region: number; pages: number[]; write: boolean }
  | { do: 'commit'; region: number; page: number; pages: number }
  | { do: 'close'; which: number }
  | { do: 'restart'; region: number; seed: number };

const region = fc.nat({ max: 1 });
const at = fc.nat({ max: 30 * PAGE });
const byte = fc.integer({ min: 0, max: 3 });
const page = fc.nat({ max: REGION_PAGES - 1 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('access' as const),
      region,
      at,
      length: fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 3 * PAGE })),
      write: fc.option(byte, { freq: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('poke' as const), region, at, byte }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('instruction' as const),
      region,
      pages: fc.array(page, { minLength: 2, maxLength: 4 }),
      write: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      region,
      page,
      pages: fc.oneof(fc.constant(REGION_PAGES), fc.integer({ min: 1, max: 8 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), region, seed: fc.nat({ max: 5 }) }) },
);

/** A machine beside flat arrays of bytes. */
class Run {
  readonly machine: PagedMachine;
  refusals = 0;
  private readonly regions: Region[] = [];
  private readonly models: Uint8Array[] = [];
  private readonly committed: VmoHandle[] = [];

  constructor(
    frames: number,
    private readonly quotaBytes: number,
  ) {
    this.machine = new PagedMachine(frames, quotaBytes);
    for (const index of [0, 1]) this.begin(index, 1);
  }

  take(step: Step): void {
    try {
      this.follow(step);
    } catch (error) {
      if (!(error instanceof OutOfFramesError)) throw error;
      this.refusals++;
      if (this.quotaBytes === Infinity) throw new Error('there was room, and no frame was found', { cause: error });
      this.machine.pager.releasePins();
    }
    this.machine.check();
  }

  /** Ends all, and throws where anything is left. */
  end(): void {
    const { machine, regions } = this;
    for (const [index, region] of regions.entries()) {
      this.compare(index, 0, region.size);
      machine.remove(region);
    }
    for (const handle of this.committed) handle.close();
    machine.check();
    const { inUse, idle, tables } = machine.pool.counters;
    if (inUse - idle !== 1 || tables !== 1) throw new Error(`${inUse - idle} frames are left, ${tables} tables`);
    if (machine.store.counters.pagesStored !== 0)
      throw new Error(`${machine.store.counters.pagesStored} pages are left`);
  }

  private follow(step: Step): void {
    const { machine } = this;
    if (step.do === 'close') {
      this.committed.splice(step.which % (this.committed.length + 1), 1)[0]?.close();
      return;
    }
    const region = this.regions[step.region]!;
    if (step.do === 'restart') {
      machine.remove(region);
      return this.begin(step.region, step.seed);
    }
    if (step.do === 'commit') return this.commit(step.region, step.page, step.pages);
    if (step.do === 'instruction') return this.needTogether(region, step.pages, step.write);
    if (step.do === 'poke') {
      const stored = machine.memory.poke(region.start + step.at, Uint8Array.of(step.byte));
      // A poke answers how far it came; that a page found no frame is what the others throw.
      if (stored !== 1) throw new OutOfFramesError(`${stored} bytes were poked`);
      this.models[step.region]![step.at] = step.byte;
    } else if (step.write === null) {
      machine.memory.read(region.start + step.at, step.length);
      this.compare(step.region, step.at, step.length);
    } else this.write(step.region, step.at, step.length, step.write);
  }

  private begin(index: number, seed: number): void {
    const bytes = someBytes(seed);
    this.regions[index] = this.machine.region(REGION_PAGES * PAGE, bytes);
    this.models[index] = new Uint8Array(REGION_PAGES * PAGE);
    this.models[index]!.set(bytes);
  }

  /** Page by page, so that the model knows what was written when frames run out. */
  private write(index: number, at: number, length: number, value: number): void {
    for (let offset = at; offset < at + length;) {
      const bytes = new Uint8Array(Math.min(PAGE - (offset % PAGE), at + length - offset)).fill(value);
      this.machine.memory.write(this.regions[index]!.start + offset, bytes);
      this.models[index]!.set(bytes, offset);
      offset += bytes.length;
    }
  }

  private needTogether(region: Region, pages: readonly number[], write: boolean): void {
    const { pager } = this.machine;
    const addresses = pages.map((page) => region.start + page * PAGE);
    for (const address of addresses) pager.resolve(address, write ? 'write' : 'read');
    const needed = write ? PRESENT | WRITABLE : PRESENT;
    if (addresses.some((address) => (pager.pageTable.entry(address) & needed) !== needed))
      throw new Error('a page that an instruction needs went before it was done');
    pager.releasePins();
  }

  private commit(index: number, page: number, pages: number): void {
    const region = this.regions[index]!;
    const [from, to] = [page * PAGE, Math.min(REGION_PAGES, page + pages) * PAGE];
    const bytes = this.models[index]!.slice(from, to);
    const frames = this.machine.pool.counters.allocated;
    const handle = this.machine.commit(region.start + from, to - from);
    this.committed.push(handle);
    if (handle.id !== flatId(bytes)) throw new Error(`pages ${page} to ${page + pages} have another identity`);
    if (!isEqual(handle.read(0, handle.length), bytes)) throw new Error('the VMO has other bytes');
    if (region.changed.within(region.start + from, region.start + to).length > 0)
      throw new Error('pages are changed that were committed');
    if (this.machine.pool.counters.allocated !== frames) throw new Error('a commit took frames');
  }

  private compare(index: number, at: number, length: number): void {
    const bytes = this.machine.memory.peek(this.regions[index]!.start + at, length);
    if (!isEqual(bytes, this.models[index]!.subarray(at, at + length)))
      throw new Error(`${length} bytes at ${at} of region ${index} differ`);
  }
}

t.test('whatever is read, written, committed and forgotten in few frames: no byte is lost, and all is counted', (t) => {
  const seen = { refusals: 0, writeBacks: 0, commits: 0, kept: 0 };
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 10, maxLength: 100, size: 'max' }),
      fc.integer({ min: 12, max: 40 }),
      fc.constantFrom(0, 3 * PAGE, 12 * PAGE, Infinity),
      (steps, frames, quotaBytes) => {
        const run = new Run(frames, quotaBytes);
        for (const step of steps) {
          run.take(step);
          seen.kept = Math.max(seen.kept, run.machine.pager.writeBacks.bytesKept / PAGE);
        }
        seen.refusals += run.refusals;
        seen.writeBacks += run.machine.pager.writeBacks.count;
        seen.commits += steps.filter((step) => step.do === 'commit').length;
        run.end();
      },
    ),
    { numRuns: 150 },
  );
  t.ok(seen.refusals > 20, `${seen.refusals} accesses found no frame`);
  t.ok(seen.writeBacks > 200, `${seen.writeBacks} pages were written back`);
  t.ok(seen.commits > 200, `${seen.commits} ranges were committed`);
  t.ok(seen.kept > 4, `${seen.kept} pages were kept at once`);
  t.end();
});

/** A page of its own for each number, zeros at its end. */
function numbered(number: number): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  new DataView(bytes.buffer).setFloat64(8, number + 1);
  return bytes;
}

t.test('a program has four times the memory of its machine', (t) => {
  const pages = 256;
  const machine = new PagedMachine(64, Infinity);
  const region = machine.region(pages * PAGE);
  for (const round of [0, 1]) {
    for (let page = 0; page < pages; page++)
      machine.memory.write(region.start + page * PAGE, numbered(round * pages + page));
    for (let page = 0; page < pages; page++)
      if (!isEqual(machine.memory.read(region.start + page * PAGE, PAGE), numbered(round * pages + page)))
        t.fail(`page ${page} of round ${round} is not what was written`);
  }
  machine.check();
  const { count, bytesKept } = machine.pager.writeBacks;
  t.ok(count > 2 * (pages - 64), `${count} pages were written back`);
  t.ok(bytesKept > (pages - 64) * PAGE && bytesKept <= pages * PAGE, `${bytesKept} bytes are kept`);
  t.ok(region.residentPages <= 64 - 4);
  machine.remove(region);
  t.same(machine.pager.writeBacks, { count, bytesKept: 0 }, 'a region that ends gives back what it took');
  t.equal(machine.store.counters.pagesStored, 0);
  t.end();
});

/** A machine of which some pages have been written back, each of its own content. */
function crowded(quotaBytes = Infinity): { machine: PagedMachine; region: Region; absent: () => number[] } {
  const machine = new PagedMachine(16, quotaBytes);
  const region = machine.region(30 * PAGE);
  for (let page = 0; page < 30; page++) machine.memory.write(region.start + page * PAGE, numbered(page));
  const absent = (): number[] =>
    Array.from({ length: 30 }, (_, page) => region.start + page * PAGE).filter(
      (page) => !(machine.pager.pageTable.entry(page) & PRESENT),
    );
  return { machine, region, absent };
}

t.test('what is read again is kept on; what is written again is given back', (t) => {
  const { machine, absent } = crowded();
  const page = absent()[0]!;
  const kept = (): boolean => machine.space.regionAt(page)!.changed.contentOf(page) !== undefined;
  t.ok(kept());
  machine.memory.read(page, 1);
  t.ok(kept(), 'its frame is clean, and can be dropped again');
  machine.memory.write(page, Uint8Array.of(1));
  t.notOk(kept());
  machine.check();
  t.end();
});

t.test('debuggers look at pages that were written back, and bring none in; what they store is not lost', (t) => {
  const { machine, region, absent } = crowded();
  const before = { ...machine.pool.counters, absent: absent() };
  for (let page = 0; page < 30; page++)
    t.ok(isEqual(machine.memory.peek(region.start + page * PAGE, PAGE), numbered(page)));
  t.same({ ...machine.pool.counters, absent: absent() }, before);
  const [page] = absent();
  t.equal(machine.memory.poke(page! + 5, Uint8Array.of(7)), 1);
  for (let page = 0; page < 30; page++) machine.memory.read(region.start + page * PAGE, 1);
  const expected = numbered((page! - region.start) / PAGE);
  expected[5] = 7;
  t.ok(isEqual(machine.memory.peek(page!, PAGE), expected));
  machine.check();
  t.end();
});

t.test('a call works on a range larger than memory', (t) => {
  const { machine, region } = crowded();
  const bytes = noise(30 * PAGE - 77, 3);
  machine.memory.write(region.start + 50, bytes);
  t.ok(isEqual(machine.memory.read(region.start + 50, bytes.length), bytes));
  machine.check();
  t.end();
});

t.test(
  'the quota counts distinct pages: equal ones are one, zeros are none, and neither is what is mapped anyway',
  (t) => {
    const image = noise(40 * PAGE, 1);
    const cases: [what: string, bytes: (page: number) => Uint8Array, pagesKept: number, image?: Uint8Array][] = [
      ['equal', () => noise(PAGE, 2), 1],
      ['zeros', () => new Uint8Array(PAGE), 0],
      ['zeros over an image', () => new Uint8Array(PAGE), 0, image],
      ['what the image has there', (page) => image.slice(page * PAGE, (page + 1) * PAGE), 0, image],
    ];
    for (const [what, bytes, pagesKept, image] of cases) {
      const machine = new PagedMachine(16, PAGE);
      const region = machine.region(40 * PAGE, image);
      for (let page = 0; page < 40; page++) {
        machine.memory.write(region.start + page * PAGE, bytes(page));
        machine.check();
        t.ok(machine.pager.writeBacks.bytesKept <= pagesKept * PAGE, `${what}, page ${page}`);
        if (machine.pager.writeBacks.bytesKept === PAGE) break;
      }
      t.ok(machine.pager.writeBacks.count > 0, what);
      machine.remove(region);
      t.equal(machine.pager.writeBacks.bytesKept, 0);
    }
    t.end();
  },
);

t.test('where the quota is used up there is no frame; nothing is lost, and there is room when somebody ends', (t) => {
  const machine = new PagedMachine(16, 8 * PAGE);
  const [greedy, modest] = [machine.region(40 * PAGE), machine.region(4 * PAGE)];
  machine.memory.write(modest.start, numbered(99));
  let written = 0;
  t.throws(() => {
    for (; written < 40; written++) machine.memory.write(greedy.start + written * PAGE, numbered(written));
  }, OutOfFramesError);
  t.equal(machine.pager.writeBacks.bytesKept, 8 * PAGE);
  t.ok(written >= 16 - 5 + 8 - 2, `${written} pages were written`);
  machine.pager.releasePins();
  machine.check();
  for (let page = 0; page < written; page++)
    t.ok(isEqual(machine.memory.peek(greedy.start + page * PAGE, PAGE), numbered(page)), `page ${page}`);
  machine.remove(greedy);
  for (let page = 0; page < 4; page++) machine.memory.write(modest.start + page * PAGE + 8, Uint8Array.of(5));
  t.equal(machine.memory.peek(modest.start + 8, 1)[0], 5);
  machine.check();
  t.end();
});

t.test('without a quota no page is written back', (t) => {
  const machine = new PagedMachine(16, 0);
  const region = machine.region(40 * PAGE);
  t.throws(() => machine.memory.write(region.start, new Uint8Array(40 * PAGE)), OutOfFramesError);
  t.same(machine.pager.writeBacks, { count: 0, bytesKept: 0 });
  t.throws(() => new PagedMachine(16, -1), RangeError);
  t.throws(() => new PagedMachine(16, NaN), RangeError);
  t.end();
});

t.test('clean pages that nobody uses go before private ones; those in use do not', (t) => {
  const image = noise(8 * PAGE, 1);
  const machine = new PagedMachine(24, Infinity);
  const [code, data] = [machine.region(8 * PAGE, image, READ), machine.region(200 * PAGE)];
  machine.memory.read(code.start, 8 * PAGE);
  // Root, tables, the frame of zeros and the image leave room for some; the next ones take those of the image, as a rule.
  let page = 0;
  for (; machine.pool.counters.evictions < 8; page++) machine.memory.write(data.start + page * PAGE, numbered(page));
  const { count } = machine.pager.writeBacks;
  t.ok(count <= 2, `${8 - count} pages of the image were dropped, and ${count} private ones written back`);
  const before = machine.pool.counters.copies;
  let reads = 0;
  for (; page < 200; page++) {
    machine.memory.write(data.start + page * PAGE, numbered(page));
    for (let at = code.start; at < code.end; at += PAGE, reads++) machine.memory.read(at, 1);
  }
  const copies = machine.pool.counters.copies - before - 2 * (200 - 24);
  t.ok(copies < reads / 4, `pages in use were brought in ${copies} times in ${reads} accesses`);
  t.ok(machine.pager.writeBacks.count > 100);
  machine.check();
  t.end();
});

t.test('committing what was just mapped gives the identity that was mapped; nothing is hashed or brought in', (t) => {
  const machine = new PagedMachine(64);
  const bytes = noise(20 * PAGE, 4);
  const region = machine.region(20 * PAGE, bytes);
  const { id } = region.mappings[0]!.backing!.vmo;
  const before = { frames: machine.pool.counters, vmos: machine.store.counters };
  const vmo = machine.commit(region.start, region.size);
  t.equal(vmo.id, id);
  t.same(machine.pool.counters, before.frames);
  const { leavesHashed, nodesHashed, pagesStored } = before.vmos;
  t.match(machine.store.counters, { leavesHashed, nodesHashed, pagesStored });
  machine.memory.read(region.start, 20 * PAGE);
  t.equal(machine.commit(region.start, region.size).id, id, 'reading changes nothing');
  t.equal(machine.store.counters.leavesHashed, leavesHashed);
  machine.memory.write(region.start + 5, Uint8Array.of(bytes[5]!));
  t.equal(machine.commit(region.start, region.size).id, id, 'nor does writing what was there');
  const zeros = machine.region(GB);
  machine.memory.read(zeros.start + 12345, 1);
  t.equal(machine.commit(zeros.start, GB).id, machine.store.zeros(GB).id);
  machine.check();
  t.end();
});

t.test('a commit costs what was written since the last one', (t) => {
  const LEVELS = 18;
  const machine = new PagedMachine(2048);
  const region = machine.region(GB, noise(100 * PAGE, 5));
  const random = new Random(11);
  const write = (pages: number): void => {
    for (; pages > 0; pages--)
      machine.memory.write(region.start + random.below(GB / PAGE) * PAGE, numbered(random.next()));
  };
  write(400);
  const first = machine.commit(region.start, GB);
  t.equal(machine.pool.counters.private, 0, 'all frames are clean');
  const resident = region.residentPages;
  let last = first;
  for (const pages of [3, 0, 1, 3]) {
    write(pages);
    const before = machine.store.counters;
    const vmo = machine.commit(region.start, GB);
    const { leavesHashed, nodesHashed } = machine.store.counters;
    t.equal(leavesHashed - before.leavesHashed, pages, `${pages} pages, and as many hashes`);
    t.ok(nodesHashed - before.nodesHashed <= pages * LEVELS, `${nodesHashed - before.nodesHashed} nodes`);
    t.equal([...machine.store.diff(last, vmo)].length, pages);
    last.close();
    last = vmo;
  }
  t.equal(region.residentPages, resident + 7, 'no page is brought in');
  t.equal(region.mappings.length, 1);
  t.equal(machine.store.open(last.id)?.length, GB);
  machine.check();
  t.end();
});

t.test('what was committed can be dropped, and needs no quota', (t) => {
  const machine = new PagedMachine(16, 0);
  const region = machine.region(64 * PAGE);
  for (let page = 0; page < 64; page += 4) {
    for (let i = 0; i < 4; i++) machine.memory.write(region.start + (page + i) * PAGE, numbered(page + i));
    machine.commit(region.start, region.size).close();
    machine.check();
  }
  for (let page = 0; page < 64; page++)
    t.ok(isEqual(machine.memory.read(region.start + page * PAGE, PAGE), numbered(page)), `page ${page}`);
  t.end();
});

t.test('what was written back is the VMO’s once it is committed', (t) => {
  const { machine, region } = crowded();
  t.ok(machine.pager.writeBacks.bytesKept > 10 * PAGE);
  const before = machine.store.counters.leavesHashed;
  const privates = machine.pool.counters.private;
  const vmo = machine.commit(region.start, region.size);
  t.equal(machine.pager.writeBacks.bytesKept, 0);
  t.equal(machine.store.counters.leavesHashed - before, privates, 'it was hashed when it was written back');
  for (let page = 0; page < 30; page++) t.ok(isEqual(vmo.read(page * PAGE, PAGE), numbered(page)), `page ${page}`);
  machine.check();
  t.end();
});

t.test('a part of a mapping is committed, and the rest stays as it is', (t) => {
  const machine = new PagedMachine(64);
  const bytes = noise(10 * PAGE - 50, 6);
  const region = machine.region(16 * PAGE, bytes);
  const model = new Uint8Array(16 * PAGE);
  model.set(bytes);
  const write = (at: number, value: number): void => {
    machine.memory.write(region.start + at, Uint8Array.of(value));
    model[at] = value;
  };
  for (const [from, to] of [
    [3, 5],
    [4, 12],
    [8, 16],
    [0, 1],
    [0, 16],
  ] as const) {
    write((from + 1) * PAGE - 1, from + 1);
    write((to - 1) * PAGE, to);
    if (from > 0) write(from * PAGE - 1, 0xee);
    const vmo = machine.commit(region.start + from * PAGE, (to - from) * PAGE);
    t.equal(vmo.id, flatId(model.slice(from * PAGE, to * PAGE)), `${from} to ${to}`);
    vmo.close();
    machine.check();
    t.ok(isEqual(machine.memory.peek(region.start, region.size), model), 'looked at');
    t.ok(isEqual(machine.memory.read(region.start, region.size), model), 'read');
  }
  t.equal(region.mappings.length, 1, 'equal neighbours have become one');
  machine.remove(region);
  t.equal(machine.store.counters.pagesStored, 0);
  t.end();
});

t.test('a range over several mappings is one VMO; what may be done with each page stays', (t) => {
  const machine = new PagedMachine(64);
  const region = machine.space.place(16 * PAGE);
  const bytes = noise(12 * PAGE, 8);
  const protections = [READ | WRITE, READ, READ | WRITE, READ];
  for (const [i, protection] of protections.entries()) {
    const start = region.start + i * 4 * PAGE;
    const backing = { vmo: machine.store.fromBytes(bytes), offset: i * 2 * PAGE };
    region.add({ start, end: start + 4 * PAGE, protection, backing });
  }
  machine.memory.write(region.start + 3 * PAGE, Uint8Array.of(1));
  machine.memory.poke(region.start + 6 * PAGE, Uint8Array.of(2));
  machine.memory.write(region.start + 9 * PAGE, Uint8Array.of(3));
  const expected = machine.memory.peek(region.start, region.size);
  const vmo = machine.commit(region.start + 2 * PAGE, 9 * PAGE);
  t.equal(vmo.id, flatId(expected.slice(2 * PAGE, 11 * PAGE)));
  vmo.close();
  machine.check();
  t.same(
    region.mappings.map(({ start, end, protection }) => [
      (start - region.start) / PAGE,
      (end - start) / PAGE,
      protection,
    ]),
    [
      [0, 2, READ | WRITE],
      [2, 2, READ | WRITE],
      [4, 4, READ],
      [8, 3, READ | WRITE],
      [11, 1, READ | WRITE],
      [12, 4, READ],
    ],
  );
  t.ok(isEqual(machine.memory.peek(region.start, region.size), expected), 'looked at');
  t.ok(isEqual(machine.memory.read(region.start, region.size), expected), 'read');
  t.equal(machine.pager.resolve(region.start + 5 * PAGE, 'write'), 'not allowed');
  t.equal(machine.pager.resolve(region.start + 9 * PAGE, 'write'), 'resolved');
  machine.remove(region);
  t.equal(machine.store.counters.pagesStored, 0);
  t.end();
});

t.test('a commit that cannot be is refused, and changes nothing', (t) => {
  const machine = new PagedMachine(64);
  const region = machine.region(4 * PAGE, noise(PAGE, 1));
  const other = machine.region(4 * PAGE);
  machine.memory.write(region.start, Uint8Array.of(1));
  const before = machine.pool.counters;
  const cases: [start: number, length: number, errno: number][] = [
    [region.start, 0, 22],
    [region.start, -PAGE, 22],
    [region.start, NaN, 22],
    [region.start, 100, 22],
    [region.start + 1, PAGE, 22],
    [0, PAGE, 14],
    [2 ** 48 - PAGE, 2 * PAGE, 22],
    [region.start, 5 * PAGE, 14],
    [other.end, PAGE, 14],
  ];
  for (const [start, length, errno] of cases)
    t.throws(() => machine.commit(start, length), { name: 'KernelError', errno }, `${length} bytes at ${start}`);
  t.same(machine.pool.counters, before);
  machine.check();
  t.end();
});

interface Ring {
  readonly size: number;
  add(frame: number, page: number): void;
  delete(frame: number): void;
  advance(): number | undefined;
}

/** Frames and pages have the same numbers here, multiples of `unit`. */
function comesToAll(t: Test, makeRing: () => Ring, unit: number): void {
  const anyPage = (max: number): fc.Arbitrary<number> => fc.nat({ max }).map((number) => number * unit);
  fc.assert(
    fc.property(fc.uniqueArray(anyPage(30)), fc.array(anyPage(40)), (added, taken) => {
      const ring = makeRing();
      const model = new Set(added);
      for (const page of added) ring.add(page, page);
      for (const page of taken) for (let turns = page / unit; turns > 0; turns--) ring.advance();
      for (const page of taken) if (model.delete(page)) ring.delete(page);
      const seen = Array.from({ length: ring.size }, () => ring.advance());
      const sweep = [...model].map(() => {
        const page = ring.advance()!;
        ring.delete(page);
        return page;
      });
      return (
        new Set(seen).size === model.size &&
        seen.every((page) => model.has(page!)) &&
        new Set(sweep).size === model.size &&
        ring.advance() === undefined
      );
    }),
  );
  t.end();
}

t.test('the hand of CLOCK comes to every clean page once a turn, whatever leaves the ring on the way', (t) =>
  comesToAll(t, () => new ClockRing(), PAGE),
);

t.test('and to every private frame', (t) => comesToAll(t, () => new PrivateFrames(31), 1));

t.test('changed pages are found by range, ascending, where pages lie far apart', (t) => {
  const store = new VmoStore();
  const content = store.zeros(PAGE);
  const anyPage = fc.oneof(fc.nat({ max: 1100 }), fc.nat({ max: 2 ** 35 })).map((page) => page * PAGE);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyPage, fc.constantFrom('private', 'kept', 'gone'))),
      fc.array(fc.tuple(anyPage, fc.oneof(fc.integer({ min: 1, max: 2000 * PAGE }), fc.constant(2 ** 47)))),
      (changes, ranges) => {
        const pages = new ChangedPages();
        const model = new Map<number, VmoHandle | undefined>();
        for (const [page, what] of changes) {
          if (what === 'gone') {
            pages.delete(page);
            model.delete(page);
            continue;
          }
          if (pages.setPrivate(page) !== model.get(page)) return false;
          if (what === 'kept') pages.setWrittenBack(page, content);
          model.set(page, what === 'kept' ? content : undefined);
          if (pages.contentOf(page) !== model.get(page)) return false;
        }
        const kept = [...model.values()].filter((each) => each !== undefined).length;
        const areFound = ranges.every(([start, length]) => {
          const expected = [...model]
            .filter(([page]) => page >= start && page < start + length)
            .sort(([a], [b]) => a - b)
            .map(([page, content]) => `${page} ${content === undefined}`);
          const found = pages.within(start, start + length);
          return found.map(({ page, content }) => `${page} ${content === undefined}`).join() === expected.join();
        });
        const all = pages.within(0, 2 ** 48);
        const inState = ChangedPages.state.computed[0]!.read(pages) as readonly { page: number }[];
        const places = [...model].flatMap(([page, content]) => (content ? [page] : [])).sort((a, b) => a - b);
        if (inState.map(({ page }) => page).join() !== places.join()) return false;
        for (const { page } of all) pages.delete(page);
        const contents = all.filter(({ content }) => content !== undefined);
        return areFound && contents.length === kept && pages.within(0, 2 ** 48).length === 0;
      },
    ),
  );
  t.equal(new ChangedPages().within(0, 512 * MB).length, 0);
  t.end();
});
