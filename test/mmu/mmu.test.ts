import t from 'tap';
import { isCanonical } from '../../src/bits.js';
import { GuestMemory, HOST_LAYOUT, MAX_RAM_BYTES, WATCH_CODE, WATCH_TABLE } from '../../src/memory.js';
import { Mmu } from '../../src/mmu/mmu.js';
import { TLB_ADDEND_OFFSET, TLB_ENTRY_BYTES, TLB_INDEX_MASK, TLB_INDEX_SHIFT, Tlb } from '../../src/mmu/tlb.js';
import { TLB_FETCH, TLB_READ, TLB_WRITE } from '../../src/mmu/tlb.js';
import {
  ACCESS_FETCH,
  ACCESS_IMPLICIT,
  ACCESS_READ,
  ACCESS_USER,
  ACCESS_WRITE,
  Walk,
  isCanonicalHigh,
  walk,
} from '../../src/mmu/walk.js';
import fc from '../support/fast-check.js';
import { seedOf, volume } from '../support/volume.js';
import { Guest, pages, type Step } from './guest.js';
import { errorCodeOf, translate, type Access } from './model.js';
import { anyAccess, anyEntry, anyLinear, entryOf, faultOf, halves, mustEqual, oneIn } from './page-tables.js';

const PAGE = 4096;
const [P, RW, US, A, D, PS] = [1n, 2n, 4n, 0x20n, 0x40n, 0x80n];
const XD = 1n << 63n;
const NXE = 1 << 11;
const WP = 1 << 16;
const SMEP = 1 << 20;
const SMAP = 1 << 21;

t.test('the walk equals the model', (t) => {
  const memory = new GuestMemory(16 * PAGE);
  const found = new Walk();
  const seen = new Set<string>();
  const anyControls = fc.record({
    wp: fc.boolean(),
    smep: fc.boolean(),
    smap: fc.boolean(),
    nxe: fc.boolean(),
    ac: fc.boolean(),
  });
  const anyPath = fc.tuple(anyEntry, anyEntry, anyEntry, anyEntry);
  fc.assert(
    fc.property(anyPath, anyLinear, anyControls, anyAccess, (path, linear, controls, access) => {
      memory.ram.fill(0, 0, 8 * PAGE);
      const root = path[3].target % 8;
      let table = root;
      path.forEach((entry, depth) => {
        const index = Number((linear >> (39n - 9n * BigInt(depth))) & 511n);
        const pageBits = entry.target & 1 ? 39n - 9n * BigInt(depth) : 30n;
        const next = entry.target % 8;
        const frame = depth === 3 || entry.large || entry.escapes ? entry.target : next;
        memory.write64(table * PAGE + index * 8, entryOf(entry, frame, pageBits));
        table = next;
      });
      const cr3 = root * PAGE + 0x18;
      const expected = translate((p) => memory.read64(Number(p)), { ...controls, cr3: BigInt(cr3) }, access, linear);
      const { wp, smep, smap, nxe, ac } = controls;
      const registers = {
        cr0: wp ? WP : 0,
        cr3,
        cr4: (smep ? SMEP : 0) | (smap ? SMAP : 0),
        efer: nxe ? NXE : 0,
        rflagsAC: ac,
        directoryPointers: new BigUint64Array(4),
      };
      const ok = walk(memory, registers, accessBits(access), ...halves(linear), found);
      if ('fault' in expected) {
        seen.add(`error code ${errorCodeOf(expected.fault)}`);
        mustEqual('fault', { ok: false, errorCode: errorCodeOf(expected.fault) }, { ok, errorCode: found.errorCode });
        return;
      }
      seen.add(`${expected.pageBytes} bytes`);
      const values = expected.entries.map((address) => memory.read64(Number(address)));
      mustEqual(
        'translation',
        {
          ok: true,
          physical: expected.physical,
          pageBytes: expected.pageBytes,
          entries: expected.entries,
          accessed: values.every((value) => value & A),
          dirty: (values.at(-1)! & D) !== 0n,
        },
        {
          ok,
          physical: found.physical,
          pageBytes: 1 << (3 + 9 * found.leafLevel),
          entries: [...found.entryAddresses.subarray(found.leafLevel)].reverse(),
          accessed: found.accessed,
          dirty: found.dirty,
        },
      );
    }),
    { numRuns: 20_000 },
  );
  const sizes = ['4096', '2097152', '1073741824'].map((size) => `${size} bytes`);
  const codes = [0, 1, 9].flatMap((cause) => [0, 2, 4, 6, 16, 20].map((access) => `error code ${cause + access}`));
  t.same([...seen].sort(), [...sizes, ...codes].sort(), 'all page sizes and all error codes occurred');
  t.end();
});

