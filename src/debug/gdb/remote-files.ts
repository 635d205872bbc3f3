import { imageOf } from '../../kernel/program/elf-fields.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import { HEADER_BYTES, PT_LOAD, readProgramHeaders } from '../../kernel/program/program-headers.js';
import type { DebugProcess } from '../target.js';

/** Images of this many bytes together are kept, because a debugger opens each of them several times. */
const KEPT_BYTES_MAX = 2 ** 26;

/** Bytes of an ELF header without tables, which is a file without symbols. */
const HEADER_OFFSET_FIELDS = { start: 32, end: 48 } as const;
const HEADER_COUNT_FIELDS = { start: 54, end: 64 } as const;

/** An ELF file, and where it lies in memory. */
export interface LoadedFile {
  /** The difference between linear and link-time addresses, modulo 2^64. */
  readonly base: bigint;
  /** The content id, 64 hexadecimal digits. */
  readonly imageId: string;
  image(): Uint8Array;
}

/** Addresses from the first byte to one past the last. */
export interface Extent {
  readonly start: bigint;
  readonly end: bigint;
}

/** A file that a debugger has opened. */
interface OpenFile {
  /** The content id. */
  readonly imageId: string;
  readonly bytes: Uint8Array;
}

/** The files that a debugger can read: the images of all processes and their libraries. */
export class RemoteFiles {
  private readonly open = new Map<number, OpenFile>();
  private readonly kept = new Map<string, Uint8Array>();
  private keptBytes = 0;
  /** Where the segments of an image are linked, by its identity. */
  private readonly extents = new Map<string, Extent>();
  private nextDescriptor = 1;

  /** `find` returns the file of a path. */
  constructor(private readonly findFile: (path: string) => LoadedFile | undefined) {}

  /** Opens a file and returns its descriptor; undefined if there is none. */
  openFile(path: string): number | undefined {
    const file = this.findFile(path);
    if (!file) return undefined;
    this.open.set(this.nextDescriptor, { imageId: file.imageId, bytes: this.imageOf(file) });
    return this.nextDescriptor++;
  }

  find(descriptor: number): OpenFile | undefined {
    return this.open.get(descriptor);
  }

  /** Returns false if it was not open. */
  close(descriptor: number): boolean {
    return this.open.delete(descriptor);
  }

  /** Where the segments of a file lie. The start is what `qOffsets` and lists of libraries want. */
  extentOf(file: LoadedFile): Extent {
    const { imageId, base } = file;
    const linked = this.extents.get(imageId) ?? linkedExtent(this.imageOf(file));
    this.extents.set(imageId, linked);
    const start = BigInt.asUintN(64, base + linked.start);
    return { start, end: start + linked.end - linked.start };
  }

  private imageOf({ imageId, image }: LoadedFile): Uint8Array {
    const kept = this.kept.get(imageId);
    if (kept) return kept;
    const bytes = image();
    if (this.keptBytes + bytes.length <= KEPT_BYTES_MAX) {
      this.kept.set(imageId, bytes);
      this.keptBytes += bytes.length;
    }
    return bytes;
  }
}

export function pathOf({ pid, name }: DebugProcess): string {
  return `/process/${pidText(pid)}/${name}`;
}

/** The ELF header of a file, without sections and segments: a debugger finds nothing in it. */
export function bareHeader(bytes: Uint8Array): Uint8Array {
  const header = bytes.slice(0, HEADER_BYTES);
  for (const { start, end } of [HEADER_OFFSET_FIELDS, HEADER_COUNT_FIELDS]) header.fill(0, start, end);
  return header;
}

/** Where the segments of an image are linked, which are in ascending order. */
function linkedExtent(bytes: Uint8Array): Extent {
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const segments = readProgramHeaders(imageOf(bytes), header).headers.filter(({ type }) => type === PT_LOAD);
  const [first, last] = [segments[0], segments.at(-1)];
  return { start: first?.vaddr ?? 0n, end: last ? last.vaddr + last.memsz : 0n };
}
