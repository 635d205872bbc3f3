import { ElfError, imageOf } from '../kernel/program/elf-fields.js';
import { HEADER_BYTES, PT_DYNAMIC, PT_INTERP, readProgramHeaders } from '../kernel/program/program-headers.js';
import { SymbolTable } from './reports/symbols.js';
import type { DebugLibrary, DebugProcess, DebugTarget } from './target.js';

/*
 * What the dynamic linker of a process of Linux says of the libraries that it has loaded. glibc: elf/link.h; musl has the same.
 *
 *   r_debug:   0 r_version:i32   8 r_map:u64    16 r_brk:u64     24 r_state:i32
 *   link_map:  0 l_addr:u64      8 l_name:u64   16 l_ld:u64      24 l_next:u64
 */
const R_DEBUG_BYTES = 24;
const LINK_MAP_BYTES = 32;
const DYNAMIC_ENTRY_BYTES = 16;
const DT_NULL = 0n;
/** Its value is the address of r_debug, once the dynamic linker has begun. */
const DT_DEBUG = 21n;
/** The function that a dynamic linker calls before and after each change of its list. */
const CHANGE_FUNCTION = '_dl_debug_state';

/* The guest's memory is not trusted. */
const MAX_DYNAMIC_BYTES = 2 ** 14;
const MAX_LIBRARIES = 4096;
const MAX_PATH_BYTES = 4096;
const PATH_PART_BYTES = 256;

/** A library of a process, and what it is called. */
export interface LinkedLibrary extends DebugLibrary {
  /** The path by which the program has loaded it; what it calls itself if the dynamic linker does not list it (yet). */
  readonly path: string;
}

/** What the image of a process says of its dynamic linker. */
interface ImageFacts {
  /** Where its dynamic section is linked. */
  readonly dynamic?: { readonly address: bigint; readonly lengthBytes: number };
  /** The path of the dynamic linker. */
  readonly interpreter?: string;
}

/** Names the libraries of processes. */
export class LinkedLibraries {
  /** By the identity of the image. */
  private readonly facts = new Map<string, ImageFacts>();
  /** Where an image has the function of a dynamic linker, likewise. */
  private readonly functions = new Map<string, number | undefined>();

  constructor(private readonly target: Pick<DebugTarget, 'readMemory'>) {}

  of(process: DebugProcess): LinkedLibrary[] {
    return this.listed(process).map((library) => {
      const { path = library.soname ?? library.imageId } = library;
      return { ...library, path };
    });
  }

  /** The libraries of a process, with the paths by which it has loaded those that its dynamic linker lists. */
  listed(process: DebugProcess): (DebugLibrary & { readonly path: string | undefined })[] {
    const libraries = process.libraries();
    if (libraries.length === 0) return [];
    const paths = this.pathsOf(process);
    // A dynamic linker that has not begun is alone, and lists nothing.
    const [linker, ...others] = libraries;
    const { interpreter } = this.factsOf(process);
    if (paths.size === 0 && others.length === 0 && interpreter !== undefined) paths.set(linker!.base, interpreter);
    return libraries.map((library) => ({ ...library, path: paths.get(library.base) }));
  }

  /** The address that a thread of the process reaches whenever libraries have come or gone; undefined if there is none. */
  changeAddress(process: DebugProcess): bigint | undefined {
    if (process.linuxPid === undefined) return undefined;
    const known = this.linkerOf(process)?.getBigUint64(16, true);
    if (known) return known;
    const linker = this.dynamicLinkerOf(process);
    return linker && BigInt.asUintN(64, linker.base + BigInt(this.changeFunction(linker)!));
  }

  /** The library that loads the others. */
  dynamicLinkerOf(process: DebugProcess): DebugLibrary | undefined {
    return process.libraries().find((library) => this.changeFunction(library) !== undefined);
  }

  /** The paths of libraries, by the addresses at which they are loaded. */
  private pathsOf(process: DebugProcess): Map<bigint, string> {
    const paths = new Map<bigint, string>();
    let at = this.linkerOf(process)?.getBigUint64(8, true) ?? 0n;
    for (let count = 0; at !== 0n && count < MAX_LIBRARIES; count++) {
      const map = this.read(at, LINK_MAP_BYTES, process.pid);
      if (!map) break;
      const path = this.textAt(map.getBigUint64(8, true), process.pid);
      if (path !== '') paths.set(map.getBigUint64(0, true), path);
      at = map.getBigUint64(24, true);
    }
    return paths;
  }

  /** r_debug of a process, unless its dynamic linker has not begun. */
  private linkerOf(process: DebugProcess): DataView | undefined {
    const { dynamic } = this.factsOf(process);
    if (!dynamic) return undefined;
    const table = this.target.readMemory(process.base + dynamic.address, dynamic.lengthBytes, process.pid);
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    for (let at = 0; at + DYNAMIC_ENTRY_BYTES <= table.length; at += DYNAMIC_ENTRY_BYTES) {
      const tag = view.getBigUint64(at, true);
      const address = view.getBigUint64(at + 8, true);
      if (tag === DT_DEBUG && address !== 0n) return this.read(address, R_DEBUG_BYTES, process.pid);
      if (tag === DT_NULL) break;
    }
    return undefined;
  }

  private factsOf({ imageId, image }: DebugProcess): ImageFacts {
    const known = this.facts.get(imageId) ?? factsOf(image());
    this.facts.set(imageId, known);
    return known;
  }

  private changeFunction({ imageId, image }: DebugLibrary): number | undefined {
    if (!this.functions.has(imageId))
      this.functions.set(imageId, SymbolTable.read(imageOf(image())).addressOf(CHANGE_FUNCTION));
    return this.functions.get(imageId);
  }

  private read(address: bigint, lengthBytes: number, pid: number): DataView | undefined {
    const bytes = this.target.readMemory(address, lengthBytes, pid);
    return bytes.length === lengthBytes ? new DataView(bytes.buffer, bytes.byteOffset, lengthBytes) : undefined;
  }

  /** The text at an address, without its terminating zero byte; empty if it has none. */
  private textAt(address: bigint, pid: number): string {
    const parts: number[] = [];
    while (address !== 0n && parts.length < MAX_PATH_BYTES) {
      const part = this.target.readMemory(address + BigInt(parts.length), PATH_PART_BYTES, pid);
      const end = part.indexOf(0);
      parts.push(...part.subarray(0, end < 0 ? part.length : end));
      if (end >= 0) return new TextDecoder().decode(Uint8Array.from(parts));
      if (part.length < PATH_PART_BYTES) break;
    }
    return '';
  }
}

function factsOf(bytes: Uint8Array): ImageFacts {
  if (bytes.length < HEADER_BYTES) return {};
  try {
    const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
    const { headers } = readProgramHeaders(imageOf(bytes), header);
    const [dynamic, interpreter] = [PT_DYNAMIC, PT_INTERP].map((type) => headers.find((one) => one.type === type));
    const path =
      interpreter && bytes.subarray(Number(interpreter.offset), Number(interpreter.offset + interpreter.filesz));
    return {
      ...(dynamic && {
        dynamic: { address: dynamic.vaddr, lengthBytes: Math.min(Number(dynamic.memsz), MAX_DYNAMIC_BYTES) },
      }),
      ...(path && { interpreter: new TextDecoder().decode(path).replace(/\0.*/s, '') }),
    };
  } catch (error) {
    if (error instanceof ElfError) return {};
    throw error;
  }
}
