/** Where regions are placed, what lies in them, and the page table that maps them. */
import t from 'tap';
import { Cpu } from '../../src/cpu/cpu.js';
import { AddressSpace, KERNEL_START, LOWER_REGIONS_END, REGIONS_START } from '../../src/kernel/memory/address-space.js';
import { enterUserMode } from '../../src/kernel/program/cpu-setup.js';
import { UPPER_HALF, fromLinear, highHalf, lowHalf, toLinear } from '../../src/kernel/memory/linear-address.js';
import type { Mapping } from '../../src/kernel/memory/mapping.js';
import { PAGE_TABLE_WINDOW, PageTable } from '../../src/kernel/memory/page-table.js';
import { Region } from '../../src/kernel/memory/region.js';
import { GuestMemory } from '../../src/memory.js';
import { ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE } from '../../src/mmu/walk.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;
const GB = 2 ** 30;
const TB = 2 ** 40;

const anyPage = fc
  .oneof(
    fc.nat({ max: 2 ** 36 - 1 }),
    fc.nat({ max: 1500 }),
    fc.nat({ max: 1500 }).map((page) => UPPER_HALF / PAGE - 750 + page),
    fc.nat({ max: 1500 }).map((page) => REGIONS_START / PAGE + page),
  )
  .map((page) => page * PAGE);

t.test('an address has 48 bits here and 64 in the CPU', (t) => {
  t.equal(toLinear(UPPER_HALF), 0xffff_8000_0000_0000n);
  t.equal(toLinear(UPPER_HALF - 1), 0x7fff_ffff_ffffn);
  t.equal(fromLinear(0x8000_0000_0000n), undefined);
  t.equal(fromLinear(0xffff_7fff_ffff_ffffn), undefined);
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 48 - 1 }), (address) => {
      const linear = toLinear(address);
      const halves =
        (BigInt.asUintN(32, BigInt(highHalf(address))) << 32n) | BigInt.asUintN(32, BigInt(lowHalf(address)));
      return fromLinear(linear) === address && halves === linear;
    }),
  );
  t.end();
});

t.test('regions', async (t) => {
  /** The lowest start at which `size` bytes are free, by trying all starts that can be the lowest. */
  function lowestFit(regions: readonly Region[], size: number): number | undefined {
    const places = [
      [REGIONS_START, LOWER_REGIONS_END],
      [UPPER_HALF, KERNEL_START],
    ] as const;
    return [REGIONS_START, UPPER_HALF, ...regions.map(({ end }) => end)]
      .sort((a, b) => a - b)
      .find(
        (start) =>
          places.some(([from, to]) => start >= from && start + size <= to) &&
          !regions.some((region) => start < region.end && region.start < start + size),
      );
  }

  t.test('lie at the lowest address where they fit', (t) => {
    const anySize = fc.oneof(fc.nat({ max: 64 * PAGE }), fc.integer({ min: 1, max: 100 * TB }), fc.constant(32 * GB));
    const anyStep = fc.oneof(fc.record({ place: anySize.map((size) => size + 1) }), fc.record({ remove: fc.nat() }));
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const space = new AddressSpace();
        const live: Region[] = [];
        for (const step of steps) {
          if ('remove' in step) {
            const [region] = live.splice(step.remove % Math.max(1, live.length), 1);
            if (region) space.remove(region);
            continue;
          }
          const size = Math.ceil(step.place / PAGE) * PAGE;
          const expected = lowestFit(live, size);
          let start: number | undefined;
          try {
            const region = space.place(step.place);
            live.push(region);
            start = region.start;
            if (region.size !== size) return false;
          } catch (error) {
            if ((error as { errno?: number }).errno !== 28) throw error;
          }
          if (start !== expected) throw new Error(`placed at ${start}, not at ${expected}`);
          for (const region of live)
            if (space.regionAt(region.start) !== region || space.regionAt(region.end - 1) !== region) return false;
        }
        return space.regions.length === live.length;
      }),
      { numRuns: 300 },
    );
    t.end();
  });

  t.test('touch their neighbours, and none spans the canonical hole', (t) => {
    const space = new AddressSpace();
    const first = space.place(32 * GB);
    t.equal(toLinear(first.start), 0x1_0000_0000n);
    t.equal(space.place(1).start, first.end);
    t.equal(space.place(128 * TB - 4 * GB - 32 * GB - 2 * PAGE).end, LOWER_REGIONS_END);
    t.equal(toLinear(space.place(PAGE).start), 0xffff_8000_0000_0000n);
    t.throws(() => space.place(127 * TB), { name: 'KernelError', errno: 28 });
    t.equal(space.regionAt(LOWER_REGIONS_END), undefined);
    space.remove(first);
    t.equal(toLinear(space.place(GB).start), 0x1_0000_0000n, 'a place that is free again is used first');
    t.end();
  });

  t.test('of images at fixed addresses come one at a time', (t) => {
    const space = new AddressSpace();
    space.place(GB);
    const image = space.placeImage(0x40_0000, PAGE);
    t.equal(space.regionAt(0x40_0fff), image);
    t.throws(() => space.placeImage(0x80_0000, PAGE), { name: 'KernelError', errno: 28, message: /0x400000/ });
    space.remove(image);
    t.equal(space.placeImage(0x80_0000, PAGE).start, 0x80_0000);
    t.end();
  });
});

