import type { MappedRange } from '../../target.js';
import { bytesOf, bytesOfHex, cut, hexOfBytes, hexOfText, parseCount, parseWord } from '../byte-strings.js';
import { crc32, findBytes } from '../memory-search.js';
import { ERROR, OK } from '../replies.js';
import type { SessionState } from '../session-state.js';
import { DATA_BYTES_MAX, type PacketTable } from './packet-handler.js';

const ADDRESS_END = 1n << 64n;
/** Bytes that one packet may search or sum up: about a second. */
const SEARCH_BYTES_MAX = 2 ** 30;

/** Packets about memory. */
export const MEMORY_PACKETS: PacketTable = {
  m: ({ state }, rest) => readMemory(state, rest),
  M: ({ state }, rest) => {
    const [range, digits] = cut(rest, ':');
    return writeMemory(state, range, bytesOfHex(digits ?? 'malformed'));
  },
  X: ({ state }, rest) => {
    const [range, data] = cut(rest, ':');
    return writeMemory(state, range, data === undefined ? undefined : bytesOf(data));
  },
  qCRC: ({ state }, rest) => {
    const range = parseRange(rest);
    if (!range) return ERROR.invalid;
    if (range.lengthBytes > SEARCH_BYTES_MAX) return ERROR.tooLong;
    const sum = crc32(state, range.address, range.lengthBytes);
    return sum === undefined ? ERROR.fault : `C${sum.toString(16)}`;
  },
  qSearch: ({ state }, rest) => searchMemory(state, rest),
  qMemoryRegionInfo: ({ state }, rest) => {
    const address = parseWord(rest);
    return address === undefined ? ERROR.invalid : regionInfo(state.target.memoryMapOf(state.pid), address);
  },
};

interface Range {
  readonly address: bigint;
  readonly lengthBytes: number;
}

/** `address,length`. */
function parseRange(text: string): Range | undefined {
  const [first, second] = cut(text, ',');
  const [address, lengthBytes] = [parseWord(first), parseCount(second)];
  return address === undefined || lengthBytes === undefined ? undefined : { address, lengthBytes };
}

function readMemory({ target, pid, readers }: SessionState, text: string): string {
  const range = parseRange(text);
  if (!range) return ERROR.invalid;
  if (range.lengthBytes === 0) return '';
  const bytes = target.readMemory(range.address, Math.min(range.lengthBytes, DATA_BYTES_MAX), pid);
  readers.note({ ...range, pid });
  return bytes.length === 0 ? ERROR.fault : hexOfBytes(bytes);
}

function writeMemory({ target, pid }: SessionState, text: string, bytes: Uint8Array | undefined): string {
  const range = parseRange(text);
  if (!range || bytes?.length !== range.lengthBytes) return ERROR.invalid;
  if (bytes.length === 0) return OK;
  return target.writeMemory(range.address, bytes, pid) === bytes.length ? OK : ERROR.fault;
}

/** `:memory:address;length;pattern`. */
function searchMemory(state: SessionState, text: string): string {
  const parts = /^memory:([0-9a-f]+);([0-9a-f]+);(.+)$/is.exec(text);
  const [address, lengthBytes] = [parseWord(parts?.[1]), parseWord(parts?.[2])];
  if (!parts || address === undefined || lengthBytes === undefined) return ERROR.invalid;
  const end = address + lengthBytes;
  const found = findBytes(state, address, end < ADDRESS_END ? end : ADDRESS_END, bytesOf(parts[3]!), SEARCH_BYTES_MAX);
  if (found === 'too long') return ERROR.tooLong;
  return found === undefined ? '0' : `1,${found.toString(16)}`;
}

/** The mapped range around an address, or the gap. */
function regionInfo(map: readonly MappedRange[], address: bigint): string {
  const range = map.find(({ start, lengthBytes }) => address >= start && address < start + lengthBytes);
  if (range) {
    const permissions = [range.readable ? 'r' : '', range.writable ? 'w' : '', range.executable ? 'x' : ''].join('');
    const place = `start:${range.start.toString(16)};size:${range.lengthBytes.toString(16)};`;
    return `${place}permissions:${permissions};name:${hexOfText(range.what)};`;
  }
  const ends = map.map(({ start, lengthBytes }) => start + lengthBytes).filter((end) => end <= address);
  const starts = map.map(({ start }) => start).filter((start) => start > address);
  const start = ends.at(-1) ?? 0n;
  // The size of the whole address space would not be a number of 64 bits.
  const end = starts[0] ?? (start === 0n ? ADDRESS_END - 1n : ADDRESS_END);
  return `start:${start.toString(16)};size:${(end - start).toString(16)};`;
}
