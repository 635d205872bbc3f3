/** Pages come into frames when they are touched, and go when frames are short; threads notice nothing of it. */
import t from 'tap';
import type { Region } from '../../src/kernel/memory/region.js';
import { PRESENT, WRITABLE } from '../../src/mmu/entry.js';
import { OutOfFramesError } from '../../src/vmo/errors.js';
import fc from '../support/fast-check.js';
import { PagedMachine } from '../support/paged-machine.js';
import { Random } from '../support/random.js';

const PAGE = 4096;
const MB = 2 ** 20;
const GB = 2 ** 30;
const READ = 1;

/** Pages of which some are equal, some are zeros, and the last one is cut. */
function someBytes(pages: number, seed: number): Uint8Array {
  const random = new Random(seed);
  const bytes = new Uint8Array(pages * PAGE - 100);
  for (let page = 0; page < pages; page++) bytes.fill(random.below(2 * pages), page * PAGE, (page + 1) * PAGE);
  return bytes;
}

t.test('threads read what was mapped, and what they have written since, however few frames there are', (t) => {
  const anyStep = fc.record({
    region: fc.nat({ max: 1 }),
    at: fc.nat({ max: 30 * PAGE }),
    length: fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 3 * PAGE })),
    write: fc.option(fc.integer({ min: 1, max: 255 }), { freq: 2 }),
  });
  let refusals = 0;
  let evictions = 0;
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 10, maxLength: 80, size: 'max' }),
      fc.integer({ min: 12, max: 50 }),
      fc.nat(),
      (steps, frames, seed) => {
        const machine = new PagedMachine(frames);
        const regions = [seed, seed].map((seed) => machine.region(33 * PAGE, someBytes(20, seed)));
        const models = regions.map(() => {
          const model = new Uint8Array(33 * PAGE);
          model.set(someBytes(20, seed));
          return model;
        });
        for (const { region: index, at, length, write } of steps) {
          const region = regions[index]!;
          const model = models[index]!;
          const start = region.start + at;
          machine.pager.releasePins();
          if (Buffer.compare(machine.memory.peek(start, length), model.subarray(at, at + length)) !== 0)
            throw new Error(`${length} bytes at ${at} differ`);
          try {
            if (write === null) machine.memory.read(start, length);
            else
              for (let offset = at; offset < at + length;) {
                // Page by page, so that the model knows what was written when frames run out.
                const bytes = new Uint8Array(Math.min(PAGE - (offset % PAGE), at + length - offset)).fill(write);
                machine.memory.write(region.start + offset, bytes);
                model.set(bytes, offset);
                offset += bytes.length;
              }
          } catch (error) {
            if (!(error instanceof OutOfFramesError)) throw error;
            refusals++;
          }
          machine.check();
        }
        evictions += machine.pool.counters.evictions;
        regions.forEach((region, index) => {
          const bytes = machine.memory.peek(region.start, region.size);
          if (Buffer.compare(bytes, models[index]!) !== 0) throw new Error(`region ${index} differs in the end`);
          machine.remove(region);
        });
        const { inUse, idle, tables, private: privates } = machine.pool.counters;
        return inUse - idle === 1 && tables === 1 && privates === 0;
      },
    ),
    { numRuns: 60 },
  );
  t.ok(refusals > 20, `${refusals} accesses found no frame`);
  t.ok(evictions > 20, `${evictions} frames were given to others`);
  t.end();
});

t.test('the first write to a page takes one fault and one frame of its own', (t) => {
  const machine = new PagedMachine(64);
  const region = machine.region(8 * PAGE, new Uint8Array(2 * PAGE).fill(7));
  t.equal(machine.pager.resolve(region.start, 'write'), 'resolved');
  t.ok(machine.pager.pageTable.entry(region.start) & WRITABLE);
  t.equal(machine.pager.resolve(region.start + 2 * PAGE, 'write'), 'resolved');
  t.ok(machine.pager.pageTable.entry(region.start + 2 * PAGE) & WRITABLE);
  t.match(machine.pool.counters, { private: 2 });
  t.equal(machine.memory.peek(region.start + 5, 1)[0], 7);
  t.end();
});