t.test('mappings', async (t) => {
  const mapping = (start: number, pages: number, protection = 3): Mapping => ({
    start,
    end: start + pages * PAGE,
    protection,
    backing: undefined,
  });

  t.test('are found by each address in them, and lie over no other', (t) => {
    const anyMapping = fc.record({ page: fc.nat({ max: 40 }), pages: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(fc.array(anyMapping, { maxLength: 20 }), (choices) => {
        const region = new Region(REGIONS_START, 48 * PAGE);
        const model: (Mapping | undefined)[] = Array.from({ length: 48 });
        for (const { page, pages } of choices) {
          const added = mapping(REGIONS_START + page * PAGE, pages);
          const free = model.slice(page, page + pages).every((owner) => owner === undefined);
          try {
            region.add(added);
            if (!free) return false;
            model.fill(added, page, page + pages);
          } catch (error) {
            if (!(error instanceof RangeError) || free) throw error;
          }
        }
        return model.every(
          (owner, page) =>
            region.mappingAt(REGIONS_START + page * PAGE) === owner &&
            region.mappingAt(REGIONS_START + page * PAGE + PAGE - 1) === owner,
        );
      }),
    );
    t.end();
  });

  /** The lowest free range, by looking at each mapping. */
  function lowestFree({ mappings }: Region, from: number, to: number, size: number): number | undefined {
    const ends = mappings.map(({ end }) => end).filter((end) => end > from);
    return [from, ...ends].find(
      (at) => at + size <= to && !mappings.some(({ start, end }) => start < at + size && end > at),
    );
  }

  t.test('leave the same lowest free range as a plain search finds, whatever was searched, added and removed', (t) => {
    const anyStep = fc.record({
      action: fc.constantFrom('map', 'map', 'map', 'place', 'cut'),
      page: fc.nat({ max: 63 }),
      pages: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 })),
    });
    const [from, to] = [REGIONS_START + 4 * PAGE, REGIONS_START + 60 * PAGE];
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const region = new Region(REGIONS_START, 64 * PAGE);
        for (const { action, page, pages } of steps) {
          const start = REGIONS_START + page * PAGE;
          const end = Math.min(region.end, start + pages * PAGE);
          const found = region.findFree(from, to, pages * PAGE);
          if (found !== lowestFree(region, from, to, pages * PAGE)) return false;
          if (action === 'map' && found !== undefined) region.add(mapping(found, pages));
          if (action !== 'map') region.cut(start, end, (vmo) => vmo);
          if (action === 'place') region.addZeros(start, end, 3);
        }
        return true;
      }),
      { numRuns: 1000 },
    );
    t.end();
  });

  t.test('are not all passed again when the next free range is searched', (t) => {
    const region = new Region(REGIONS_START, 2 ** 14 * PAGE);
    let reads = 0;
    /** A mapping that counts how often its end is read. */
    const counted = (start: number, pages: number): Mapping => {
      const plain = mapping(start, pages);
      return Object.defineProperty(plain, 'end', { get: () => (reads++, start + pages * PAGE) });
    };
    const map = (pages: number): void => {
      const start = region.findFree(region.start, region.end, pages * PAGE)!;
      region.add(counted(start, pages));
    };
    for (let count = 0; count < 2000; count++) map(1);
    for (let page = 0; page < 1000; page += 2)
      region.cut(region.start + page * PAGE, region.start + (page + 1) * PAGE, (vmo) => vmo);
    for (let count = 0; count < 500; count++) [1, 3].forEach(map);
    t.equal(region.mappings.length, 2500);
    t.equal(region.mappingAt(region.start)?.end, region.start + PAGE);
    t.ok(reads < 20 * 2500, `${reads} reads`);
    t.end();
  });

  t.test('allow an access to a range if all of it is allowed', (t) => {
    const space = new AddressSpace();
    const region = space.place(8 * PAGE);
    const { start } = region;
    region.add(mapping(start, 2, 3));
    region.add(mapping(start + 2 * PAGE, 1, 1));
    region.add(mapping(start + 4 * PAGE, 4, 4));
    t.ok(space.permits(start, start + 3 * PAGE, 'read'));
    t.ok(space.permits(start, start + 2 * PAGE, 'write'));
    t.notOk(space.permits(start, start + 2 * PAGE + 1, 'write'), 'read-only');
    t.notOk(space.permits(start, start + 3 * PAGE + 1, 'read'), 'not mapped');
    t.ok(space.permits(start + 4 * PAGE, region.end, 'execute'));
    t.ok(space.permits(start + 4 * PAGE, region.end, 'read'), 'what can be executed can be read');
    t.notOk(space.permits(start + 4 * PAGE, region.end + 1, 'read'), 'no region');
    t.end();
  });
});

