/**
 * What the MMU keeps while BD0's page table changes: pages come and go with the tables that map them, threads read the page
 * table in its window, and write fences and views change. Nothing may be left that a walk would not find now.
 */
import t from 'tap';
import { Cpu } from '../../src/cpu/cpu.js';
import { fromLinear, highHalf, lowHalf, toLinear } from '../../src/kernel/memory/linear-address.js';
import type { View } from '../../src/kernel/memory/view.js';
import { PAGE_TABLE_WINDOW, PageTable } from '../../src/kernel/memory/page-table.js';
import { GuestMemory, WATCH_CODE } from '../../src/memory.js';
import { ACCESSED, CR0_WP, DIRTY, EFER_NXE, WRITABLE } from '../../src/mmu/entry.js';
import { slotOf, windowIn, type Alias, type SlotChange } from '../../src/mmu/alias.js';
import { WriteFence } from '../../src/mmu/fence.js';
import { TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_FETCH, TLB_READ, TLB_WRITE } from '../../src/mmu/tlb.js';
import { ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE } from '../../src/mmu/walk.js';
import { translate, type Access } from '../mmu/model.js';
import fc from '../support/fast-check.js';
import { FramesForTables } from '../support/table-frames.js';

const PAGE = 4096;
const TABLE_FRAMES = 48;
const DATA_FRAMES = 12;
const FRAMES = TABLE_FRAMES + DATA_FRAMES;
const NONE = -1;

const KINDS = ['read', 'write', 'fetch'] as const;
type Kind = (typeof KINDS)[number];
const TABLE_OF: Record<Kind, number> = { read: TLB_READ, write: TLB_WRITE, fetch: TLB_FETCH };
const ACCESS_OF: Record<Kind, number> = { read: ACCESS_READ, write: ACCESS_WRITE, fetch: ACCESS_FETCH };

/** Pages close together and far apart, of which some have their entries in one place of the TLB. */
const PAGES = [0, 1, 2].flatMap((a) =>
  [0, 2 ** 28].flatMap((b) => [0, PAGE, 2 ** 21, 2 ** 30].map((c) => a * 2 ** 39 + b + c)),
);
/** Where each entry on the way to one of them is seen in the window, the PTE first. */
const windowOf = (address: number): number => PAGE_TABLE_WINDOW + Math.floor(address / PAGE) * 8;
const WINDOWS = PAGES.flatMap((page) => {
  const [pte, pde] = [windowOf(page), windowOf(windowOf(page))];
  return [pte, pde, windowOf(pde)];
});
const FENCES = [
  undefined,
  new WriteFence([{ start: 0, end: 2 ** 39 }]),
  new WriteFence([{ start: 2 ** 28, end: 2 ** 40 }]),
];

const GIB = 2 ** 30;
const SLOT = 512 * GIB;
/** What views show, the first nothing elsewhere: the first gigabytes, one slot, and both. */
const VIEWS: readonly (readonly Alias[])[] = [
  [],
  [{ window: 0, home: SLOT, size: 4 * GIB }],
  [{ window: SLOT, home: 2 * SLOT, size: SLOT }],
  [
    { window: 0, home: 2 * SLOT, size: 4 * GIB },
    { window: SLOT, home: 2 * SLOT, size: SLOT },
  ],
  [{ window: SLOT, home: 3 * SLOT, size: SLOT }],
];

class Machine {
  readonly seen = {
    tablesFreed: 0,
    windowReads: 0,
    putBack: 0,
    switches: 0,
    seenElsewhere: 0,
    fetchesFound: 0,
    entriesFound: 0,
    fetchesForgotten: 0,
  };
  private readonly cpu: Cpu;
  private readonly pageTable: PageTable;
  /** Where code was fetched from, by the address of its page, until somebody says that it is mapped elsewhere. */
  private readonly fetched = new Map<number, bigint>();
  /** The same for what was seen in windows. */
  private readonly keptFetched = new Map<string, { slot: number; home: number; pages: Map<number, bigint> }>();
  private readonly views: (View | undefined)[] = [];
  private view = 0;

  constructor(private readonly memory: GuestMemory) {
    this.cpu = new Cpu(memory, 'evaluator');
    const { linearMemory, mmu } = this.cpu;
    const frames = new FramesForTables(memory, TABLE_FRAMES, (frame) => {
      linearMemory.stored(frame * PAGE, PAGE);
      this.seen.tablesFreed++;
    });
    this.pageTable = new PageTable(linearMemory, frames);
    mmu.setCr3(this.pageTable.root);
    mmu.setCr0(CR0_WP);
    mmu.setEfer(EFER_NXE);
    mmu.setCpl(3);
    mmu.derived.onMappingsChanged = () => {
      this.fetched.clear();
      this.keptFetched.clear();
    };
    mmu.derived.onPageChanged = (high, low) => {
      const page = fromLinear((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))!;
      if (this.fetched.delete(page - (page % PAGE))) this.seen.fetchesForgotten++;
    };
    mmu.context.onSwitched = (changes) => changes.forEach((change) => this.slotSwitched(change));
    mmu.context.onHomeChanged = (home) => {
      for (const { slot, home: start, pages } of this.keptFetched.values()) pages.delete(windowIn(slot, start, home)!);
    };
  }