t.test('equal pages are one frame, wherever they are mapped and whatever VMO they are of', (t) => {
  const machine = new PagedMachine(64);
  const bytes = someBytes(12, 1);
  const regions = [machine.region(12 * PAGE, bytes), machine.region(14 * PAGE, bytes.slice(0, 11 * PAGE))];
  for (const region of regions) machine.memory.read(region.start, region.size);
  const distinct = new Set(Array.from({ length: 11 }, (_, page) => bytes[page * PAGE]!).concat(0, 256)).size;
  t.equal(machine.pool.counters.clean, distinct, 'one for each content');
  t.equal(machine.pool.counters.private, 0);
  const [first, second] = regions as [Region, Region];
  machine.memory.write(first.start, Uint8Array.of(99));
  t.equal(machine.memory.peek(second.start, 1)[0], bytes[0], 'a write is seen by the writer alone');
  t.equal(machine.memory.peek(first.start, 1)[0], 99);
  t.equal(first.sharedPages, 11);
  t.end();
});

t.test('pages of zeros that are read are one frame; 32 touched gigabytes are 32 frames and their tables', (t) => {
  const machine = new PagedMachine(256);
  const region = machine.region(32 * GB);
  for (let i = 0; i < 32; i++) machine.memory.read(region.start + i * GB + 12345, 1);
  t.match(machine.pool.counters, { private: 0, clean: 1 });
  for (let i = 0; i < 32; i++) machine.memory.write(region.start + i * GB + 12345, Uint8Array.of(i));
  // One table of each gigabyte, its directory, one page-directory-pointer table, and the root.
  t.match(machine.pool.counters, { private: 32, tables: 32 + 32 + 1 + 1 });
  t.equal(region.residentPages, 32);
  machine.remove(region);
  t.match(machine.pool.counters, { private: 0, tables: 1 });
  t.end();
});

t.test('tables that are left empty are given back: far more of them than there are frames are lived with', (t) => {
  const machine = new PagedMachine(24, MB);
  const region = machine.region(512 * GB, new Uint8Array(0));
  const value = (i: number): number => 1 + (i % 255);
  for (let i = 0; i < 500; i++) {
    machine.memory.write(region.start + i * GB + 12345, Uint8Array.of(value(i)));
    if (i % 50 === 0) machine.check();
  }
  for (let i = 0; i < 500; i++)
    if (machine.memory.read(region.start + i * GB + 12345, 1)[0] !== value(i))
      t.fail(`byte ${i} is not what was written`);
  machine.check();
  const { tables } = machine.pool.counters;
  const pages = region.residentPages;
  t.ok(tables <= 2 + 2 * pages, `${tables} tables for ${pages} pages`);
  machine.remove(region);
  t.match(machine.pool.counters, { private: 0, tables: 1 });
  t.end();
});

t.test('where there is no frame for the last table on the way to a page, those above it are given back', (t) => {
  const machine = new PagedMachine(16);
  const region = machine.region(64 * GB);
  let written = 0;
  t.throws(() => {
    for (; written < 64; written++) machine.memory.write(region.start + written * GB, Uint8Array.of(1));
  }, OutOfFramesError);
  machine.check();
  t.equal(machine.pool.counters.tables, 2 + 2 * written, 'the root, one for 512 GiB, and two for each page');
  t.end();
});

t.test('what is not mapped or not allowed is told, and changes nothing', (t) => {
  const machine = new PagedMachine(64);
  const region = machine.region(2 * PAGE, new Uint8Array(PAGE), READ);
  const before = machine.pool.counters;
  t.equal(machine.pager.resolve(region.start, 'write'), 'not allowed');
  t.equal(machine.pager.resolve(region.start, 'execute'), 'not allowed');
  t.equal(machine.pager.resolve(region.end, 'read'), 'not mapped');
  t.equal(machine.pager.resolve(0, 'read'), 'not mapped');
  t.same(machine.pool.counters, before);
  t.equal(machine.pager.resolve(region.start, 'read'), 'resolved');
  const once = machine.pool.counters;
  t.equal(machine.pager.resolve(region.start, 'read'), 'resolved', 'a fault that is resolved already does no harm');
  t.same(machine.pool.counters, once);
  t.end();
});

