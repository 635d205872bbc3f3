/** What a dynamic linker says in the memory of its process, which may be anything. */
import t from 'tap';
import { LinkedLibraries } from '../../src/debug/linked-libraries.js';
import type { DebugLibrary, DebugProcess } from '../../src/debug/target.js';
import { FakeTarget } from './gdb/fake-target.js';

const DYNAMIC = 0x3000n;
const BASE = 0x1_0000_0000n;
const R_DEBUG = 0x5_0000n;
const MAPS = 0x6_0000n;
const NAMES = 0x7_0000n;
const BRK = 0x1234n;
const DT_DEBUG = 21n;

/** An ELF header, PT_DYNAMIC and PT_INTERP. */
const image = ((): Uint8Array => {
  const view = new DataView(new ArrayBuffer(256));
  view.setUint32(0, 0x464c457f, true);
  view.setUint8(4, 2);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  view.setUint32(64, 2, true);
  view.setBigUint64(64 + 16, DYNAMIC, true);
  view.setBigUint64(64 + 40, 64n, true);
  view.setUint32(120, 3, true);
  view.setBigUint64(120 + 8, 200n, true);
  view.setBigUint64(120 + 32, 11n, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(new TextEncoder().encode('/lib/ld.so\0'), 200);
  return bytes;
})();

function words(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

function page(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(0x1000);
  all.set(bytes);
  return all;
}

function library(base: bigint, soname?: string): DebugLibrary {
  return {
    base,
    start: base,
    end: base + 0x1000n,
    imageId: base.toString(16).padStart(64, '0'),
    soname,
    image: () => new Uint8Array(64),
  };
}

/** Paths of libraries where memory holds these pages, and where changes are seen. */
function seen(
  pages: ReadonlyMap<bigint, Uint8Array>,
  libraries: readonly DebugLibrary[],
): { readonly paths: readonly string[]; readonly address: bigint | undefined } {
  const target = new FakeTarget();
  for (const [address, bytes] of pages) target.memory.set(address, page(bytes));
  const process: DebugProcess = {
    ...target.processes[0]!,
    ...{ base: BASE, linuxPid: 1, image: () => image, libraries: () => libraries },
  };
  const linked = new LinkedLibraries(target);
  return { paths: linked.of(process).map(({ path }) => path), address: linked.changeAddress(process) };
}

const dynamic = [BASE + DYNAMIC, words(4n, 0x10n, DT_DEBUG, R_DEBUG, 0n, 0n)] as const;
const linker = [R_DEBUG, words(1n, MAPS, BRK)] as const;
const names = [NAMES, new TextEncoder().encode('\0/lib/a.so\0/lib/b.so\0')] as const;
const [a, b] = [library(0x100n, 'a.so.1'), library(0x200n, 'b.so.1')];

t.test('paths are those of the dynamic linker', async (t) => {
  const maps = words(0n, NAMES, 0n, MAPS + 32n, 0x100n, NAMES + 1n, 0n, MAPS + 64n, 0x200n, NAMES + 11n, 0n, 0n);
  const pages = new Map<bigint, Uint8Array>([dynamic, linker, names, [MAPS, maps]]);
  t.same(seen(pages, [a, b]), { paths: ['/lib/a.so', '/lib/b.so'], address: BRK });
});

t.test('what it does not list is called what it calls itself, or by its identity', async (t) => {
  const pages = new Map<bigint, Uint8Array>([dynamic, linker, names, [MAPS, words(0x100n, NAMES + 1n, 0n, 0n)]]);
  const nameless = library(0x300n);
  t.same(seen(pages, [a, b, nameless]).paths, ['/lib/a.so', 'b.so.1', nameless.imageId]);
});

t.test('before it has begun, it is alone, and has the path that the program asks for', async (t) => {
  t.same(seen(new Map(), [a]), { paths: ['/lib/ld.so'], address: undefined });
  t.same(seen(new Map([[BASE + DYNAMIC, words(DT_DEBUG, 0n, 0n, 0n)]]), [a]).paths, ['/lib/ld.so']);
});

t.test('a broken list is read as far as it goes', async (t) => {
  const cases: Readonly<Record<string, readonly bigint[]>> = {
    'a circle': [0x100n, NAMES + 1n, 0n, MAPS],
    'an address that is not mapped': [0x100n, NAMES + 1n, 0n, 0xdead_0000n],
    'an invalid address': [0x100n, NAMES + 1n, 0n, 0xffff_ffff_ffff_fff0n],
    'a name that is not mapped': [0x200n, 0xdead_0000n, 0n, MAPS],
  };
  for (const [name, map] of Object.entries(cases)) {
    const { paths } = seen(new Map<bigint, Uint8Array>([dynamic, linker, names, [MAPS, words(...map)]]), [a, b]);
    t.same(paths, [map[0] === 0x100n ? '/lib/a.so' : 'a.so.1', 'b.so.1'], name);
  }
  t.same(seen(new Map([dynamic]), [a, b]).paths, ['a.so.1', 'b.so.1'], 'no r_debug');
});
