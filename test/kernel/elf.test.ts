/** The ELF loader: what it reads, what it refuses and why, and what then lies in memory. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ElfError, type ImageBytes } from '../../src/kernel/program/elf-fields.js';
import { parseElf, type ElfImage } from '../../src/kernel/program/elf.js';
import { LoadedImage, loadBase, type ImageTarget } from '../../src/kernel/program/image.js';
import { KnownImages } from '../../src/kernel/program/known-images.js';
import { RelocationPart } from '../../src/kernel/program/relocations.js';
import type { Mapping } from '../../src/kernel/memory/mapping.js';
import { UPPER_HALF, toLinear } from '../../src/kernel/memory/linear-address.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { elfVariants } from '../support/elf-variants.js';
import fc from '../support/fast-check.js';
import { KernelMachine } from '../support/kernel-machine.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import {
  ET_EXEC,
  HEADER_BYTES,
  PF_R,
  PF_W,
  PF_X,
  PROGRAM_HEADER_BYTES,
  PT_DYNAMIC,
  PT_INTERP,
  PT_NOTE,
  PT_TLS,
  R_X86_64_RELATIVE as RELATIVE,
  guestImages,
  makeImage,
  relocatedImage,
  words,
  type LoadedPart,
} from './images.js';

const PAGE = 4096;
const GAP = 2 ** 30;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_RELAENT = 9;
const DT_REL = 17;
const IRELATIVE = 37;

/** Bytes of an image that count how many were read. */
class CountedBytes implements ImageBytes {
  bytesRead = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get length(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.bytes.length)
      throw new Error(`read of ${offset} + ${length} of ${this.bytes.length} bytes`);
    this.bytesRead += length;
    return this.bytes.slice(offset, offset + length);
  }
}

function parse(bytes: Uint8Array): ElfImage {
  return parseElf(new CountedBytes(bytes));
}

/** The relocations of an image that are the kernel's: addresses and addends. */
function relocationsOf(image: ImageBytes, { relocations }: ElfImage): [address: number, addend: bigint][] {
  const part = new RelocationPart(image, relocations, 0, relocations.count);
  const all = Array.from({ length: part.count }, (_, index) => index).filter((index) => part.isRelative(index));
  return all.map((index) => [part.addressOf(index), part.addendOf(index)]);
}

/** The mappings of an image that is loaded in parts. */
function imageMappings(target: ImageTarget, file: VmoHandle, elf: ElfImage, bias: number): Mapping[] {
  const loaded = new LoadedImage(target, file, elf, loadBase(elf, bias));
  while (!loaded.take());
  return loaded.mappings(bias);
}

/** Code, data with a dynamic section and one relocation at its start, and thread-local storage. */
function wholeImage(dynamic: Uint8Array = plainDynamic(1)): Uint8Array {
  const data = new Uint8Array(512);
  data.set(words(0x1008, RELATIVE, 0x20), 64);
  data.set(dynamic, 128);
  return makeImage({
    entry: 0x10,
    loads: [
      { address: 0, bytes: new Uint8Array(64).fill(0x90), flags: PF_R | PF_X },
      { address: 0x1000, bytes: data, memorySize: 0x3000, flags: PF_R | PF_W },
    ],
    headers: (fileOffset) => [
      { type: PT_DYNAMIC, offset: fileOffset(0x1080), address: 0x1080, fileSize: dynamic.length },
      { type: PT_TLS, offset: fileOffset(0x1100), address: 0x1100, fileSize: 16, memorySize: 40, alignment: 16 },
    ],
  });
}

function plainDynamic(relocations: number): Uint8Array {
  return words(DT_RELA, 0x1040, DT_RELASZ, relocations * 24, DT_RELAENT, 24, DT_NULL, 0);
}

/** Byte offsets of the fields of program header `index`. */
function fields(index: number): Record<'type' | 'offset' | 'vaddr' | 'filesz' | 'memsz' | 'align', number> {
  const at = HEADER_BYTES + index * PROGRAM_HEADER_BYTES;
  return { type: at, offset: at + 8, vaddr: at + 16, filesz: at + 32, memsz: at + 40, align: at + 48 };
}