function accessBits({ kind, mode, implicit }: Access): number {
  const bits = { read: ACCESS_READ, write: ACCESS_WRITE, fetch: ACCESS_FETCH }[kind];
  return bits | (mode === 'user' ? ACCESS_USER : 0) | (implicit ? ACCESS_IMPLICIT : 0);
}

for (const [machine, isBare] of [
  ['BD0', false],
  ['a bare machine', true],
] as const)
  t.test(`the TLB of ${machine} is not observable`, (t) => {
    const guest = new Guest(isBare);
    const often = isBare ? 8 : 1;
    const step = (weight: number, name: Step['do'], ...args: fc.Arbitrary<unknown>[]) => ({
      weight,
      arbitrary: fc.tuple(...args).map((drawn): Step => ({ do: name, args: drawn })),
    });
    const page = fc.oneof({ weight: 8, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.nat(pages.length - 1) });
    const slot = fc.nat(3);
    const frame = fc.nat(40);
    const otherReason = fc.constant(0x80);
    const length = fc.constantFrom(1, 2, 4, 8, 16, 32, 64);
    const cr4 = fc.constantFrom(0, SMEP, SMAP, SMEP | SMAP);
    const anyStep = fc.oneof(
      step(60, 'access', fc.constantFrom('read', 'write'), page, fc.nat(4095), oneIn(8), anyEntry),
      step(24, 'access', fc.constant('fetch'), page, fc.nat(4095), fc.constant(false), anyEntry),
      step(8, 'crossing', fc.constantFrom('read', 'write'), page, fc.integer({ min: 1, max: 7 }), oneIn(8)),
      step(6, 'storePhysical', fc.nat(31), slot, fc.nat(7), length, fc.array(anyEntry, { maxLength: 8 })),
      step(2, 'storeSilently', fc.nat(7), slot, anyEntry, fc.boolean()),
      step(1, 'watch', frame, otherReason),
      step(1, 'unwatch', frame, otherReason),
      step(1, 'setCr0', fc.constantFrom(0, WP)),
      step(often, 'setCr3', fc.constantFrom(0, PAGE)),
      step(1, 'setCr4', cr4),
      step(1, 'setEfer', fc.constantFrom(NXE, NXE, NXE, 0)),
      step(2 * often, 'setCpl', fc.nat(3)),
      step(2, 'setRflagsAC', fc.boolean()),
    );
    const anyTables = fc.array(anyEntry, { minLength: 32, maxLength: 32 });
    const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(anyTables, anySteps, (entries, steps) => {
        guest.reset(entries);
        for (const step of steps) {
          guest.run(step);
          guest.check();
        }
      }),
      { numRuns: volume(isBare ? 60 : 80, 1000), seed: seedOf(1) },
    );
    t.comment(JSON.stringify(guest.seen));
    for (const [what, count] of Object.entries(guest.seen)) t.ok(count > 10, `${what} occurred`);
    t.end();
  });

type Machine = ReturnType<typeof machine>;
type Name = 'pml4' | 'pdpt' | 'pd' | 'pt';