/** A page table in 2 MiB of memory, with a count of the tables it has. */
class Tables {
  readonly cpu = new Cpu(new GuestMemory(2 ** 21), 'evaluator');
  readonly free = Array.from({ length: 512 }, (_, frame) => 511 - frame);
  readonly table: PageTable;

  constructor() {
    this.table = new PageTable(this.cpu.linearMemory, {
      allocateTable: () => {
        const frame = this.free.pop();
        if (frame === undefined) throw new Error('no frame');
        this.cpu.memory.ram.fill(0, frame * PAGE, (frame + 1) * PAGE);
        return frame;
      },
      freeTable: (frame) => this.free.push(frame),
    });
    enterUserMode(this.cpu, this.table.root);
  }

  /** What an access of a thread gets, through the TLB: the physical address, or -1. */
  translate(address: number, access: number): number {
    return this.cpu.mmu.translate(highHalf(address), lowHalf(address), access);
  }
}

t.test('the page table', async (t) => {
  t.test('maps what was mapped last, for what was allowed', (t) => {
    const anyStep = fc.oneof(
      fc.record({ page: anyPage, frame: fc.nat({ max: 500 }), writable: fc.boolean(), executable: fc.boolean() }),
      fc.record({ unmap: anyPage }),
      fc.record({ unmapFrom: anyPage, size: fc.oneof(fc.nat({ max: 4 * 2 ** 21 }), fc.nat({ max: 2 ** 48 })) }),
    );
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        const tables = new Tables();
        const model = new Map<number, { frame: number; writable: boolean; executable: boolean }>();
        for (const step of steps) {
          if ('unmap' in step) {
            tables.table.unmap(step.unmap);
            model.delete(step.unmap);
          } else if ('unmapFrom' in step) {
            const end = Math.min(PAGE_TABLE_WINDOW, step.unmapFrom + Math.ceil(step.size / PAGE) * PAGE);
            const visited: string[] = [];
            tables.table.unmapRange(step.unmapFrom, end, (page, frame) => visited.push(`${page} ${frame}`));
            const inside = [...model].filter(([page]) => page >= step.unmapFrom && page < end);
            const expected = inside.sort(([a], [b]) => a - b).map(([page, { frame }]) => `${page} ${frame}`);
            if (visited.join() !== expected.join())
              throw new Error(`visited ${visited.join()}, not ${expected.join()}`);
            for (const [page] of inside) model.delete(page);
          } else if (step.page < PAGE_TABLE_WINDOW) {
            tables.table.map(step.page, step.frame, step.writable, step.executable);
            model.set(step.page, step);
          }
          for (const [page, { frame, writable, executable }] of model) {
            const at = frame * PAGE + 5;
            if (tables.translate(page + 5, ACCESS_READ) !== at) throw new Error(`${page} is not read at ${at}`);
            if (tables.translate(page + 5, ACCESS_WRITE) !== (writable ? at : -1)) throw new Error(`write of ${page}`);
            if (tables.translate(page + 5, ACCESS_FETCH) !== (executable ? at : -1))
              throw new Error(`fetch of ${page}`);
          }
          if ('unmap' in step && tables.translate(step.unmap, ACCESS_READ) !== -1) throw new Error('still mapped');
        }
        tables.table.unmapRange(0, PAGE_TABLE_WINDOW, () => {});
        return tables.free.length === 511;
      }),
      { numRuns: 60 },
    );
    t.end();
  });

  t.test('is shown to threads, to be read and nothing else', (t) => {
    const tables = new Tables();
    const address = 0x1_2345_6000;
    tables.table.map(address, 77, true, false);
    const entry = PAGE_TABLE_WINDOW + (address / PAGE) * 8;
    const physical = tables.translate(entry, ACCESS_READ);
    t.equal(tables.cpu.memory.read64(physical) & 0x7f_ffff_ffff_f000n, 77n << 12n);
    t.equal(tables.translate(entry, ACCESS_WRITE), -1);
    t.equal(tables.translate(entry, ACCESS_FETCH), -1);
    t.end();
  });
});