t.test('a well-formed image', (t) => {
  const image = new CountedBytes(wholeImage());
  const elf = parseElf(image);
  t.match(elf, {
    fixed: false,
    entry: 0x10,
    start: 0,
    end: 0x4000,
    alignment: PAGE,
    threadLocal: { address: 0x1100, fileSize: 16, memorySize: 40, alignment: 16 },
    segments: [
      { address: 0, fileSize: 64, memorySize: 64, protection: 5 },
      { address: 0x1000, fileSize: 512, memorySize: 0x3000, protection: 3 },
    ],
  });
  t.same(relocationsOf(image, elf), [[0x1008, 0x20n]]);
  t.equal(elf.programHeaders, undefined, 'no segment holds the program headers');
  t.end();
});

t.test('what is malformed is refused by the name and the value of its field', (t) => {
  const [code, data, dynamic, threadLocal] = [fields(0), fields(1), fields(2), fields(3)];
  type Put = (view: DataView) => void;
  const u16 =
    (at: number, value: number): Put =>
    (view) =>
      view.setUint16(at, value, true);
  const u32 =
    (at: number, value: number): Put =>
    (view) =>
      view.setUint32(at, value, true);
  const u64 =
    (at: number, value: bigint): Put =>
    (view) =>
      view.setBigUint64(at, value, true);
  const cases: [what: string, change: Put, message: RegExp][] = [
    ['magic', u32(0, 0x464c_457e), /starts with 7e 45 4c 46, not 7f 45 4c 46/],
    ['script', u32(0, 0x2f20_2123), /a script \(#!\/\)/],
    ['archive', (view) => [...'!<arch>\n'].forEach((c, at) => view.setUint8(at, c.charCodeAt(0))), /an archive/],
    ['object file', u16(16, 1), /an object file: link it/],
    ['core dump', u16(16, 4), /a core dump/],
    ['type', u16(16, 9), /e_type is 9/],
    ['ARM64', u16(18, 183), /a 64-bit program for ARM \(AArch64\), not a 64-bit one for x86/],
    [
      '32-bit',
      (view) => (view.setUint8(4, 1), view.setUint16(18, 3, true)),
      /it is a 32-bit program for x86, not a 64-bit one/,
    ],
    ['x32', (view) => (view.setUint8(4, 1), view.setUint16(42, 32, true)), /x32/],
    ['big-endian', (view) => (view.setUint8(5, 2), view.setUint16(18, 22)), /IBM S\/390 \(big-endian\)/],
    ['machine', u16(18, 1234), /machine 1234 \(e_machine\)/],
    ['entry size', u16(54, 32), /e_phentsize is 32/],
    ['no program headers', u16(56, 0), /e_phnum is 0/],
    ['too many', u16(56, 0xffff), /e_phnum is 65535/],
    ['headers behind the end', u64(32, 0x10_0000n), /e_phoff 0x100000/],
    ['headers that wrap around', u64(32, (1n << 64n) - 8n), /e_phoff 0xfffffffffffffff8/],
    ['entry nowhere', u64(24, 0x9000n), /e_entry 0x9000 lies in no segment/],
    ['entry in data', u64(24, 0x1000n), /e_entry 0x1000.*not executable/],
    ['entry far away', u64(24, 1n << 63n), /e_entry 0x8000000000000000/],
    ['segment behind the end', u64(code.offset, 0x10_0000n), /e_entry .* lies in no segment/],
    ['segment that wraps around', u64(code.filesz, (1n << 64n) - 1n), /p_filesz 0xffffffffffffffff/],
    ['more in the file than in memory', u64(code.memsz, 8n), /p_filesz 0x40 .* p_memsz 0x8/],
    ['out of the lower half', u64(data.memsz, 1n << 47n), /p_vaddr 0x1000 \+ p_memsz 0x800000000000/],
    ['in the upper half', u64(data.vaddr, 0xffff_8000_0000_0000n), /p_vaddr 0xffff800000000000/],
    ['place in a page', u64(data.vaddr, 0x1010n), /p_vaddr 0x1010 differ/],
    ['large alignment', u64(data.align, 1n << 31n), /p_align 0x80000000/],
    ['interpreter', u32(dynamic.type, PT_INTERP), /a Linux program: start it as one/],
    ['two dynamic sections', u32(threadLocal.type, PT_DYNAMIC), /header 3: a second PT_DYNAMIC/],
    ['dynamic section elsewhere', u64(dynamic.vaddr, 0x2000n), /PT_DYNAMIC p_vaddr 0x2000/],
    ['dynamic section too long', u64(dynamic.filesz, 1n << 40n), /PT_DYNAMIC p_filesz 0x10000000000/],
    ['dynamic section without end', u64(dynamic.filesz, 48n), /PT_DYNAMIC p_filesz 0x30.*DT_NULL/],
    ['template longer than storage', u64(threadLocal.memsz, 8n), /PT_TLS p_filesz 0x10 .* p_memsz 0x8/],
    ['template elsewhere', u64(threadLocal.vaddr, 0x8000n), /PT_TLS p_vaddr 0x8000/],
    ['template alignment', u64(threadLocal.align, 8192n), /PT_TLS p_align 0x2000/],
    ['template too long', u64(threadLocal.filesz, 40n * 2n ** 40n), /PT_TLS/],
  ];
  for (const [what, change, message] of cases) {
    const image = wholeImage();
    change(new DataView(image.buffer));
    t.throws(() => parse(image), { name: 'ElfError', message }, what);
  }
  t.throws(() => parse(wholeImage().slice(0, 63)), { name: 'ElfError', message: /63 bytes/ });
  t.end();
});

t.test('relocations that are not the kernel’s, or lead nowhere, are refused', (t) => {
  const table = (...entries: (number | bigint)[]): Uint8Array => {
    const image = wholeImage(plainDynamic(entries.length / 3));
    image.set(words(...entries), 0x2000 + 64);
    return image;
  };
  const refused = (image: Uint8Array, message: RegExp): void => {
    t.throws(() => parse(image), { name: 'ElfError', message });
  };
  refused(wholeImage(words(DT_NEEDED, 1, DT_NULL, 0)), /DT_NEEDED/);
  refused(wholeImage(words(DT_REL, 0x1040, DT_NULL, 0)), /DT_REL/);
  refused(wholeImage(words(DT_RELASZ, 24, DT_RELAENT, 24, DT_NULL, 0)), /DT_RELA is missing/);
  refused(wholeImage(words(DT_RELA, 0x1040, DT_RELASZ, 25, DT_RELAENT, 24, DT_NULL, 0)), /DT_RELASZ 25/);
  refused(wholeImage(words(DT_RELA, 0x1040, DT_RELASZ, 24, DT_RELAENT, 16, DT_NULL, 0)), /DT_RELAENT is 16/);
  refused(wholeImage(words(DT_RELA, 0x1040, DT_RELASZ, 24, DT_NULL, 0)), /DT_RELAENT is missing/);
  refused(wholeImage(words(DT_RELA, 0x11f0, DT_RELASZ, 24, DT_RELAENT, 24, DT_NULL, 0)), /DT_RELA 0x11f0/);
  refused(wholeImage(words(DT_RELA, 0x1040, DT_RELASZ, 24n << 40n, DT_RELAENT, 24, DT_NULL, 0)), /DT_RELASZ 0x18/);
  refused(table(0x1008, RELATIVE, 0, 0x1010, 1, 0), /DT_RELA\[1\].*type 1 of symbol 0/);
  refused(table(0x1008, (5n << 32n) | BigInt(RELATIVE), 0), /type 8 of symbol 5/);
  refused(table(0x2000, RELATIVE, 0), /r_offset 0x2000/);
  refused(table(0x11f9, RELATIVE, 0), /r_offset 0x11f9/);
  refused(table(-8n, RELATIVE, 0), /r_offset 0xfffffffffffffff8/);
  const left = new CountedBytes(table(0x1008, IRELATIVE, 1, 0x1010, RELATIVE, 2));
  t.same(relocationsOf(left, parseElf(left)), [[0x1010, 2n]], 'IRELATIVE is left to the program');
  t.end();
});

/** Images that are well-formed: parts on pages of their own, with zeros behind them and relocations in them. */
const anyParts = fc
  .array(
    fc.record({
      pagesBefore: fc.integer({ min: 0, max: 2 }),
      inPage: fc.integer({ min: 0, max: PAGE - 1 }),
      bytes: fc.integer({ min: 0, max: 3 * PAGE }),
      zeros: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 * PAGE })),
      seed: fc.integer(),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((shapes) => {
    let page = 0;
    return shapes.map(({ pagesBefore, inPage, bytes, zeros, seed }): LoadedPart => {
      const random = new Random(seed);
      const address = (page + pagesBefore) * PAGE + inPage;
      const memorySize = Math.max(1, bytes + zeros);
      page = Math.ceil((address + memorySize) / PAGE);
      return { address, bytes: Uint8Array.from({ length: bytes }, () => random.next()), memorySize };
    });
  });

t.test('an image lies in memory as its program headers and relocations say', (t) => {
  const anyPlace = fc.nat({ max: 2 ** 20 });
  const anyRelocations = fc.array(
    fc.record({ place: anyPlace, addend: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
    {
      maxLength: 6,
    },
  );
  const anyHalf = fc.constantFrom(0, UPPER_HALF);
  fc.assert(
    fc.property(anyParts, anyRelocations, anyHalf, fc.nat({ max: 2 ** 33 }), (parts, choices, half, biasPages) => {
      const store = new VmoStore();
      const start = half + biasPages * PAGE;
      const holders = parts.filter(({ bytes }) => bytes.length >= 8);
      const relocations =
        holders.length === 0
          ? []
          : choices.map(({ place, addend }) => {
              const { address, bytes } = holders[place % holders.length]!;
              return { address: address + (place % (bytes.length - 7)), addend };
            });
      const file = store.fromBytes(relocatedImage(parts, relocations));
      const elf = parseElf(file);
      const images = new KnownImages();
      // Where it was loaded before, some of what is to be done is known.
      for (const bias of [start, start, start + GAP, start]) {
        const mappings = imageMappings({ store, images }, file, elf, bias);
        for (const { address, bytes, memorySize } of parts) {
          const expected = new Uint8Array(memorySize!);
          expected.set(bytes);
          for (const { address: at, addend } of relocations)
            if (at >= address && at < address + bytes.length)
              expected.set(words(toLinear(bias) + addend), at - address);
          const found = new Uint8Array(memorySize!);
          for (let offset = 0; offset < memorySize!;) {
            const at = bias + address + offset;
            const mapping = mappings.find(({ start, end }) => at >= start && at < end)!;
            const page = new Uint8Array(PAGE);
            mapping.backing?.vmo.page(Math.floor((at - mapping.start) / PAGE)).copyTo(page);
            const length = Math.min(PAGE - (at % PAGE), memorySize! - offset);
            found.set(page.subarray(at % PAGE, (at % PAGE) + length), offset);
            offset += length;
          }
          if (Buffer.compare(found, expected) !== 0)
            throw new Error(
              `${address}: ${Buffer.from(found).toString('hex')}\n${Buffer.from(expected).toString('hex')}`,
            );
        }
        for (const { backing } of mappings) backing?.vmo.close();
      }
      file.close();
      if (store.counters.pagesStored !== 0) throw new Error(`${store.counters.pagesStored} pages are still held`);
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('relocations are applied in parts, in any order, however many pages they change', (t) => {
  const pages = 700;
  const random = new Random(11);
  const bytes = Uint8Array.from({ length: pages * PAGE - 5 }, () => random.next());
  // All pages in ascending order, then places all over them, some of which lie in two pages.
  const places = [
    ...Array.from({ length: pages - 1 }, (_, page) => page * PAGE + 8),
    ...Array.from({ length: 2000 }, () => random.below(bytes.length - 8)),
  ];
  const relocations = places.map((address, index) => ({ address, addend: BigInt(index) << 20n }));
  const parts = [
    { address: 0, bytes: bytes.subarray(0, 300 * PAGE) },
    { address: 300 * PAGE, bytes: bytes.subarray(300 * PAGE) },
  ];
  const store = new VmoStore();
  const file = store.fromBytes(
    relocatedImage(
      parts,
      relocations.filter(({ address }) => address + 8 <= 300 * PAGE || address >= 300 * PAGE),
    ),
  );
  const elf = parseElf(file);
  t.ok(
    elf.relocations.pages >= pages - 1 && elf.relocations.pages < 2 * places.length,
    `${elf.relocations.pages} pages`,
  );
  const expected = bytes.slice();
  for (const [address, addend] of relocationsOf(file, elf))
    expected.set(words(loadBase(elf, 8 * PAGE) + addend), address);
  const loaded = new LoadedImage({ store, images: new KnownImages() }, file, elf, loadBase(elf, 8 * PAGE));
  let steps = 1;
  for (let before = 0; !loaded.take(); steps++) {
    t.ok(store.extentsVisited - before < 8192, `${store.extentsVisited - before} extents are visited in a part`);
    before = store.extentsVisited;
  }
  t.ok(steps > 10, `${steps} parts`);
  const mappings = loaded.mappings(8 * PAGE);
  for (const [index, from] of [0, 300 * PAGE].entries()) {
    const { vmo } = mappings[index]!.backing!;
    const there = expected.subarray(from, index === 0 ? 300 * PAGE : undefined);
    t.ok(Buffer.compare(vmo.read(0, there.length), there) === 0);
  }
  for (const { backing } of mappings) backing?.vmo.close();
  loaded.close();
  file.close();
  t.equal(store.counters.pagesStored, 0);
  t.end();
});

t.test('whole pages of an image are those of its VMO, whichever process maps them and wherever', (t) => {
  const store = new VmoStore();
  const loads = [{ address: 0, bytes: Uint8Array.from({ length: 2 * PAGE }, (_, i) => i * 7 + (i >> 8)) }];
  const file = store.fromBytes(makeImage({ entry: 0, loads }));
  const elf = parseElf(file);
  const images = new KnownImages();
  const [first] = imageMappings({ store, images }, file, elf, 0);
  const [second] = imageMappings({ store, images }, file, elf, 0x7000_0000);
  for (const page of [0, 1]) {
    t.equal(first!.backing!.vmo.page(page).leaf, file.page(page + 1).leaf);
    t.equal(second!.backing!.vmo.page(page).leaf, file.page(page + 1).leaf);
  }
  t.end();
});

t.test('the guest programs are read as readelf reads them', async (t) => {
  let relocated = 0;
  for (const [name, { path, bytes }] of await guestImages()) {
    const image = new CountedBytes(bytes);
    const elf = parseElf(image);
    const shown = execFileSync('readelf', ['-hlrW', path], { encoding: 'utf8' });
    const loads = [...shown.matchAll(/^ +LOAD +(\w+) (\w+) \w+ (\w+) (\w+) (R| )(W| )(E| )/gm)].map(
      ([, offset, address, fileSize, memorySize, r, w, x]) => ({
        fileOffset: Number(offset),
        address: Number(address),
        fileSize: Number(fileSize),
        memorySize: Number(memorySize),
        protection: (r === 'R' ? 1 : 0) + (w === 'W' ? 2 : 0) + (x === 'E' ? 4 : 0),
      }),
    );
    t.ok(loads.length > 0);
    t.match(elf.segments, loads, `${name}: segments`);
    t.equal(elf.entry, Number(/Entry point address: +(\w+)/.exec(shown)![1]), `${name}: entry`);
    const relocations = [...shown.matchAll(/^(\w+) +\w+ R_X86_64_RELATIVE +(\w+)$/gm)];
    t.same(
      relocationsOf(image, elf),
      relocations.map(([, offset, addend]) => [parseInt(offset!, 16), BigInt('0x' + addend!)]),
      `${name}: relocations`,
    );
    relocated += relocations.length;
  }
  t.ok(relocated > 0, 'some have relocations');
});

/** Puts numbers that break things into places where headers are, or anywhere. */
function mutate(image: Uint8Array, random: Random): void {
  const view = new DataView(image.buffer);
  const places = [HEADER_BYTES, HEADER_BYTES + 8 * PROGRAM_HEADER_BYTES, image.length];
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(random.pick(places) - 8);
    if (random.chance(2)) view.setUint8(at, random.next());
    else view.setBigUint64(at & ~7, random.edgy64(), true);
  }
}

t.test('a mutated image is parsed or refused, and little of it is read', async (t) => {
  const { bytes } = (await guestImages()).get('qsort')!;
  // The dynamic section and its table are of the same size as the rest of what a linker writes before the code.
  const dynamicImage = wholeImage();
  const random = new Random(20260);
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const image = (i % 2 ? bytes : dynamicImage).slice();
    mutate(image, random);
    const source = new CountedBytes(image);
    try {
      const elf = parseElf(source);
      checkImage(elf, image.length);
    } catch (error) {
      if (!(error instanceof ElfError)) throw new Error(`mutation ${i}`, { cause: error });
      refused++;
    }
    if (source.bytesRead > 64 + 128 * 56 + 1024 * 16 + image.length)
      t.fail(`mutation ${i}: ${source.bytesRead} bytes were read`);
  }
  t.ok(refused > 5000 && refused < 19_000, `${refused} of 20000 are refused`);
});

/** What must hold of whatever is not refused. */
function checkImage(elf: ElfImage, length: number): void {
  let end = 0;
  for (const segment of elf.segments) {
    const first = Math.floor(segment.address / PAGE);
    if (first < end) throw new Error(`segment ${segment.index} shares a page`);
    end = Math.ceil((segment.address + segment.memorySize) / PAGE);
    if (segment.fileSize > segment.memorySize || segment.fileOffset + segment.fileSize > length)
      throw new Error(`segment ${segment.index} is not in the file`);
  }
  if (end * PAGE !== elf.end || elf.end > 2 ** 47) throw new Error(`the image ends at ${elf.end}`);
  const entry = elf.segments.find(
    ({ address, memorySize }) =>
      elf.entry >= address - (address % PAGE) && elf.entry < Math.ceil((address + memorySize) / PAGE) * PAGE,
  );
  if (!entry || !(entry.protection & 4)) throw new Error(`the entry ${elf.entry} cannot be executed`);
}

t.test('fields that Linux does not look at are not looked at', (t) => {
  const image = wholeImage();
  const view = new DataView(image.buffer);
  view.setUint8(4, 1); // EI_CLASS
  view.setUint8(6, 0); // EI_VERSION
  view.setUint32(20, 7, true); // e_version
  view.setUint16(52, 0, true); // e_ehsize
  view.setUint16(58, 13, true); // e_shentsize
  view.setBigUint64(fields(1).align, 3n, true);
  t.same(parse(image).segments, parse(wholeImage()).segments);
  t.equal(parse(image).alignment, PAGE);
  t.end();
});

t.test('later program headers win where they overlap, and need not ascend', (t) => {
  const page = (byte: number, pages: number): Uint8Array => new Uint8Array(pages * PAGE).fill(byte);
  const loads = [
    { address: 4 * PAGE, bytes: page(1, 1), flags: PF_R | PF_X },
    { address: 0, bytes: page(2, 3), memorySize: 6 * PAGE },
    { address: 1 * PAGE, bytes: page(3, 1) },
  ];
  const file = new VmoStore().fromBytes(makeImage({ entry: 0, loads }));
  const elf = parseElf(file);
  const store = new VmoStore();
  const mappings = imageMappings(
    { store, images: new KnownImages() },
    store.fromBytes(makeImage({ entry: 0, loads })),
    elf,
    0,
  );
  t.same(
    elf.segments.map(({ index, address, memorySize, fileSize }) => [
      index,
      address / PAGE,
      memorySize / PAGE,
      fileSize / PAGE,
    ]),
    [
      [1, 0, 1, 1],
      [2, 1, 1, 1],
      [1, 2, 4, 1],
    ],
  );
  t.same(
    mappings.map(({ start, end, backing }) => [start / PAGE, end / PAGE, backing?.vmo.read(0, 1)[0] ?? 0]),
    [
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 2],
      [3, 6, 0],
    ],
  );
  t.end();
});

/** A note: its name, its type, and the words of its descriptor. */
function note(name: string, type: number, ...descriptor: number[]): Uint8Array {
  const nameBytes = Buffer.from(`${name}\0`);
  const words = [nameBytes.length, 4 * descriptor.length, type];
  const padding = new Uint8Array(-nameBytes.length & 3);
  const bytesOfWords = (list: number[]): Uint8Array => new Uint8Array(Uint32Array.from(list).buffer);
  return Buffer.concat([bytesOfWords(words), nameBytes, padding, bytesOfWords(descriptor)]);
}

t.test('programs of Linux are told by their notes, and refused where one of BD0 is expected', (t) => {
  const withNotes = (...notes: readonly Uint8Array[]): Uint8Array => {
    const bytes = Buffer.concat([new Uint8Array(16).fill(0x90), ...notes]);
    return makeImage({
      entry: 0,
      loads: [{ address: 0, bytes }],
      headers: (fileOffset) => [
        { type: PT_NOTE, offset: fileOffset(0) + 16, address: 16, fileSize: bytes.length - 16, alignment: 4 },
      ],
    });
  };
  const [linux, hurd, bd0] = [note('GNU', 1, 0, 3, 2, 0), note('GNU', 1, 1, 0, 0, 0), note('BD0', 1, 1)];
  const refusal = { name: 'ElfError', message: 'it is a Linux program: start it as one' };
  const buildId = note('GNU', 3, 1, 2, 3);
  t.throws(() => parse(withNotes(linux)), refusal);
  t.throws(() => parse(withNotes(buildId, note('', 7), linux)), refusal);
  for (const notes of [[], [hurd], [buildId], [bd0, linux], [linux.subarray(0, 20)], [note('Linux', 1, 0)]])
    t.ok(parse(withNotes(...notes)));
  const marked = withNotes(buildId);
  marked[7] = 3; // ELFOSABI_GNU: linkers set it for symbols of kinds that GNU has added
  t.ok(parse(marked));

  const path = join(t.testdir({ 'linux.c': 'int main(void) { return 0; }' }), 'linux');
  for (const options of [['-static'], ['-static-pie'], ['-static', '-nostdlib', '-Wl,--entry=main']]) {
    execFileSync('gcc', [...options, `${path}.c`, '-o', path]);
    const image = new Uint8Array(readFileSync(path));
    if (options.includes('-nostdlib')) t.ok(parse(image), 'it may be for anything');
    else t.throws(() => parse(image), refusal, options.join(' '));
  }
  t.end();
});

t.test('an image at fixed addresses says so', (t) => {
  const loads = [{ address: 0x40_0000, bytes: new Uint8Array(16).fill(0x90) }];
  t.match(parse(makeImage({ type: ET_EXEC, entry: 0x40_0008, loads })), {
    fixed: true,
    start: 0x40_0000,
    end: 0x40_1000,
  });
  t.end();
});

/** The exit codes of images that ended by themselves; -1 for those that were not started, were refused, or faulted. */
function exitCodesOnLinux(directory: string, images: readonly Uint8Array[]): number[] {
  const runner = join(directory, 'exit-codes');
  execFileSync('gcc', [
    '-O1',
    fileURLToPath(new URL('../../../test/support/exit-codes.c', import.meta.url)),
    '-o',
    runner,
  ]);
  const path = join(directory, 'variant-');
  images.forEach((image, index) => writeFileSync(path + index, image, { mode: 0o700 }));
  const paths = images.map((_, index) => path + index);
  return execFileSync(runner, paths, { encoding: 'utf8' }).trim().split('\n').map(Number);
}

function exitCodeOnBd0(machine: KernelMachine, image: Uint8Array): { readonly exitCode: number; readonly why: string } {
  try {
    const process = machine.start(image, { name: 'variant', limitBytes: 2 ** 20 });
    while (!process.end) machine.kernel.run(1000);
    const { exitCode, trap } = process.end;
    return trap ? { exitCode: -1, why: trap.cause } : { exitCode, why: '' };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { exitCode: -1, why: error.message };
  } finally {
    machine.clear();
  }
}

t.test('Linux and BD0 run the same images, with the same memory', (t) => {
  const random = new Random(seedOf(7));
  const variants = Array.from({ length: volume(300, 8000) }, () => elfVariants(random));
  const there = exitCodesOnLinux(
    t.testdir(),
    variants.map(({ linux }) => linux),
  );
  const machine = new KernelMachine({ frames: 256, engine: 'interpreter' });
  let ran = 0;
  variants.forEach(({ bd0, story }, index) => {
    const { exitCode, why } = exitCodeOnBd0(machine, bd0);
    if (exitCode !== -1) ran++;
    if (exitCode === there[index]) return;
    t.fail(`${index}: ${story}: ${there[index]} on Linux ${release()}, ${exitCode} on BD0 ${why}`);
  });
  t.ok(ran > variants.length / 4, `${ran} of ${variants.length} end by themselves`);
  t.end();
});
