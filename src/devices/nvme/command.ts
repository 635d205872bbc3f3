import { gather, scatter, type DirectMemory, type MemoryPart } from '../direct-access.js';

/** NVM Express Base Specification 1.4: the sections are cited where a layout comes from. */
export const COMMAND_BYTES = 64;
export const COMPLETION_BYTES = 16;
export const NVME_PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;

/** Status of a completion, the type in bits 10 to 8: 4.6.1 "Status Field Definition". */
export const STATUS = {
  success: 0x000,
  invalidOpcode: 0x001,
  invalidField: 0x002,
  dataTransferError: 0x004,
  invalidNamespace: 0x00b,
  invalidPageOffset: 0x013,
  outOfRange: 0x080,
  invalidCompletionQueue: 0x100,
  invalidQueue: 0x101,
  invalidQueueSize: 0x102,
  tooManyEvents: 0x105,
  invalidVector: 0x108,
  invalidLogPage: 0x109,
  invalidDeletion: 0x10c,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

/** A submission queue entry: 4.2. Command dwords 10 to 15 are `dwords[10]` to `dwords[15]`. */
export interface Command {
  readonly opcode: number;
  readonly identifier: number;
  readonly namespace: number;
  /** PRP entries 1 and 2. */
  readonly pointers: readonly [number, number];
  readonly dwords: readonly number[];
}

/** What a command leads to: a result in dword 0 of its completion, or none yet. */
export type Outcome = Status | { readonly result: number } | 'held';

export function readCommand(bytes: Uint8Array): Command {
  const view = new DataView(bytes.buffer, bytes.byteOffset, COMMAND_BYTES);
  const dwords = Array.from({ length: COMMAND_BYTES / 4 }, (_, index) => view.getUint32(4 * index, true));
  const pointer = (at: number): number => Number(view.getBigUint64(at, true));
  return {
    opcode: dwords[0]! & 0xff,
    identifier: dwords[0]! >>> 16,
    namespace: dwords[1]!,
    pointers: [pointer(24), pointer(32)],
    dwords,
  };
}

/** The memory of a command's data, by its PRP entries and the list that the second may lead to: 4.3. */
function dataParts(memory: DirectMemory, { pointers }: Command, lengthBytes: number): MemoryPart[] | Status {
  const [first, second] = pointers;
  const inFirst = Math.min(lengthBytes, NVME_PAGE_BYTES - (first % NVME_PAGE_BYTES));
  const parts: MemoryPart[] = [{ physical: first, bytes: inFirst }];
  let left = lengthBytes - inFirst;
  let isList = left > NVME_PAGE_BYTES;
  for (let at = second; left > 0; at += ENTRY_BYTES) {
    let page: number | undefined = at;
    if (isList) {
      page = readPointer(memory, at);
      const isLastOfList = at % NVME_PAGE_BYTES === NVME_PAGE_BYTES - ENTRY_BYTES;
      // The last entry of a page of the list leads to the next page of it, if there is more than one page of data left.
      if (page !== undefined && isLastOfList && left > NVME_PAGE_BYTES) {
        at = page - ENTRY_BYTES;
        if (page % NVME_PAGE_BYTES !== 0) return STATUS.invalidPageOffset;
        continue;
      }
    }
    if (page === undefined) return STATUS.dataTransferError;
    if (page % NVME_PAGE_BYTES !== 0) return STATUS.invalidPageOffset;
    parts.push({ physical: page, bytes: Math.min(left, NVME_PAGE_BYTES) });
    left -= NVME_PAGE_BYTES;
  }
  return parts;
}

function readPointer(memory: DirectMemory, physical: number): number | undefined {
  const bytes = physical % ENTRY_BYTES === 0 ? memory.read(physical, ENTRY_BYTES) : undefined;
  return bytes && Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

/** Reads the data of a command from memory; a status if that fails. */
export function readData(memory: DirectMemory, command: Command, lengthBytes: number): Uint8Array | Status {
  const parts = dataParts(memory, command, lengthBytes);
  return typeof parts === 'number' ? parts : (gather(memory, parts) ?? STATUS.dataTransferError);
}

/** Writes the data of a command to memory. */
export function writeData(memory: DirectMemory, command: Command, data: Uint8Array): Status {
  const parts = dataParts(memory, command, data.length);
  if (typeof parts === 'number') return parts;
  return scatter(memory, parts, data) ? STATUS.success : STATUS.dataTransferError;
}
