/** The page table against a plain map of pages, wherever they lie and whichever tables come and go. */
import t from 'tap';
import { Cpu } from '../../src/cpu/cpu.js';
import { PageTable } from '../../src/kernel/memory/page-table.js';
import { GuestMemory } from '../../src/memory.js';
import { PRESENT, USER, WRITABLE } from '../../src/mmu/entry.js';
import fc from '../support/fast-check.js';
import { FramesForTables } from '../support/table-frames.js';

const PAGE = 4096;
const FRAMES = 64;

/** A page table whose tables lie in frames that are given again at once, as the pool gives them. */
class Machine {
  readonly pageTable: PageTable;
  private readonly frames: FramesForTables;

  constructor(memory: GuestMemory) {
    const { linearMemory } = new Cpu(memory, 'evaluator');
    this.frames = new FramesForTables(memory, FRAMES);
    this.pageTable = new PageTable(linearMemory, this.frames);
  }

  get tables(): number {
    return FRAMES - this.frames.free.length;
  }
}

/** Addresses of a few pages, close together and far apart, so that each is met often. */
const anyPage = fc
  .tuple(fc.nat({ max: 1 }), fc.nat({ max: 1 }), fc.nat({ max: 1 }), fc.nat({ max: 2 }))
  .map(([a, b, c, d]) => a * 2 ** 39 + b * 2 ** 30 + c * 2 ** 21 + d * PAGE);

const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('map' as const), page: anyPage, frame: fc.nat({ max: 500 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('unmap' as const), page: anyPage }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unmapRange' as const), page: anyPage, other: anyPage }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), page: anyPage }) },
);

/** Tables that so many pages need: the root, and those on the way to each. */
function tablesFor(pages: Iterable<number>): number {
  const spans = [2 ** 39, 2 ** 30, 2 ** 21];
  const tables = [...pages].flatMap((page) => spans.map((span) => `${span} ${Math.floor(page / span)}`));
  return 1 + new Set(tables).size;
}

t.test('a page is mapped to what it was mapped to last, and there is no table that no page needs', (t) => {
  let freed = 0;
  const memory = new GuestMemory(FRAMES * PAGE);
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
      const machine = new Machine(memory);
      const { pageTable } = machine;
      const model = new Map<number, { frame: number; writable: number }>();
      for (const step of steps) {
        const { page } = step;
        const before = machine.tables;
        if (step.do === 'map') {
          pageTable.map(page, step.frame, true, false);
          model.set(page, { frame: step.frame, writable: WRITABLE });
        } else if (step.do === 'unmap') {
          pageTable.unmap(page);
          model.delete(page);
        } else if (step.do === 'unmapRange') {
          const [start, end] = [Math.min(page, step.other), Math.max(page, step.other)];
          const found: string[] = [];
          pageTable.unmapRange(start, end, (address, frame) => found.push(`${address} ${frame}`));
          const inRange = [...model].filter(([page]) => page >= start && page < end).sort(([a], [b]) => a - b);
          for (const [page] of inRange) model.delete(page);
          if (found.join() !== inRange.map(([page, { frame }]) => `${page} ${frame}`).join()) return false;
        } else if (model.has(page)) {
          pageTable.clearBits(page, WRITABLE);
          model.get(page)!.writable = 0;
        }
        if (machine.tables < before) freed++;
        const its = model.get(page);
        const entry = its ? its.frame * PAGE + (PRESENT | USER | its.writable) : 0;
        if (pageTable.entry(page) !== entry || machine.tables !== tablesFor(model.keys())) return false;
      }
      return [...model].every(([page, { frame }]) => pageTable.entry(page) >>> 12 === frame);
    }),
    { numRuns: 300 },
  );
  t.ok(freed > 500, `tables were given back ${freed} times`);
  t.end();
});

t.test('a page whose table is gone is not present, though it was looked up last', (t) => {
  const { pageTable } = new Machine(new GuestMemory(FRAMES * PAGE));
  pageTable.map(0x1000, 7, true, false);
  t.equal(pageTable.entry(0x1000) >>> 12, 7);
  pageTable.unmap(0x1000);
  t.equal(pageTable.entry(0x1000), 0);
  pageTable.map(0x1000, 7, true, false);
  pageTable.unmapRange(0, 2 ** 40, () => {});
  t.equal(pageTable.entry(0x1000), 0);
  pageTable.map(2 ** 30, 9, true, false);
  t.equal(pageTable.entry(0x1000), 0);
  t.equal(pageTable.entry(2 ** 30) >>> 12, 9);
  t.end();
});
