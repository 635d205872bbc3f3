/**
 * The native oracle for code of 16 and 32 bits: executes single instructions in segments of that size on the host's CPU, from
 * within a process of 64 bits (segments.c). It compares general-purpose registers, flags, memory and exceptions.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CODE = 0x1000_0000;
export const CODE_BYTES = 0x1000;
export const DATA = 0x2000_0000;
/** All that 16-bit addresses reach from DATA, and a page more. */
export const DATA_BYTES = 0x1_1000;

/** A segment of the harness. */
export interface Segment {
  readonly selector: number;
  readonly base: number;
  /** The flag D of code, B of the stack: the size in bits. */
  readonly size: 16 | 32;
}

/** Selectors of the local descriptor table, RPL 3, are 8 apart; those of Linux are in the global one. */
export const CODE_SEGMENTS: readonly Segment[] = [
  { selector: 0x23, base: 0, size: 32 },
  { selector: 7, base: CODE, size: 32 },
  { selector: 15, base: CODE, size: 16 },
];
export const FLAT_DATA: Segment = { selector: 0x2b, base: 0, size: 32 };
export const BASED_DATA: readonly Segment[] = [
  { selector: 23, base: DATA, size: 32 },
  { selector: 31, base: DATA, size: 16 },
  { selector: 39, base: DATA + 0x1000, size: 32 },
];

const REQUEST_BYTES = 68;
const RESPONSE_BYTES = 56;
const CHANGE_BYTES = 8;

/** One instruction and what it starts from. */
export interface SegmentCase {
  readonly bytes: Uint8Array;
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  readonly gpr: readonly number[];
  readonly eflags: number;
  /** Where the instruction starts, counted from CODE. */
  readonly codeOffset: number;
  readonly cs: Segment;
  readonly es: Segment;
  readonly ss: Segment;
  readonly ds: Segment;
}

/** The state after it. */
export interface SegmentResult {
  readonly gpr: readonly number[];
  readonly eflags: number;
  readonly eip: number;
  /** The exception; undefined if the instruction has completed. */
  readonly fault: { readonly vector: number; readonly errorCode: number; readonly cr2: number } | undefined;
  /** Bytes of data that have changed, by linear address. */
  readonly changes: ReadonlyMap<number, number>;
}

/** The contents of data for a seed: segments.c has the same. */
export function contentsOf(seed: number): Uint8Array {
  const words = new Uint32Array(DATA_BYTES / 4);
  for (let i = 0; i < words.length; i++) {
    let z = (seed + Math.imul(i + 1, 0x9e37_79b9)) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    words[i] = z ^ (z >>> 15);
  }
  return new Uint8Array(words.buffer);
}

/** As a PIE the harness lies above 4 GiB, where no case reaches it. */
const COMPILER_FLAGS = ['-std=gnu11', '-O1', '-fPIE', '-pie', '-fno-stack-protector', '-fcf-protection=none'];
const CONSTANTS = { CODE, CODE_BYTES, DATA, DATA_BYTES, REQUEST_BYTES, RESPONSE_BYTES, FLAT_CODE: 0x23 };

/** The exit status of segments.c where Linux has no local descriptor tables (CONFIG_MODIFY_LDT_SYSCALL). */
const EXIT_NO_SEGMENTS = 13;

function sourceFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return here.replace(/[/\\]dist[/\\]test[/\\]oracle$/, '/test/oracle');
}

/** Executes cases on the host's CPU. Close it after use. */
export class SegmentOracle {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bd0-segments-'));
  readonly #executable = join(this.#folder, 'segments');

  /** Compiles the harness; throws Error if gcc fails. */
  constructor() {
    const constants = Object.entries(CONSTANTS).map(([name, value]) => `-D${name}=${value}`);
    const source = join(sourceFolder(), 'segments.c');
    const { status, stderr } = spawnSync('gcc', [...COMPILER_FLAGS, ...constants, source, '-o', this.#executable], {
      encoding: 'utf8',
    });
    if (status === 0) return;
    this.close();
    throw new Error(`gcc cannot compile segments.c:\n${stderr}`);
  }

  /** Why the host cannot run 16-bit and 32-bit code; undefined if it can. */
  unavailable(): string | undefined {
    const { status } = spawnSync(this.#executable, { input: seedBytes(0) });
    if (status === 0) return undefined;
    return status === EXIT_NO_SEGMENTS ? 'Linux has no modify_ldt here' : `the harness ends with ${status}`;
  }

  /** Executes each case, with data whose contents are those of `seed`. */
  run(seed: number, cases: readonly SegmentCase[]): SegmentResult[] {
    const input = Buffer.concat([seedBytes(seed), ...cases.map(request)]);
    const { status, signal, stdout } = spawnSync(this.#executable, { input, maxBuffer: 1 << 30 });
    const results: SegmentResult[] = [];
    for (let at = 0; at + RESPONSE_BYTES <= stdout.length;) {
      results.push(response(stdout, at));
      at += RESPONSE_BYTES + CHANGE_BYTES * results.at(-1)!.changes.size;
    }
    if (status !== 0 || results.length !== cases.length)
      throw new Error(`the harness answered ${results.length} of ${cases.length} cases: status ${status}, ${signal}`);
    return results;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function seedBytes(seed: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(seed >>> 0);
  return bytes;
}

function request({ gpr, eflags, codeOffset, es, cs, ss, ds, bytes }: SegmentCase): Buffer {
  const record = Buffer.alloc(REQUEST_BYTES);
  gpr.forEach((value, i) => record.writeUInt32LE(value, 4 * i));
  record.writeUInt32LE(eflags, 32);
  record.writeUInt32LE(codeOffset, 36);
  [es, cs, ss, ds].forEach(({ selector }, i) => record.writeUInt16LE(selector, 40 + 2 * i));
  record.writeUInt32LE(bytes.length, 48);
  record.set(bytes, 52);
  return record;
}

/** #DB, which follows an instruction that has completed, since TF is set. */
const DEBUG = 1;

function response(output: Buffer, at: number): SegmentResult {
  const word = (index: number): number => output.readUInt32LE(at + 4 * index);
  const changes = new Map<number, number>();
  for (let i = 0; i < word(13); i++) changes.set(word(14 + 2 * i), word(15 + 2 * i));
  const vector = word(10);
  return {
    gpr: [0, 1, 2, 3, 4, 5, 6, 7].map(word),
    eflags: word(8),
    eip: word(9),
    fault: vector === DEBUG ? undefined : { vector, errorCode: word(11), cr2: word(12) },
    changes,
  };
}