  /** What code was fetched in a slot is as good as it was when the same home is seen there again. */
  private slotSwitched({ slot, from, to }: SlotChange): void {
    const pages = new Map<number, bigint>();
    for (const [page, physical] of this.fetched)
      if (slotOf(highHalf(page)) === slot) {
        pages.set(page, physical);
        this.fetched.delete(page);
      }
    this.keptFetched.set(`${slot} ${from}`, { slot, home: from, pages });
    for (const [page, physical] of this.keptFetched.get(`${slot} ${to}`)?.pages ?? []) {
      this.fetched.set(page, physical);
      this.seen.fetchesFound++;
    }
    this.keptFetched.delete(`${slot} ${to}`);
  }

  map(page: number, frame: number, rights: number): void {
    this.pageTable.map(page, TABLE_FRAMES + frame, (rights & 1) !== 0, (rights & 2) !== 0);
  }
  unmap(page: number): void {
    this.pageTable.unmap(page);
  }
  unmapRange(page: number, other: number): void {
    this.pageTable.unmapRange(Math.min(page, other), Math.max(page, other), () => {});
  }
  clear(page: number, bits: number): void {
    if (this.pageTable.entry(page) !== 0) this.pageTable.clearBits(page, bits);
  }
  access(address: number, kind: Kind): void {
    const physical = this.cpu.mmu.translate(highHalf(address), lowHalf(address), ACCESS_OF[kind]);
    if (kind === 'fetch' && physical >= 0) this.fetched.set(address, BigInt(physical));
    if (address >= PAGE_TABLE_WINDOW && physical >= 0) this.seen.windowReads++;
  }
  watch(frame: number, on: boolean): void {
    if (on) this.cpu.mmu.watch(TABLE_FRAMES + frame, WATCH_CODE);
    else this.cpu.mmu.unwatch(TABLE_FRAMES + frame, WATCH_CODE);
  }
  fence(number: number): void {
    this.cpu.mmu.derived.setWriteFence(FENCES[number]);
    this.seen.putBack += this.entriesFor('write', [...PAGES, ...WINDOWS]).length;
  }
  flush(): void {
    this.cpu.mmu.flush();
  }

  switchView(number: number): void {
    const isNew = number > 0 && !this.views[number];
    if (isNew) this.views[number] = this.pageTable.addView(VIEWS[number]!);
    this.pageTable.switchView(this.views[number]);
    this.view = number;
    this.seen.switches++;
    if (number > 0)
      this.seen.entriesFound += this.entriesFor(
        'read',
        PAGES.filter((page) => page >= SLOT && page < 2 * SLOT),
      ).length;
  }
  removeView(number: number): void {
    const view = this.views[number];
    if (view) this.pageTable.removeView(view);
    this.views[number] = undefined;
    if (this.view === number) this.view = 0;
  }

  /** What is seen at an address is what lies at its home, for a view that is not the one that is shown too. */
  private checkViews(): void {
    const { root } = this.pageTable;
    for (const [number, view] of [undefined, ...this.views.slice(1)].entries())
      for (const page of PAGES) {
        if (number > 0 && !view) continue;
        const alias = VIEWS[number]!.find(({ window, size }) => page >= window && page < window + size);
        const home = alias ? page - alias.window + alias.home : page;
        const seen = this.frameAt(view?.root ?? root, page);
        if (seen !== this.frameAt(root, home)) throw new Error(`view ${number} shows ${seen} at ${page}`);
        if (alias && seen >= 0) this.seen.seenElsewhere++;
      }
    if (this.cpu.mmu.cr3 !== (this.views[this.view]?.root ?? root)) throw new Error(`view ${this.view} is not shown`);
  }
  private frameAt(root: number, page: number): number {
    let table = root;
    for (const span of [SLOT, GIB, 2 ** 21, PAGE]) {
      const entry = this.memory.read32(table + (Math.floor(page / span) % 512) * 8);
      if (!(entry & 1)) return -1;
      table = entry - (entry % PAGE);
    }
    return table / PAGE;
  }

  /** Holds all that is kept against the model. */
  check(): void {
    this.checkViews();
    const writers = new Array<number>(FRAMES).fill(0);
    for (const kind of KINDS)
      for (const { address, physical } of this.entriesFor(kind, [...PAGES, ...WINDOWS])) {
        this.mustLead(kind, address, BigInt(physical));
        if (kind !== 'write') continue;
        writers[physical / PAGE]!++;
        if (this.memory.watched[physical / PAGE] !== 0) throw new Error(`writes to watched frame ${physical / PAGE}`);
        if (!this.cpu.mmu.ownsPage(highHalf(address), lowHalf(address))) throw new Error(`${address} is not owned`);
      }
    const counted = this.cpu.mmu['tlb']['writersOf'].subarray(0, FRAMES).join();
    if (counted !== writers.join())
      throw new Error(`${counted} are counted to write to the frames, not ${writers.join()}`);
    for (const [address, physical] of this.fetched) this.mustLead('fetch', address, physical);
  }

