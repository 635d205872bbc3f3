import type { DebugProcess, DebugTarget } from '../target.js';
import { HEADER_BYTES, PT_LOAD, readProgramHeaders } from '../../kernel/program/program-headers.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';

/** Images of this many bytes together are kept, because a debugger opens each of them several times. */
const KEPT_BYTES_MAX = 2 ** 26;

/** An image that a debugger has opened. */
interface OpenFile {
  readonly pid: number;
  readonly bytes: Uint8Array;
}

/** The files that a debugger can read: the images of all processes, `/process/PID/NAME`. */
export class RemoteFiles {
  private readonly open = new Map<number, OpenFile>();
  private readonly kept = new Map<string, Uint8Array>();
  private keptBytes = 0;
  /** The address of the first segment in an image, by its identity. */
  private readonly firstAddresses = new Map<string, bigint>();
  private nextDescriptor = 1;

  constructor(private readonly target: DebugTarget) {}

  /** Opens a file and returns its descriptor; undefined if there is none. */
  openFile(path: string): number | undefined {
    const process = this.target.processes.find((one) => pathOf(one) === path);
    if (!process) return undefined;
    this.open.set(this.nextDescriptor, { pid: process.pid, bytes: this.imageOf(process) });
    return this.nextDescriptor++;
  }

  find(descriptor: number): OpenFile | undefined {
    return this.open.get(descriptor);
  }

  /** Returns false if it was not open. */
  close(descriptor: number): boolean {
    return this.open.delete(descriptor);
  }

  /** The linear address of the first segment of an image, as `qOffsets` and lists of libraries want it. */
  firstSegment(process: DebugProcess): bigint {
    const { imageId, base } = process;
    const address = this.firstAddresses.get(imageId) ?? firstAddress(this.imageOf(process));
    this.firstAddresses.set(imageId, address);
    return base + address;
  }

  private imageOf(process: DebugProcess): Uint8Array {
    const kept = this.kept.get(process.imageId);
    if (kept) return kept;
    const bytes = process.image();
    if (this.keptBytes + bytes.length <= KEPT_BYTES_MAX) {
      this.kept.set(process.imageId, bytes);
      this.keptBytes += bytes.length;
    }
    return bytes;
  }
}

export function pathOf({ pid, name }: DebugProcess): string {
  return `/process/${pid}/${name}`;
}

function firstAddress(bytes: Uint8Array): bigint {
  const image: ImageBytes = {
    length: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return readProgramHeaders(image, header).headers.find(({ type }) => type === PT_LOAD)?.vaddr ?? 0n;
}