/** Tables for linear addresses below 2 MiB: PML4 in frame 1, PDPT 2, PD 3, PT 4. Page i maps frame 16 + i. */
function machine() {
  const memory = new GuestMemory(64 * PAGE);
  const mmu = new Mmu(memory);
  const entry = { pml4: PAGE, pdpt: 2 * PAGE, pd: 3 * PAGE, pt: 4 * PAGE };
  const pte = (page: number) => entry.pt + page * 8;
  for (const [address, next] of [
    [entry.pml4, 2n],
    [entry.pdpt, 3n],
    [entry.pd, 4n],
  ] as const)
    memory.write64(address, (next << 12n) | P | RW | US);
  for (let page = 0; page < 16; page++) memory.write64(pte(page), (BigInt(16 + page) << 12n) | P | RW | US);
  mmu.setEfer(NXE);
  mmu.setCr0(WP);
  mmu.setCr3(PAGE);
  mmu.setCpl(3);
  const seen = { mappingsChanged: 0 };
  mmu.derived.onMappingsChanged = () => seen.mappingsChanged++;
  return {
    memory,
    mmu,
    entry,
    pte,
    seen,
    entryValue: (name: Name) => memory.read64(entry[name]),
    low: (address: number) => memory.read32(address),
    clear: (address: number, bits: bigint) => memory.write64(address, memory.read64(address) & ~bits),
    store(address: number, value: bigint) {
      memory.write64(address, value);
      mmu.derived.stored(address, 8);
    },
    holds: (table: number, page: number) =>
      memory.hostView.getBigUint64(table + page * TLB_ENTRY_BYTES, true) === BigInt(page * PAGE),
  };
}

t.test('the error code of a page fault, bit by bit', (t) => {
  const faults = (errorCode: number, why: string, access: number, prepare: (m: Machine) => void) => {
    const m = machine();
    prepare(m);
    t.equal(m.mmu.translate(0, 0x123, access), -1, why);
    t.same(faultOf(m.mmu), { cr2: 0x123n, errorCode }, why);
  };
  const [READ, WRITE, FETCH] = [ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH];
  const not = (m: Machine, name: Name, bits: bigint) => m.store(m.entry[name], m.entryValue(name) & ~bits);
  const also = (m: Machine, name: Name, bits: bigint) => m.store(m.entry[name], m.entryValue(name) | bits);

  for (const name of ['pml4', 'pdpt', 'pd', 'pt'] as const)
    faults(0b00100, `U/S: a user-mode access, ${name} entry not present`, READ, (m) => not(m, name, P));
  faults(0b00000, 'a supervisor-mode access, not present', READ, (m) => (not(m, 'pt', P), m.mmu.setCpl(0)));
  faults(0b00110, 'W/R: a write', WRITE, (m) => not(m, 'pt', P));
  faults(0b00111, 'P: a write where R/W = 0', WRITE, (m) => not(m, 'pd', RW));
  faults(0b00011, 'CR0.WP', WRITE, (m) => (not(m, 'pd', RW), m.mmu.setCpl(0)));
  faults(0b00101, 'user mode at a supervisor address', READ, (m) => not(m, 'pml4', US));
  faults(0b01101, 'RSVD: address bit 40', READ, (m) => also(m, 'pt', 1n << 40n));
  faults(0b01101, 'RSVD: PS in a PML4E', READ, (m) => also(m, 'pml4', PS));
  faults(0b01101, 'RSVD: XD without NXE', READ, (m) => (also(m, 'pt', XD), m.mmu.setEfer(0)));
  faults(0b01101, 'RSVD: tables beyond RAM read as all ones', READ, (m) => m.mmu.setCr3(2 ** 40 - PAGE));
  faults(0b00100, 'no bit is reserved where P = 0', READ, (m) => (also(m, 'pt', 1n << 40n), not(m, 'pt', P)));
  faults(0b10101, 'I/D: a fetch where XD = 1', FETCH, (m) => also(m, 'pdpt', XD));
  faults(0b10001, 'I/D: SMEP', FETCH, ({ mmu }) => (mmu.setEfer(0), mmu.setCr4(SMEP), mmu.setCpl(0)));
  faults(0b00100, 'no I/D without NXE and SMEP', FETCH, (m) => (not(m, 'pt', P), m.mmu.setEfer(0)));
  faults(0b00001, 'SMAP', READ, ({ mmu }) => (mmu.setCr4(SMAP), mmu.setCpl(0)));
  const implicit = 'an implicit access is a supervisor access even at CPL 3, and AC does not help it';
  faults(0b00001, implicit, READ | ACCESS_IMPLICIT, ({ mmu }) => (mmu.setCr4(SMAP), mmu.setRflagsAC(true)));
  t.end();
});

