import { PAGE_SIZE } from '../../bits.js';
import { imageOf } from '../../kernel/program/elf-fields.js';
import {
  HEADER_BYTES,
  PROGRAM_HEADER_BYTES,
  PT_LOAD,
  readProgramHeaders,
} from '../../kernel/program/program-headers.js';
import {
  AT_BASE,
  AT_ENTRY,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
} from '../../kernel/program/initial-stack.js';
import type { DebugProcess } from '../target.js';

const ENTRY_BYTES = 16;

/** Where a program of Linux and its dynamic linker lie: the entries of its auxiliary vector that debuggers want. */
export function auxiliaryVector({ base, entry, image }: DebugProcess, linkerBase: bigint): Uint8Array {
  const bytes = image();
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const { offset, headers } = readProgramHeaders(imageOf(bytes), header);
  const at = BigInt(offset);
  const holder = headers.find((one) => one.type === PT_LOAD && at >= one.offset && at < one.offset + one.filesz);
  const entries: readonly (readonly [type: number, value: bigint])[] = [
    ...(holder ? [[AT_PHDR, base + holder.vaddr + at - holder.offset] as const] : []),
    [AT_PHENT, BigInt(PROGRAM_HEADER_BYTES)],
    [AT_PHNUM, BigInt(headers.length)],
    [AT_PAGESZ, BigInt(PAGE_SIZE)],
    [AT_BASE, linkerBase],
    [AT_ENTRY, entry],
    [AT_NULL, 0n],
  ];
  const vector = new DataView(new ArrayBuffer(entries.length * ENTRY_BYTES));
  entries.forEach(([type, value], index) => {
    vector.setBigUint64(index * ENTRY_BYTES, BigInt(type), true);
    vector.setBigUint64(index * ENTRY_BYTES + 8, value, true);
  });
  return new Uint8Array(vector.buffer);
}
