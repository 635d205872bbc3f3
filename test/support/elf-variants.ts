/**
 * The same program for Linux and for BD0, with the same mutations of its ELF headers. It folds bytes from many places of
 * its memory into its exit code, and differs only in the instructions that end it: so it ends with the same code on both
 * where both load the same memory.
 */
import { HEADER_BYTES, PF_R, PF_X, PROGRAM_HEADER_BYTES } from '../../src/kernel/program/program-headers.js';
import { Random } from './random.js';

const PAGE = 4096;
const BASE = 0x40_0000;
/** Pages from BASE on among which the segments lie. */
const WINDOW_PAGES = 16;
const HEADERS = 4;
const FILE_BYTES = 5 * PAGE + 700;
/** Where the last instructions lie in their page. Nothing is read from there on in any page, since they differ. */
const END_IN_PAGE = 0xf00;

export interface ElfVariants {
  readonly linux: Uint8Array;
  readonly bd0: Uint8Array;
  /** What was done to the headers, for a message. */
  readonly story: string;
}

/** mov eax, 60 (exit); syscall */
const LINUX_EXIT = [0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0x90];
/** mov eax, 0 (exit); vmcall */
const BD0_EXIT = [0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xc1];

/** What the files hold besides headers and code. */
const CONTENT = ((random) => Uint8Array.from({ length: FILE_BYTES }, () => random.next()))(new Random(1));

/** A pair of images with up to three mutations. */
export function elfVariants(random: Random): ElfVariants {
  const bytes = CONTENT.slice();
  const view = new DataView(bytes.buffer);
  writeHeaders(view, random);
  const story: string[] = [];
  for (let count = random.below(4); count > 0; count--) story.push(mutate(view, random));
  writeCode(view, random);
  const ending = (code: readonly number[]): Uint8Array => {
    const image = bytes.slice();
    image.set(code, PAGE + END_IN_PAGE);
    return image;
  };
  return { linux: ending(LINUX_EXIT), bd0: ending(BD0_EXIT), story: story.join(', ') };
}

function writeHeaders(view: DataView, random: Random): void {
  new Uint8Array(view.buffer).set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  [2, 62].forEach((value, index) => view.setUint16(16 + 2 * index, value, true));
  view.setUint32(20, 1, true);
  [BASE + PAGE, HEADER_BYTES, 0].forEach((value, index) => view.setBigUint64(24 + 8 * index, BigInt(value), true));
  view.setUint32(48, 0, true);
  [HEADER_BYTES, PROGRAM_HEADER_BYTES, HEADERS, 0, 0, 0].forEach((value, i) => view.setUint16(52 + 2 * i, value, true));
  const inPage = random.below(PAGE);
  const bytes = 1 + random.below(2 * PAGE);
  const segments = [
    [PF_R | PF_X, PAGE, BASE + PAGE, PAGE, PAGE],
    [PF_R, 2 * PAGE + inPage, BASE + 3 * PAGE + inPage, bytes, bytes],
    [PF_R | 2, 3 * PAGE + inPage, BASE + 6 * PAGE + inPage, bytes, bytes + random.below(3 * PAGE)],
    [PF_R | 2, 0, BASE + 12 * PAGE, 0, 1 + random.below(2 * PAGE)],
  ] as const;
  segments.forEach(([flags, offset, address, fileSize, memorySize], index) => {
    const at = HEADER_BYTES + index * PROGRAM_HEADER_BYTES;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, flags, true);
    [offset, address, address, fileSize, memorySize, PAGE].forEach((value, word) =>
      view.setBigUint64(at + 8 + 8 * word, BigInt(value), true),
    );
  });
}

/** Fields of the ELF header: offset, bytes, values. e_type and the entry are left: all that is read is at fixed addresses. */
const HEADER_FIELDS: readonly (readonly [name: string, offset: number, bytes: number, values: readonly number[]])[] = [
  ['EI_CLASS', 4, 1, [0, 1, 3]],
  ['EI_DATA', 5, 1, [0, 2]],
  ['EI_VERSION', 6, 1, [0, 2]],
  ['EI_OSABI', 7, 1, [1, 3, 255]],
  ['EI_PAD', 9, 4, [1, 0xffff_ffff]],
  ['e_type', 16, 2, [0, 1, 4, 0xff00]],
  ['e_machine', 18, 2, [0, 183]],
  ['e_version', 20, 4, [0, 2]],
  ['e_phoff', 32, 4, [0, HEADER_BYTES + PROGRAM_HEADER_BYTES, HEADER_BYTES + 1, FILE_BYTES - 8, 0xffff_ffff]],
  ['e_shoff', 40, 4, [1, 0xffff_ffff]],
  ['e_flags', 48, 4, [1, 0xffff_ffff]],
  ['e_ehsize', 52, 2, [0, 63, 65, 0xffff]],
  ['e_phentsize', 54, 2, [0, 32, 55, 57]],
  ['e_phnum', 56, 2, [0, 1, 2, 3]],
  ['e_shentsize', 58, 2, [0, 1, 64]],
  ['e_shnum', 60, 2, [1, 0xffff]],
  ['e_shstrndx', 62, 2, [1, 0xffff]],
];

