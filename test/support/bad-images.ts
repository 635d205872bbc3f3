/** Images that are wrong in some way: real ones, of which a few bytes or many are changed. */
import { hex } from '../../src/bits.js';
import { HEADER_BYTES, PROGRAM_HEADER_BYTES, PT_DYNAMIC } from '../../src/kernel/program/program-headers.js';
import type { Random } from './random.js';

/** A number in an image: what a mutation likes to change. */
interface Field {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A good image, and where its numbers lie. */
export interface Specimen {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly fields: readonly Field[];
}

/** A bad image, and how it came to be. */
export interface BadImage {
  readonly bytes: Uint8Array;
  readonly story: string;
}

const DYNAMIC_BYTES = 16;
const RELA_BYTES = 24;
const MAX_RELOCATION_FIELDS = 40;
const DT_RELA = 7;

/** Layouts as [name, bytes]; gABI chapters 4 and 5. */
type Layout = readonly (readonly [name: string, bytes: number])[];
const HEADER: Layout = [
  ['EI_MAG', 4],
  ['EI_CLASS', 1],
  ['EI_DATA', 1],
  ['EI_VERSION', 1],
  ['EI_OSABI', 1],
  ['EI_PAD', 8],
  ['e_type', 2],
  ['e_machine', 2],
  ['e_version', 4],
  ['e_entry', 8],
  ['e_phoff', 8],
  ['e_shoff', 8],
  ['e_flags', 4],
  ['e_ehsize', 2],
  ['e_phentsize', 2],
  ['e_phnum', 2],
  ['e_shentsize', 2],
  ['e_shnum', 2],
  ['e_shstrndx', 2],
];
const PROGRAM_HEADER: Layout = [
  ['p_type', 4],
  ['p_flags', 4],
  ['p_offset', 8],
  ['p_vaddr', 8],
  ['p_paddr', 8],
  ['p_filesz', 8],
  ['p_memsz', 8],
  ['p_align', 8],
];
const DYNAMIC: Layout = [
  ['d_tag', 8],
  ['d_val', 8],
];
const RELA: Layout = [
  ['r_offset', 8],
  ['r_type', 4],
  ['r_sym', 4],
  ['r_addend', 8],
];

/** Finds the numbers of a good image. Its tables lie in its first segment, where file offsets are addresses. */
export function specimenOf(name: string, bytes: Uint8Array): Specimen {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number): number => Number(view.getBigUint64(at, true));
  const fields = fieldsOf('', HEADER, 0);
  const headers = Array.from({ length: view.getUint16(56, true) }, (_, i) => word(32) + i * PROGRAM_HEADER_BYTES);
  headers.forEach((at, i) => fields.push(...fieldsOf(`header ${i} `, PROGRAM_HEADER, at)));
  const dynamic = headers.find((at) => view.getUint32(at, true) === PT_DYNAMIC);
  if (dynamic !== undefined) {
    const start = word(dynamic + 8);
    const entries = Array.from({ length: word(dynamic + 32) / DYNAMIC_BYTES }, (_, i) => start + i * DYNAMIC_BYTES);
    entries.forEach((at, i) => fields.push(...fieldsOf(`dynamic ${i} `, DYNAMIC, at)));
    const rela = entries.find((at) => word(at) === DT_RELA);
    for (let i = 0; rela !== undefined && i < MAX_RELOCATION_FIELDS; i++)
      fields.push(...fieldsOf(`relocation ${i} `, RELA, word(rela + 8) + i * RELA_BYTES));
  }
  return { name, bytes, fields: fields.filter(({ offset, bytes: size }) => offset + size <= bytes.length) };
}

function fieldsOf(prefix: string, layout: Layout, start: number): Field[] {
  let offset = start;
  return layout.map(([name, bytes]) => {
    offset += bytes;
    return { name: prefix + name, offset: offset - bytes, bytes };
  });
}

/** Changes an image in place, or answers another; and says what it did. */
type Mutation = (image: Uint8Array, specimen: Specimen, random: Random, others: readonly Specimen[]) => BadImage;

function flipBits(image: Uint8Array, _: Specimen, random: Random): BadImage {
  const head = random.chance(2) ? Math.min(image.length, 1024) : image.length;
  const count = 1 + random.below(random.chance(4) ? 400 : 8);
  for (let i = 0; i < count && head > 0; i++) image[random.below(head)]! ^= 1 << random.below(8);
  return { bytes: image, story: `${count} bits flipped in the first ${head} bytes` };
}

function setField(image: Uint8Array, { fields }: Specimen, random: Random): BadImage {
  const { name, offset, bytes } = random.pick(fields);
  const value = edgeValue(image, fields, random);
  for (let i = 0; i < bytes && offset + i < image.length; i++)
    image[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return { bytes: image, story: `${name} = ${hex(value)}` };
}

/** A number that is likely to be just too large, or to have been another field's. */
function edgeValue(image: Uint8Array, fields: readonly Field[], random: Random): bigint {
  const near = BigInt(random.below(3) - 1);
  switch (random.below(6)) {
    case 0:
      return random.edgy64();
    case 1:
      return BigInt.asUintN(64, BigInt(image.length) + near * (random.chance(2) ? 1n : 4096n));
    case 2:
      return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + near);
    case 3:
      return BigInt.asUintN(64, (1n << 47n) - BigInt(4096 * random.below(3)) + near);
    case 4:
      return BigInt.asUintN(64, readField(image, random.pick(fields)) + near);
    default:
      return BigInt(random.below(20));
  }
}