  /** How many entries of the TLB hold something. */
  get entries(): number {
    let count = 0;
    for (const table of Object.values(TABLE_OF))
      for (let at = table; at < table + TLB_ENTRIES * TLB_ENTRY_BYTES; at += TLB_ENTRY_BYTES)
        if (this.isHeld(at >>> 2)) count++;
    return count;
  }

  private isHeld(entry: number): boolean {
    const { host32 } = this.memory;
    const low = host32[entry];
    return low !== NONE && (low !== 0 || host32[entry + 1] !== 0 || host32[entry + 2] !== 0);
  }

  get knownEntries(): number {
    return KINDS.reduce((sum, kind) => sum + this.entriesFor(kind, [...PAGES, ...WINDOWS]).length, 0);
  }

  private entriesFor(kind: Kind, addresses: readonly number[]): { address: number; physical: number }[] {
    const pages = [...new Set(addresses.map((address) => address - (address % PAGE)))];
    const lookUp = (page: number): number => this.cpu.mmu['tlb'].lookup(TABLE_OF[kind], highHalf(page), lowHalf(page));
    return pages.map((address) => ({ address, physical: lookUp(address) })).filter(({ physical }) => physical >= 0);
  }

  /** Throws unless a walk finds an address there, and would change no A or D bit. */
  private mustLead(kind: Kind, address: number, physical: bigint): void {
    const read64 = (at: bigint): bigint => this.memory.read64(Number(at));
    const { cr3 } = this.cpu.mmu;
    const controls = { cr3: BigInt(cr3), wp: true, smep: false, smap: false, nxe: true, ac: false };
    const access: Access = { kind, mode: 'user', implicit: false };
    const found = translate(read64, controls, access, toLinear(address));
    if ('fault' in found || found.physical !== physical) throw new Error(`${kind} of ${address} leads to ${physical}`);
    const leaf = this.memory.read32(Number(found.entries.at(-1)!));
    const isUsed = found.entries.every((at) => this.memory.read32(Number(at)) & ACCESSED);
    if (!isUsed || (kind === 'write' && !(leaf & DIRTY))) throw new Error(`${kind} of ${address} would set A or D`);
  }
}

const anyPage = fc.constantFrom(...PAGES);
const anyFrame = fc.nat({ max: DATA_FRAMES - 1 });
const anyBits = fc.constantFrom(ACCESSED, WRITABLE | DIRTY, DIRTY);
type Act =
  'map' | 'unmap' | 'unmapRange' | 'clear' | 'access' | 'watch' | 'fence' | 'switchView' | 'removeView' | 'flush';
const step =
  (weight: number, name: Act) =>
  (...args: fc.Arbitrary<unknown>[]) => ({ weight, arbitrary: fc.tuple(...args).map((args) => ({ name, args })) });
const anyStep = fc.oneof(
  step(12, 'map')(anyPage, anyFrame, fc.nat({ max: 3 })),
  step(6, 'unmap')(anyPage),
  step(1, 'unmapRange')(anyPage, anyPage),
  step(3, 'clear')(anyPage, anyBits),
  step(24, 'access')(anyPage, fc.constantFrom(...KINDS)),
  step(8, 'access')(fc.constantFrom(...WINDOWS), fc.constantFrom('read', 'read', 'write', 'fetch')),
  step(1, 'watch')(anyFrame, fc.boolean()),
  step(8, 'fence')(fc.nat({ max: FENCES.length - 1 })),
  step(6, 'switchView')(fc.nat({ max: VIEWS.length - 1 })),
  step(1, 'removeView')(fc.nat({ max: VIEWS.length - 1 })),
  step(1, 'flush')(),
);

t.setTimeout(0);

t.test('nothing is kept that a walk would not find now, and writers of a frame are counted', (t) => {
  const memory = new GuestMemory(FRAMES * PAGE);
  const all: Record<string, number> = {};
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 200, size: 'max' }), (steps) => {
      memory.ram.fill(0);
      memory.watched.fill(0);
      const machine = new Machine(memory);
      for (const { name, args } of steps) {
        (machine[name] as (...args: unknown[]) => void).apply(machine, args);
        machine.check();
      }
      for (const [what, count] of Object.entries(machine.seen)) all[what] = (all[what] ?? 0) + count;
      return machine.entries === machine.knownEntries;
    }),
    { numRuns: 500 },
  );
  for (const [what, count] of Object.entries(all)) t.ok(count > 20, `${what}: ${count}`);
  t.end();
});
