/** Page tables of bare machines as the page draws them: in every paging mode, they map what the processor finds, and nothing else. */
import t from 'tap';
import { Board } from '../../src/index.js';
import { highHalf, lowHalf } from '../../src/kernel/memory/linear-address.js';
import { CR0_PG, CR4_PAE, CR4_PSE, EFER_LMA, EFER_NXE } from '../../src/mmu/entry.js';
import { PageTables, type MappedPage } from '../../src/web/board/page-tables.js';
import fc from '../support/fast-check.js';

const MODES = {
  'four-level': { cr4: CR4_PAE, efer: EFER_LMA | EFER_NXE, entries: 512 },
  pae: { cr4: CR4_PAE, efer: EFER_NXE, entries: 512 },
  'two-level': { cr4: CR4_PSE, efer: 0, entries: 1024 },
} as const;

const FIRST_TABLE = 16;
const PAGE = 4096;
const TABLES = 8;

/** An entry: its place, where it leads to, its rights, and whether it maps a large page. */
const entry = fc.record({
  table: fc.nat(TABLES - 1),
  index: fc.nat(1023),
  target: fc.nat(TABLES - 1),
  rights: fc.nat(3),
  isLarge: fc.boolean(),
  isKept: fc.boolean(),
});

t.test('what is drawn is what the processor finds, in every paging mode', (t) => {
  const board = new Board({ memoryBytes: 2 ** 20, send: () => {} });
  const { memory, cpu } = board;
  const { mmu } = cpu;
  for (const [mode, { cr4, efer, entries }] of Object.entries(MODES)) {
    let mapped = 0;
    fc.assert(
      fc.property(fc.array(entry, { minLength: 15, maxLength: 40 }), fc.array(fc.nat(2 ** 32 - 1)), (made, others) => {
        memory.ram.fill(0);
        const at = (table: number): number => (FIRST_TABLE + table) * PAGE;
        for (const { table, index, target, rights, isLarge, isKept } of made) {
          // Tables lead to later ones only, so that there are few of them, and the first entries often to something.
          const below = table + 1 + (target % Math.max(1, TABLES - table - 1));
          const place = isKept ? index % 4 : index % entries;
          const isPage = isLarge || below >= TABLES;
          const low = 1 | (rights << 1) | (isPage ? 0x80 : at(below));
          if (mode === 'two-level') memory.write32(at(table) + 4 * place, low);
          else memory.write32(at(table) + 8 * place, low & ~(mode === 'pae' && table === 0 ? 0x86 : 0));
        }
        const root = at(0);
        const pointers = BigUint64Array.from({ length: 4 }, (_, index) =>
          BigInt(memory.read32(root + 8 * index) >>> 0),
        );
        mmu.setControls({ cr0: 0, cr3: 0, cr4: 0, efer: 0, cpl: 0 });
        mmu.setControls({ cr0: CR0_PG | 1, cr3: root, cr4, efer, cpl: 0 });
        mmu.setPaging(mode as keyof typeof MODES);
        mmu.setDirectoryPointers(pointers);
        cpu.bare!.system.state.directoryPointers.set(pointers);
        const tables = PageTables.of(board)!;
        if (tables.mode !== mode || tables.root !== root) return false;
        const pages: MappedPage[] = [];
        tables.visitPages((page) => pages.push(page));
        const locate = (address: number): number => mmu.locate(highHalf(address), lowHalf(address));
        mapped += pages.length;
        const isSame = pages.slice(0, 200).every(({ start, bytes, physical }) =>
          [0, bytes - 1].every((offset) => {
            const found = locate(start + offset);
            // What the processor faults on is drawn as it stands, and described as not mapped.
            const walked = tables.walk(start + offset)?.physical;
            return found < 0 ? walked === undefined : found === physical + offset && walked === found;
          }),
        );
        const isComplete = others.every((address) => {
          const found = locate(address);
          const page = pages.find(({ start, bytes }) => address >= start && address < start + bytes);
          return found < 0
            ? tables.walk(address)?.physical === undefined
            : found === page!.physical + address - page!.start;
        });
        return isSame && isComplete && pages.every((page, at) => at === 0 || page.start > pages[at - 1]!.start);
      }),
      { numRuns: 60 },
    );
    t.ok(mapped > 20, `${mode}: ${mapped} pages were mapped`);
  }
  t.end();
});