t.test('low address bits of a large page: bit 12 is PAT, the others are reserved', (t) => {
  const { memory, mmu, entry } = machine();
  memory.write64(entry.pd, P | RW | US | PS | (1n << 12n));
  t.equal(mmu.translate(0, 0x1f_f123, ACCESS_READ), 0x1f_f123);
  memory.write64(entry.pd, P | RW | US | PS | (1n << 13n));
  t.equal(mmu.probe(0, 0x1f_f123, ACCESS_READ), -1);
  memory.write64(entry.pdpt, (0x7fn << 30n) | P | RW | US | PS | (1n << 12n));
  t.equal(mmu.translate(0, 0x3fff_f123, ACCESS_READ), 0x7f * 2 ** 30 + 0x3fff_f123);
  memory.write64(entry.pdpt, P | RW | US | PS | (1n << 29n));
  t.equal(mmu.probe(0, 0x3fff_f123, ACCESS_READ), -1);
  t.end();
});

t.test('A and D', (t) => {
  const used = Number(P | RW | US | A);
  t.test('a read sets A in every entry, a write D in the one that maps the page too', (t) => {
    const { mmu, entry, pte, low } = machine();
    t.equal(mmu.translate(0, 0x1008, ACCESS_READ), 17 * PAGE + 8);
    t.same(
      [entry.pml4, entry.pdpt, entry.pd, pte(1)].map((address) => low(address) & 0xfff),
      Array(4).fill(used),
    );
    mmu.translate(0, 0x1008, ACCESS_WRITE);
    t.same(
      [entry.pd, pte(1)].map((address) => low(address) & 0xfff),
      [used, used | Number(D)],
    );
    t.equal(low(pte(0)) & Number(A | D), 0);
    t.end();
  });
  t.test('a large page has D in its PDE', (t) => {
    const { memory, mmu, entry, low } = machine();
    memory.write64(entry.pd, P | RW | US | PS);
    mmu.translate(0, 0x1008, ACCESS_WRITE);
    t.equal(low(entry.pd), used | Number(D | PS));
    t.end();
  });
  t.test('a walk that faults, and a probe, set nothing', (t) => {
    const { memory, mmu, pte, clear } = machine();
    clear(pte(0), RW);
    const before = memory.ram.slice();
    t.equal(mmu.translate(0, 0, ACCESS_WRITE), -1);
    t.equal(mmu.probe(0, PAGE, ACCESS_WRITE), 17 * PAGE);
    t.equal(Buffer.compare(memory.ram, before), 0);
    t.end();
  });
  t.test('a store across pages sets D in both', (t) => {
    const { mmu, pte, low } = machine();
    t.equal(mmu.translateCrossing(0, 0x1ffd, ACCESS_WRITE), 17 * PAGE + 0xffd);
    t.equal(mmu.secondPhysical, 18 * PAGE);
    for (const page of [1, 2]) t.equal(low(pte(page)) & Number(A | D), Number(A | D));
    t.end();
  });
  t.test('if the second page faults, A is set in the first and D in neither', (t) => {
    const { mmu, pte, clear, low } = machine();
    clear(pte(2), RW);
    t.equal(mmu.translateCrossing(0, 0x1ffd, ACCESS_WRITE), -1);
    t.same(faultOf(mmu), { cr2: 0x2000n, errorCode: 0b111 });
    t.same(
      [1, 2].map((page) => low(pte(page)) & Number(A | D)),
      [Number(A), 0],
    );
    t.end();
  });
  t.test('if both pages fault, the lower one is reported and nothing is set', (t) => {
    const { memory, mmu, pte, clear } = machine();
    clear(pte(1), P);
    clear(pte(2), RW);
    const before = memory.ram.slice();
    t.equal(mmu.translateCrossing(0, 0x1ffd, ACCESS_WRITE), -1);
    t.same(faultOf(mmu), { cr2: 0x1ffdn, errorCode: 0b110 });
    t.equal(Buffer.compare(memory.ram, before), 0);
    t.end();
  });
  t.test('setting A in an entry that is also decoded code notifies the CPU', (t) => {
    const { mmu, seen } = machine();
    mmu.watch(4, WATCH_CODE);
    mmu.translate(0, 0, ACCESS_READ);
    t.equal(seen.mappingsChanged, 1);
    mmu.translate(0, 0, ACCESS_READ);
    t.equal(seen.mappingsChanged, 1, 'A was set already');
    t.end();
  });
  t.end();
});