t.test('pages that one instruction needs stay until it is done', (t) => {
  // Root, three tables, and frames for four pages.
  const machine = new PagedMachine(16);
  const region = machine.region(
    12 * PAGE,
    Uint8Array.from({ length: 12 * PAGE }, (_, i) => i >> 12),
  );
  const spare = 16 - 4;
  for (let first = 0; first + 4 <= 12; first++) {
    machine.pager.releasePins();
    const pages = [0, 1, 2, 3].map((i) => region.start + (first + i) * PAGE);
    for (const page of pages) machine.pager.resolve(page, 'read');
    t.ok(pages.every((page) => machine.pager.pageTable.entry(page) & PRESENT));
    t.ok(region.residentPages <= spare);
  }
  machine.pager.releasePins();
  t.throws(() => {
    for (let page = 0; page < 12; page++) machine.pager.resolve(region.start + page * PAGE, 'write');
    machine.region(PAGE);
    machine.pager.resolve(region.end, 'write');
  }, OutOfFramesError);
  t.end();
});

t.test('CLOCK gives a page that was used a second chance', (t) => {
  const machine = new PagedMachine(16);
  const region = machine.region(
    30 * PAGE,
    Uint8Array.from({ length: 30 * PAGE }, (_, i) => 1 + (i >> 12)),
  );
  for (let page = 1; page < 30; page++) {
    machine.pager.releasePins();
    machine.memory.read(region.start, 1);
    machine.pager.releasePins();
    machine.memory.read(region.start + page * PAGE, 1);
  }
  const { evictions, copies } = machine.pool.counters;
  t.ok(evictions >= 29 - 12, `${evictions} evictions`);
  t.ok(copies - 30 <= 2, `the page that is always used was brought in ${copies - 29} times`);
  t.end();
});

t.test('a debugger stores into read-only pages without changing those who share them', (t) => {
  const machine = new PagedMachine(64);
  const bytes = new Uint8Array(2 * PAGE).fill(0x90);
  const [first, second] = [machine.region(2 * PAGE, bytes, READ), machine.region(2 * PAGE, bytes, READ)];
  machine.memory.read(second.start, 2 * PAGE);
  t.equal(machine.memory.poke(first.start + PAGE - 1, Uint8Array.of(1, 2)), 2);
  t.same([...machine.memory.peek(first.start + PAGE - 2, 4)], [0x90, 1, 2, 0x90]);
  t.same([...machine.memory.peek(second.start + PAGE - 2, 4)], [0x90, 0x90, 0x90, 0x90]);
  t.notOk(machine.pager.pageTable.entry(first.start) & WRITABLE, 'threads may not write it');
  t.equal(machine.memory.poke(second.end - 1, Uint8Array.of(1, 2)), 1, 'as far as memory is mapped');
  t.equal(machine.memory.peek(second.end - 1, 2).length, 1);
  t.end();
});

t.test('a debugger stores as far as there are frames', (t) => {
  const machine = new PagedMachine(16);
  const region = machine.region(64 * PAGE);
  const stored = machine.memory.poke(region.start + 100, new Uint8Array(64 * PAGE - 100).fill(7));
  // All frames but the root, the three tables, and the one of zeros: it has users while it is being copied.
  t.ok(stored >= 11 * PAGE - 100 && stored % PAGE === PAGE - 100, `${stored} bytes`);
  t.same([...machine.memory.peek(region.start + stored + 98, 4)], [7, 7, 0, 0]);
  machine.check();
  t.equal(machine.memory.poke(region.start + stored + 100, Uint8Array.of(1)), 0);
  machine.check();
  t.end();
});
