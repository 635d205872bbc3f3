import t from 'tap';
import { GuestMemory, WATCH_CODE } from '../../src/memory.js';
import { WriteFence, addressOf, without, type AddressRange } from '../../src/mmu/fence.js';
import { Mmu } from '../../src/mmu/mmu.js';
import { TLB_WRITE } from '../../src/mmu/tlb.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../src/mmu/walk.js';
import { PageTables } from '../cpu/meanings/page-tables.js';
import { Random } from '../support/random.js';

const PAGE = 4096;
const SPACE = 40;
const [WRITABLE, USER, DIRTY] = [2n, 4n, 0x40n];

t.test('a fence refuses what is neither owned nor granted, to the byte', (t) => {
  const random = new Random(1);
  const anyRange = (): AddressRange => {
    const start = random.below(SPACE);
    return { start, end: start + random.below(9) };
  };
  const anyRanges = (): AddressRange[] => Array.from({ length: random.below(5) }, anyRange);
  const holds = (ranges: readonly AddressRange[], byte: number): boolean =>
    ranges.some(({ start, end }) => byte >= start && byte < end);
  const bytesOf = (ranges: readonly AddressRange[]): number[] =>
    ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
  for (let i = 0; i < 5000; i++) {
    const [owned, granted, asked] = [anyRanges(), anyRanges(), anyRange()];
    const fence = new WriteFence(owned, granted);
    const all = bytesOf([asked]);
    const foreign = all.filter((byte) => !holds(owned, byte));
    const state = JSON.stringify({ owned, granted, asked });
    if (bytesOf(fence.foreign(asked)).join() !== foreign.join()) t.fail(`foreign: ${state}`);
    const refused = foreign.filter((byte) => !holds(granted, byte));
    if (bytesOf(fence.refused(asked)).join() !== refused.join()) t.fail(`refused: ${state}`);
    if (all.length > 0 && fence.owns(asked.start, asked.end) !== (foreign.length === 0)) t.fail(`owns: ${state}`);
    if (bytesOf(without([asked], [...fence.owned])).join() !== foreign.join()) t.fail(`without: ${state}`);
  }
  t.equal(
    new WriteFence([
      { start: 4, end: 8 },
      { start: 0, end: 4 },
    ]).key,
    new WriteFence([{ start: 0, end: 8 }]).key,
  );
  t.not(new WriteFence([{ start: 0, end: 4 }]).key, new WriteFence([{ start: 0, end: 8 }]).key);
  t.equal(addressOf(-1, -4096), 0xffff_ffff_f000);
  t.equal(addressOf(0x7fff, 0), 0x7fff_0000_0000);
  t.end();
});

const PAGES = 24;
const TABLE_FRAMES = 8;
const FRAMES = 64;
const START = 0x1_0000_0000;

/** Some pages, of which each can be mapped to each of some frames, and fences that own some of them. */
class FencedMmu {
  readonly memory = new GuestMemory(FRAMES * PAGE);
  readonly mmu = new Mmu(this.memory);
  private readonly tables = new PageTables(this.memory, 0);

  constructor() {
    for (let page = 0; page < PAGES; page++) this.map(page, TABLE_FRAMES + page, true);
    this.mmu.setCr3(this.tables.root);
    this.mmu.setCr0(1 << 16);
    this.mmu.setCpl(3);
  }

  /** Halves of the address of a page. Two in a row have their entries in one place of the TLB. */
  halves(page: number): [number, number] {
    return [1 + (page & 1) * 0x10, (page >> 1) * PAGE];
  }

  map(page: number, frame: number, writable: boolean): void {
    const [high, low] = this.halves(page);
    const linear = (BigInt(high) << 32n) | BigInt(low);
    this.tables.map(linear, frame * PAGE, USER | (writable ? WRITABLE : 0n));
    this.mmu.derived.stored(this.tables.entryAddress(linear), 8);
  }

  access(page: number, access: number): void {
    this.mmu.translate(...this.halves(page), access);
  }