/** Types that neither kernel has a use for, and PT_LOAD; PT_DYNAMIC, PT_INTERP and PT_TLS mean more to BD0 than to Linux. */
const TYPES = [0, 1, 1, 4, 5, 6, 0x6474_e550, 0x6474_e552, 0x7000_0000];
/** What can be executed can be read, since on some hosts it cannot if that is not said. */
const FLAGS = [0, 2, 4, 5, 6, 7, 0xffff_fff4];

function mutate(view: DataView, random: Random): string {
  const [first, second] = [random.below(HEADERS), random.below(HEADERS)].map(
    (i) => HEADER_BYTES + i * PROGRAM_HEADER_BYTES,
  );
  const bytes = new Uint8Array(view.buffer);
  if (random.chance(5)) {
    const [name, offset, size, values] = random.pick(HEADER_FIELDS);
    const value = random.pick(values);
    for (let i = 0; i < size; i++) bytes[offset + i] = (value / 2 ** (8 * i)) & 0xff;
    return `${name} = ${value}`;
  }
  if (random.chance(6)) {
    const kept = bytes.slice(first, first! + PROGRAM_HEADER_BYTES);
    bytes.copyWithin(first!, second!, second! + PROGRAM_HEADER_BYTES);
    bytes.set(kept, second);
    return `headers ${first} and ${second} exchanged`;
  }
  const [name, offset, values] = random.pick(programHeaderFields(view, first!, random));
  const value = BigInt.asUintN(64, BigInt(random.pick(values)));
  if (offset < 8) view.setUint32(first! + offset, Number(value), true);
  else view.setBigUint64(first! + offset, value, true);
  return `header ${first}: ${name} = 0x${value.toString(16)}`;
}

type FieldValues = readonly [name: string, offset: number, values: readonly (number | bigint)[]];

/** New values of the fields of a program header: near what they are, elsewhere in the window, beyond all bounds. */
function programHeaderFields(view: DataView, at: number, random: Random): FieldValues[] {
  const [offset, address, , fileSize, memorySize] = [8, 16, 24, 32, 40].map((field) =>
    view.getBigUint64(at + field, true),
  );
  const inPage = Number(address! % BigInt(PAGE));
  const anyPage = BASE + random.below(WINDOW_PAGES) * PAGE;
  const anySize = random.below(4 * PAGE);
  const pages = BigInt(random.below(7) * PAGE);
  return [
    ['p_type', 0, TYPES],
    ['p_flags', 4, FLAGS],
    ['p_offset', 8, [pages + BigInt(inPage), pages, offset! + 1n, offset! + 4096n, 1n << 40n, -4096n]],
    [
      'p_vaddr',
      16,
      [anyPage + inPage, anyPage + inPage, anyPage, address! + 1n, 1n << 47n, (1n << 47n) - 4096n, -4096n],
    ],
    ['p_paddr', 24, [0, 1, -1n]],
    ['p_filesz', 32, [anySize, anySize, 0, fileSize! + 1n, fileSize! - 1n, memorySize!, 1n << 40n, -1n]],
    ['p_memsz', 40, [anySize, anySize, 0, fileSize!, fileSize! - 1n, memorySize! + 4096n, 1n << 47n, -1n]],
    ['p_align', 48, [0, 1, 3, 16, 4096, 8192, 2 ** 21, 2 ** 31, 1n << 63n, -1n]],
  ];
}

/** Folds bytes of the window into edi, which becomes the exit code: edi = edi * 31 + byte. */
function writeCode(view: DataView, random: Random): void {
  const code: number[] = [0x31, 0xff]; // xor edi, edi
  const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
  const places = new Set([0, 1, 2, 3].flatMap((i) => placesOf(view, HEADER_BYTES + i * PROGRAM_HEADER_BYTES, random)));
  for (const place of places) {
    if (place < BASE || place >= BASE + WINDOW_PAGES * PAGE || place % PAGE >= END_IN_PAGE) continue;
    code.push(0x0f, 0xb6, 0x04, 0x25, ...dword(place)); // movzx eax, byte [place]
    code.push(0x6b, 0xff, 31, 0x01, 0xc7); // imul edi, edi, 31; add edi, eax
  }
  code.push(0x81, 0xe7, ...dword(0xff)); // and edi, 0xff
  code.push(0xe9, ...dword(END_IN_PAGE - code.length - 5)); // jmp to the last instructions
  new Uint8Array(view.buffer).set(code, PAGE);
}

/** Places that a PT_LOAD defines, mostly: its ends, the ends of its file part, and some between. */
function placesOf(view: DataView, at: number, random: Random): number[] {
  if (view.getUint32(at, true) !== 1) return [];
  const [address, fileSize, memorySize] = [16, 32, 40].map((field) => Number(view.getBigUint64(at + field, true)));
  const within = random.below(Math.max(1, Math.min(memorySize!, 2 ** 20)));
  const ends = [0, fileSize! - 1, fileSize!, memorySize! - 1, within];
  const places = ends.filter((offset) => offset < memorySize!).map((offset) => address! + offset);
  // The rest of the last page is that of the file, or zeros.
  return random.chance(8) ? [...places, address! + memorySize!] : places;
}
