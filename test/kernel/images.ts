/** ELF images for the tests of the kernel: made by hand, or the guest programs that come with bd0. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ET_DYN,
  ET_EXEC,
  HEADER_BYTES,
  PF_R,
  PF_W,
  PF_X,
  PROGRAM_HEADER_BYTES,
  PT_DYNAMIC,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  PT_TLS,
} from '../../src/kernel/program/program-headers.js';
import { buildAllGuests, guestPrograms } from '../../src/host/toolchain/guest-compiler.js';

export { ET_DYN, ET_EXEC, HEADER_BYTES, PF_R, PF_W, PF_X, PROGRAM_HEADER_BYTES };
export { PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, PT_TLS };

/** A program header by its fields, the offsets of which are those of the file. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags?: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize?: number;
  readonly alignment?: number;
}

/** A part of the file that is loaded: where it is to lie, and its bytes. */
export interface LoadedPart {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
  readonly flags?: number;
}

export interface ImageParts {
  readonly type?: number;
  readonly entry: number;
  readonly loads: readonly LoadedPart[];
  /** Headers besides those of `loads`; `fileOffset` gives the place in the file of an address of a loaded part. */
  readonly headers?: (fileOffset: (address: number) => number) => ProgramHeader[];
}

/** An image with one PT_LOAD for each part, the parts as close together in the file as their addresses allow. */
export function makeImage({ type = ET_DYN, entry, loads, headers = () => [] }: ImageParts): Uint8Array {
  let end = 4096;
  const offsets = loads.map(({ address, bytes }) => {
    const offset = end + ((((address - end) % 4096) + 4096) % 4096);
    end = offset + bytes.length;
    return offset;
  });
  const fileOffset = (address: number): number => {
    const index = loads.findIndex((load) => address >= load.address && address < load.address + load.bytes.length);
    return offsets[index]! + address - loads[index]!.address;
  };
  const all: ProgramHeader[] = loads.map(({ address, bytes, memorySize, flags = PF_R | PF_W | PF_X }, index) => ({
    type: PT_LOAD,
    flags,
    offset: offsets[index]!,
    address,
    fileSize: bytes.length,
    memorySize: memorySize ?? bytes.length,
    alignment: 4096,
  }));
  all.push(...headers(fileOffset));
  const image = new Uint8Array(end);
  writeHeader(image, type, entry, all.length);
  all.forEach((header, index) => writeProgramHeader(image, index, header));
  loads.forEach(({ bytes }, index) => image.set(bytes, offsets[index]!));
  return image;
}

function writeHeader(image: Uint8Array, type: number, entry: number, headers: number): void {
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, headers, true);
}

function writeProgramHeader(image: Uint8Array, index: number, header: ProgramHeader): void {
  const { type, flags = PF_R, offset, address, fileSize, memorySize = fileSize, alignment = 8 } = header;
  const view = new DataView(image.buffer, HEADER_BYTES + index * PROGRAM_HEADER_BYTES, PROGRAM_HEADER_BYTES);
  view.setUint32(0, type, true);
  view.setUint32(4, flags, true);
  [offset, address, address, fileSize, memorySize, alignment].forEach((value, word) =>
    view.setBigUint64(8 + word * 8, BigInt(value), true),
  );
}

/** Little-endian words of 64 bits. */
export function words(...values: (number | bigint)[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setBigUint64(index * 8, BigInt.asUintN(64, BigInt(value)), true));
  return bytes;
}

const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_RELAENT = 9;
export const R_X86_64_RELATIVE = 8;

/** An image of these parts whose last part holds its relocations. */
export function relocatedImage(
  parts: readonly LoadedPart[],
  relocations: readonly { readonly address: number; readonly addend: bigint }[],
): Uint8Array {
  const table = words(...relocations.flatMap(({ address, addend }) => [address, R_X86_64_RELATIVE, addend]));
  const end = Math.max(...parts.map(({ address, bytes, memorySize = bytes.length }) => address + memorySize));
  const at = Math.ceil(end / 4096) * 4096;
  const dynamic = words(DT_RELA, at, DT_RELASZ, table.length, DT_RELAENT, 24, 0, 0);
  const bytes = Buffer.concat([table, dynamic]);
  return makeImage({
    entry: parts[0]!.address,
    loads: [...parts, { address: at, bytes }],
    headers: (fileOffset) => [
      { type: PT_DYNAMIC, offset: fileOffset(at) + table.length, address: at + table.length, fileSize: dynamic.length },
    ],
  });
}

/** A program of machine code alone, at its first byte. */
export function codeImage(code: readonly number[] | Uint8Array): Uint8Array {
  return makeImage({ entry: 0, loads: [{ address: 0, bytes: Uint8Array.from(code), flags: PF_R | PF_X }] });
}

const guestDirectory = fileURLToPath(new URL('../../guest', import.meta.url));

/** The guest programs that come with bd0, compiled where they are out of date: image files by name. */
export async function guestImages(): Promise<Map<string, { path: string; bytes: Uint8Array }>> {
  await buildAllGuests(guestDirectory);
  return new Map(
    guestPrograms().map(({ name }) => {
      const path = join(guestDirectory, name);
      return [name, { path, bytes: new Uint8Array(readFileSync(path)) }];
    }),
  );
}