function readField(image: Uint8Array, { offset, bytes }: Field): bigint {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(image[offset + i] ?? 0);
  return value;
}

function truncate(image: Uint8Array, { fields }: Specimen, random: Random): BadImage {
  const length = random.chance(2) ? random.below(image.length + 1) : random.pick(fields).offset + random.below(3);
  return { bytes: image.slice(0, length), story: `cut to ${length} bytes` };
}

function extend(image: Uint8Array, _: Specimen, random: Random): BadImage {
  const bytes = new Uint8Array(image.length + 1 + random.below(20_000));
  bytes.set(image);
  for (let i = image.length; i < bytes.length; i++) bytes[i] = random.next();
  return { bytes, story: `${bytes.length - image.length} bytes behind it` };
}

/** Copies a part of this image or of another one to another place, small parts into the headers most of all. */
function splice(image: Uint8Array, _: Specimen, random: Random, others: readonly Specimen[]): BadImage {
  const from = random.chance(2) ? image.slice() : random.pick(others).bytes;
  if (image.length === 0 || from.length === 0) return { bytes: image, story: 'nothing to splice' };
  const length = 1 + random.below(random.chance(2) ? 200 : Math.min(from.length, image.length));
  const source = random.below(from.length);
  const part = from.subarray(source, source + length);
  const target = random.below(random.chance(2) ? Math.min(image.length, 1024) : image.length);
  image.set(part.subarray(0, image.length - target), target);
  return { bytes: image, story: `${part.length} bytes from ${hex(source)} copied to ${hex(target)}` };
}

/** Puts random bytes over a stretch, code and data. */
function scramble(image: Uint8Array, _: Specimen, random: Random): BadImage {
  const start = random.below(image.length + 1);
  const length = Math.min(random.below(3000), image.length - start);
  for (let i = 0; i < length; i++) image[start + i] = random.next();
  return { bytes: image, story: `${length} random bytes at ${hex(start)}` };
}

/** Exchanges or doubles program headers. */
function shuffleHeaders(image: Uint8Array, _: Specimen, random: Random): BadImage {
  const at = (): number => HEADER_BYTES + random.below(8) * PROGRAM_HEADER_BYTES;
  const [first, second] = [at(), at()];
  if (Math.max(first, second) + PROGRAM_HEADER_BYTES > image.length) return { bytes: image, story: 'no headers' };
  const kept = image.slice(first, first + PROGRAM_HEADER_BYTES);
  image.copyWithin(first, second, second + PROGRAM_HEADER_BYTES);
  if (random.chance(2)) image.set(kept, second);
  return { bytes: image, story: `header at ${hex(second)} put to ${hex(first)}` };
}

/** A program header table of any number of entries, behind the image: copies of a header that differ in a field. */
function manyHeaders(image: Uint8Array, { fields }: Specimen, random: Random): BadImage {
  const count = random.pick([1, 2, 100, 127, 128, 129, 1000, 65_535]);
  const written = Math.min(count, random.pick([0, 1, 128, 1000]));
  const start = image.length;
  const bytes = new Uint8Array(start + written * PROGRAM_HEADER_BYTES);
  bytes.set(image);
  if (start < HEADER_BYTES + PROGRAM_HEADER_BYTES) return { bytes, story: 'no headers' };
  const view = new DataView(bytes.buffer);
  const step = random.pick([0n, 1n, 4096n, 1n << 30n, random.edgy64()]);
  for (let i = 0; i < written; i++) {
    const at = start + i * PROGRAM_HEADER_BYTES;
    bytes.set(image.subarray(HEADER_BYTES, HEADER_BYTES + PROGRAM_HEADER_BYTES), at);
    view.setBigUint64(at + 16, BigInt.asUintN(64, step * BigInt(i)), true);
    if (random.chance(20)) view.setBigUint64(at + 8 * random.below(7), edgeValue(image, fields, random), true);
  }
  view.setBigUint64(32, BigInt(start), true);
  view.setUint16(56, count, true);
  return { bytes, story: `${count} program headers, of which ${written} are there, ${hex(step)} apart` };
}

const MUTATIONS: readonly Mutation[] = [
  setField,
  setField,
  setField,
  setField,
  flipBits,
  flipBits,
  truncate,
  extend,
  splice,
  splice,
  scramble,
  shuffleHeaders,
  manyHeaders,
];

/** One of the specimens after one to four mutations. */
export function badImage(specimens: readonly Specimen[], random: Random): BadImage {
  const specimen = random.pick(specimens);
  const stories = [specimen.name];
  let bytes: Uint8Array = specimen.bytes.slice();
  for (let count = 1 + random.below(random.chance(3) ? 4 : 1); count > 0; count--) {
    const mutated = random.pick(MUTATIONS)(bytes, specimen, random, specimens);
    bytes = mutated.bytes;
    stories.push(mutated.story);
  }
  return { bytes, story: stories.join('; ') };
}