t.test('contents of the TLB', (t) => {
  t.test('host addresses of RAM up to 3.5 GiB, from any linear address', (t) => {
    const host32 = new Int32Array((HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes) / 4);
    const tlb = new Tlb({ host32, size: MAX_RAM_BYTES } as GuestMemory);
    const anyFrame = fc.nat(MAX_RAM_BYTES / PAGE - 1);
    fc.assert(
      fc.property(anyLinear, anyFrame, anyFrame, (linear, frame, otherFrame) => {
        const physical = frame * PAGE + Number(linear & 0xfffn);
        const [high, low] = halves(linear);
        tlb.fill(TLB_WRITE, high, low, physical);
        const addend = host32[(TLB_WRITE + (((low >> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_ADDEND_OFFSET)) / 4]!;
        const host = Number(BigInt.asUintN(32, BigInt(addend) + linear));
        mustEqual('host address', { host: HOST_LAYOUT.ram + physical }, { host });
        if (otherFrame !== frame) tlb.dropWritesTo(otherFrame);
        mustEqual('lookup', { physical }, { physical: tlb.lookup(TLB_WRITE, high, low) });
        tlb.dropWritesTo(frame);
        mustEqual('after dropWritesTo', { physical: -1 }, { physical: tlb.lookup(TLB_WRITE, high, low) });
      }),
      { numRuns: 1000 },
    );
    t.end();
  });
  t.test('a new one, most of which is all 0, matches no access that generated code makes', (t) => {
    const memory = new GuestMemory(PAGE);
    const tlb = new Tlb(memory);
    const edges = [0n, 1n, 0xfffn, 0x1000n, 0xffff_f000n, 0xffff_ffffn, -1n, -8n, -15n, -16n, -4096n, -4097n];
    const anyAccess = fc.constantFrom(...edges.map((edge) => BigInt.asUintN(64, edge)));
    const mustMiss = (linear: bigint, size: bigint): void => {
      const tag = BigInt.asIntN(64, (linear + size - 1n) & ~0xfffn);
      for (const table of [TLB_READ, TLB_WRITE, TLB_FETCH]) {
        const entry = table + (Number((linear >> BigInt(TLB_INDEX_SHIFT)) & 0xffff_ffffn) & TLB_INDEX_MASK);
        mustEqual('hit', { hit: false }, { hit: memory.hostView.getBigInt64(entry, true) === tag });
        mustEqual('lookup', { physical: -1 }, { physical: tlb.lookup(table, ...halves(linear)) });
      }
    };
    fc.assert(fc.property(fc.oneof(anyAccess, anyLinear), fc.bigInt({ min: 1n, max: 16n }), mustMiss), {
      numRuns: 2000,
    });
    t.end();
  });
  t.test(
    'a fetch fills its own table; a write also fills that for reads, and a read that for writes if D is set',
    (t) => {
      const { mmu, holds } = machine();
      mmu.translate(0, PAGE, ACCESS_READ);
      mmu.translate(0, 2 * PAGE, ACCESS_FETCH);
      mmu.translate(0, 3 * PAGE, ACCESS_WRITE);
      const tables = [TLB_READ, TLB_FETCH, TLB_WRITE];
      const held = (): boolean[][] => [1, 2, 3].map((page) => tables.map((table) => holds(table, page)));
      t.same(held(), [
        [true, false, false],
        [false, true, false],
        [true, false, true],
      ]);
      mmu.setCpl(0);
      mmu.setCpl(3);
      mmu.translate(0, 3 * PAGE, ACCESS_READ);
      t.same(held()[2], [true, false, true]);
      t.end();
    },
  );
  t.test('no writes to a frame while it is watched', (t) => {
    const { mmu, holds } = machine();
    mmu.translate(0, PAGE, ACCESS_WRITE);
    mmu.watch(17, WATCH_CODE);
    t.notOk(holds(TLB_WRITE, 1), 'a frame that becomes watched loses its entry');
    t.equal(mmu.translate(0, PAGE, ACCESS_WRITE), 17 * PAGE);
    t.notOk(holds(TLB_WRITE, 1));
    mmu.unwatch(17, WATCH_CODE);
    mmu.translate(0, PAGE, ACCESS_WRITE);
    t.ok(holds(TLB_WRITE, 1));
    t.end();
  });
  t.test('no page beyond RAM, and no implicit access', (t) => {
    const { memory, mmu, pte, holds } = machine();
    memory.write64(pte(1), BigInt(memory.size) | P | US);
    t.equal(mmu.translate(0, PAGE, ACCESS_READ), memory.size);
    t.equal(mmu.translate(0, 2 * PAGE, ACCESS_READ | ACCESS_IMPLICIT), 18 * PAGE);
    t.notOk(holds(TLB_READ, 1));
    t.notOk(holds(TLB_READ, 2));
    t.throws(() => new Tlb(memory).fill(TLB_READ, 0, 0, memory.size), RangeError);
    t.end();
  });
  t.test('nothing of another privilege level', (t) => {
    const { mmu, holds, clear, pte } = machine();
    clear(pte(1), US);
    mmu.setCpl(0);
    mmu.translate(0, PAGE, ACCESS_READ);
    mmu.setCpl(2);
    t.ok(holds(TLB_READ, 1), 'CPL 0 to 2 are one privilege');
    mmu.setCpl(3);
    t.notOk(holds(TLB_READ, 1));
    t.equal(mmu.translate(0, PAGE, ACCESS_READ), -1);
    t.end();
  });
  t.test('AC matters only in supervisor mode with SMAP', (t) => {
    const { mmu, holds } = machine();
    mmu.translate(0, PAGE, ACCESS_READ);
    mmu.setRflagsAC(true);
    t.ok(holds(TLB_READ, 1), 'at CPL 3 it has to do with alignment');
    mmu.setCpl(0);
    mmu.setCr4(SMAP);
    t.equal(mmu.translate(0, PAGE, ACCESS_READ), 17 * PAGE);
    mmu.setRflagsAC(false);
    t.notOk(holds(TLB_READ, 1));
    t.equal(mmu.translate(0, PAGE, ACCESS_READ), -1);
    t.end();
  });
  t.test('after invalidatePage, no part of a large page', (t) => {
    const { memory, mmu, entry, holds, seen } = machine();
    mmu.translate(0, PAGE, ACCESS_READ);
    mmu.translate(0, 2 * PAGE, ACCESS_READ);
    mmu.derived.invalidatePage(0, PAGE);
    t.same(
      [1, 2].map((page) => holds(TLB_READ, page)),
      [false, true],
      'a page of 4 KiB alone',
    );
    memory.write64(entry.pd, P | RW | US | PS);
    mmu.flush();
    mmu.translate(0, PAGE, ACCESS_READ);
    mmu.translate(0, 2 * PAGE, ACCESS_READ);
    mmu.derived.invalidatePage(0, PAGE);
    t.same(
      [1, 2].map((page) => holds(TLB_READ, page)),
      [false, false],
    );
    t.equal(seen.mappingsChanged, 3);
    t.end();
  });
  t.end();
});

t.test('a store to a page table drops', (t) => {
  const used = [1, 2];
  const before = () => {
    const m = machine();
    for (const page of used) m.mmu.translate(0, page * PAGE, ACCESS_WRITE);
    m.mmu.translate(0, 3 * PAGE, ACCESS_FETCH);
    return m;
  };
  t.test('nothing if the entry was not present, so that mapping on demand is cheap', (t) => {
    const { mmu, pte, store, holds, seen } = before();
    t.equal(mmu.translate(0, 100 * PAGE, ACCESS_READ), -1);
    store(pte(100), (20n << 12n) | P | US);
    t.equal(mmu.translate(0, 100 * PAGE, ACCESS_READ), 20 * PAGE);
    t.same(
      used.map((page) => holds(TLB_WRITE, page)),
      [true, true],
    );
    t.equal(seen.mappingsChanged, 0);
    t.end();
  });
  t.test('the page, but no code, if a PTE for data changes', (t) => {
    const { mmu, pte, store, holds, seen } = before();
    store(pte(1), (30n << 12n) | P | US);
    t.same(
      used.map((page) => holds(TLB_WRITE, page)),
      [false, true],
    );
    t.ok(holds(TLB_FETCH, 3));
    t.equal(seen.mappingsChanged, 0);
    t.equal(mmu.translate(0, PAGE, ACCESS_READ), 30 * PAGE);
    t.end();
  });
  t.test('everything if a PTE for code or a table above it changes', (t) => {
    for (const name of ['pt', 'pd'] as const) {
      const { entry, pte, low, store, holds, seen } = before();
      const address = name === 'pt' ? pte(3) : entry.pd;
      store(address, BigInt(low(address)) & ~P);
      t.same(
        used.map((page) => holds(TLB_WRITE, page)),
        [false, false],
      );
      t.equal(seen.mappingsChanged, 1);
    }
    t.end();
  });
  t.test('the same if it touches only a single byte of the entry', (t) => {
    const { memory, mmu, pte, holds } = before();
    memory.ram[pte(1) + 7]! |= 0x80;
    mmu.derived.stored(pte(1) + 7, 1);
    t.same(
      used.map((page) => holds(TLB_WRITE, page)),
      [false, true],
    );
    t.end();
  });
  t.end();
});

t.test('a frame is watched as a table while something derived from it is kept', (t) => {
  const { memory, mmu, pte, store } = machine();
  const watchedTables = () => [1, 2, 3, 4, 5].filter((frame) => memory.watched[frame]! & WATCH_TABLE);
  t.equal(mmu.translate(0, 100 * PAGE, ACCESS_READ), -1);
  t.same(watchedTables(), [], 'a fault leaves nothing');
  mmu.translate(0, PAGE, ACCESS_READ);
  mmu.translate(0, 2 * PAGE, ACCESS_READ);
  t.same(watchedTables(), [1, 2, 3, 4]);
  store(pte(1), 0n);
  t.same(watchedTables(), [1, 2, 3, 4]);
  store(pte(2), 0n);
  t.same(watchedTables(), [1, 2, 3], 'the last entry in use is gone');
  mmu.setCr3(5 * PAGE);
  t.same(watchedTables(), []);
  t.end();
});

t.test('only canonical addresses are translated, and CR3 must be a physical address', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(17), (bits, shift) => {
      const linear = BigInt.asUintN(64, BigInt.asIntN(64, bits) >> BigInt(shift));
      return isCanonicalHigh(halves(linear)[0]) === isCanonical(linear);
    }),
  );
  const { mmu } = machine();
  t.equal(mmu.translate(0x7fff, -1, ACCESS_READ), -1, 'the highest address of the lower half');
  t.equal(faultOf(mmu).cr2, 0x7fff_ffff_ffffn);
  t.throws(() => mmu.translate(0x8000, 0, ACCESS_READ), RangeError);
  for (const value of [-1, 0.5, 2 ** 40]) t.throws(() => mmu.setCr3(value), RangeError);
  t.end();
});