  /** Whether the TLB has a page for writing. Throws where it must not. */
  holds(page: number): boolean {
    const [high, low] = this.halves(page);
    const physical = this.mmu['tlb'].lookup(TLB_WRITE, high, low);
    if (physical < 0) return false;
    const { memory, mmu } = this;
    if (!mmu.ownsPage(high, low)) throw new Error(`page ${page} is not owned`);
    if (mmu.probe(high, low, ACCESS_WRITE) !== physical) throw new Error(`page ${page} is not at ${physical}`);
    if (memory.watched[physical / PAGE] !== 0) throw new Error(`frame of page ${page} is watched`);
    const entry = memory.read64(this.tables.entryAddress((BigInt(high) << 32n) | BigInt(low)));
    if (!(entry & DIRTY)) throw new Error(`page ${page} is not dirty`);
    return true;
  }

  holdsAny(): number {
    return Array.from({ length: PAGES }, (_, page) => this.holds(page)).filter(Boolean).length;
  }
}

t.test('write entries stay correct, whatever happens between two fences', (t) => {
  const random = new Random(2);
  let putBack = 0;
  for (let run = 0; run < 40; run++) {
    const machine = new FencedMmu();
    const { mmu } = machine;
    const part = (from: number, pages: number): AddressRange => ({
      start: START + from * PAGE,
      end: START + (from + pages) * PAGE,
    });
    const fences = [
      undefined,
      new WriteFence([part(0, 4)]),
      new WriteFence([part(4, 4)]),
      new WriteFence([part(2, 8)]),
    ];
    for (let step = 0; step < 400; step++) {
      const page = random.below(PAGES);
      const frame = TABLE_FRAMES + random.below(FRAMES - TABLE_FRAMES);
      const kind = random.below(20);
      if (kind < 8) machine.access(page, ACCESS_WRITE);
      else if (kind < 10) machine.access(page, ACCESS_READ);
      else if (kind < 11) machine.map(page, frame, random.chance(2));
      else if (kind < 12) mmu.watch(frame, WATCH_CODE);
      else if (kind < 13) mmu.unwatch(frame, WATCH_CODE);
      else if (kind < 14 && random.chance(4)) mmu.derived.invalidatePage(...machine.halves(page));
      else if (kind < 15 && random.chance(8)) mmu.flush();
      else if (kind >= 15) {
        mmu.derived.setWriteFence(random.pick(fences));
        putBack += machine.holdsAny();
      }
      machine.holdsAny();
    }
  }
  t.ok(putBack > 1000, `${putBack} entries were there right after another fence was put in force`);
  t.end();
});

t.test('write entries beyond the tracked number are dropped, not restored', (t) => {
  const memory = new GuestMemory(64 * 2 ** 20);
  const mmu = new Mmu(memory);
  const tables = new PageTables(memory, 0);
  const first = 64;
  const pages = 9000;
  for (let i = 0; i < pages; i++) tables.map(BigInt(START + i * PAGE), (first + i) * PAGE, USER | WRITABLE);
  mmu.setCr3(tables.root);
  mmu.setCpl(3);
  for (let i = 0; i < pages; i++) mmu.translate(1, i * PAGE, ACCESS_WRITE);
  const own = new WriteFence([{ start: 0, end: PAGE }]);
  const held = (): number =>
    Array.from({ length: pages }, (_, i) => mmu['tlb'].lookup(TLB_WRITE, 1, i * PAGE)).filter((at) => at >= 0).length;
  const frames = (): number => mmu['tlb']['writersOf'].filter((writers) => writers === 1).length;
  const isCountedRight = (): boolean => mmu['tlb']['writersOf'].every((writers) => writers <= 1) && frames() === held();
  t.equal(held(), pages);
  t.ok(isCountedRight());
  mmu.derived.setWriteFence(own);
  t.equal(held(), 0);
  t.ok(isCountedRight());
  mmu.derived.setWriteFence(undefined);
  t.equal(held(), 0);
  mmu.translate(1, 0, ACCESS_WRITE);
  mmu.derived.setWriteFence(own);
  mmu.derived.setWriteFence(undefined);
  t.equal(held(), 1);
  for (let i = 0; i < pages; i++) mmu.translate(1, i * PAGE, ACCESS_WRITE);
  t.equal(held(), pages);
  mmu.flush();
  t.equal(held(), 0);
  t.ok(isCountedRight());
  t.end();
});
