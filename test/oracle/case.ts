/** Cases, the states they end in, and what executes them. */
import { hex, isCanonical } from '../../src/bits.js';
import type { HostCpu } from './host.js';
import {
  CODE_BYTES,
  contains,
  inArena,
  MAX_INSTRUCTION_BYTES,
  MAX_WINDOW_BYTES,
  MAX_WINDOWS,
  type OracleMemory,
} from './layout.js';
import { refusal } from './refusals.js';

/** RFLAGS bits. SDM Vol. 1 3.4.3 "EFLAGS Register". */
export const RFLAGS = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  NT: 1 << 14,
  AC: 1 << 18,
  ID: 1 << 21,
} as const;

/** Bit 1 and IF: set in every state of a Linux process. */
export const RFLAGS_ALWAYS = 0x202;

/** The bits that a case may start with; TF belongs to the harness. */
export const RFLAGS_ALLOWED =
  RFLAGS_ALWAYS |
  RFLAGS.CF |
  RFLAGS.PF |
  RFLAGS.AF |
  RFLAGS.ZF |
  RFLAGS.SF |
  RFLAGS.DF |
  RFLAGS.OF |
  RFLAGS.NT |
  RFLAGS.AC |
  RFLAGS.ID;

/** The x87 part of an FXSAVE64 image. SDM Vol. 1 10.5.1. */
export const X87_IMAGE_BYTES = 160;

/** XMM0 to XMM15 and the upper halves of YMM0 to YMM15. */
export const VECTOR_BYTES = 512;

/** The x87 state that FNINIT leaves, with zeros in the registers. */
export function initialX87(): Uint8Array {
  const image = new Uint8Array(X87_IMAGE_BYTES);
  image.set([0x7f, 0x03]);
  return image;
}

/** MXCSR after reset: every exception masked, round to nearest. SDM Vol. 1 10.2.3. */
export const MXCSR_DEFAULT = 0x1f80;

/**
 * As `maxSteps`: the instruction runs freely, REP to its end, up to the INT3 after it or where it jumps to. Faster
 * (three times on a virtual machine), but `bytes` must be exactly one instruction, which does not branch into itself.
 */
export const FREE_RUN = 0;

/** The registers that a case begins with, and those that it ends with. */
export interface OracleRegisters {
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8 to R15 (the order of their encoding). */
  gpr: BigUint64Array;
  /** XMM0 to XMM15, then bits 255:128 of YMM0 to YMM15, 16 bytes each. */
  xmm: Uint8Array;
  mxcsr: number;
  /**
   * The first 160 bytes of an FXSAVE64 image. Those of MXCSR are not used; the pointers to the last instruction and operand,
   * and its opcode, are not compared.
   */
  x87: Uint8Array;
  /** Canonical. */
  fsBase: bigint;
  gsBase: bigint;
}

/** One instruction and what it starts from. */
export interface OracleCase extends OracleRegisters {
  /** The instruction: 1 to 15 bytes. What follows it in the code pages is INT3. */
  bytes: Uint8Array;
  /** Where it starts, in bytes from CODE: 0 to CODE_BYTES; bytes beyond the code pages are left out. */
  codeOffset: number;
  /** Of RFLAGS_ALLOWED; RFLAGS_ALWAYS is set in any case. */
  rflags: number;
  memory: OracleMemory;
  /**
   * How often an instruction that leaves rip in place is stepped: 1 (default) stops after one iteration of REP.
   * FREE_RUN: not stepped.
   */
  maxSteps?: number;
}

/** An exception. SDM Vol. 3A 6.15 "Exception and Interrupt Reference". */
export interface Fault {
  vector: number;
  /** 0 where the exception has none. */
  errorCode: number;
  /** The linear address of a page fault; 0 for any other exception. */
  cr2: bigint;
}

/** The part of a state that is compared. */
export interface OracleState extends OracleRegisters {
  rip: bigint;
  rflags: number;
  fault?: Fault | undefined;
  /** What the windows hold, in the order of the case. */
  windows: Uint8Array[];
}

/** The state after the instruction, from the CPU. */
export interface OracleResult extends OracleState {
  /** ES CS SS DS FS GS. */
  selectors: Uint16Array;
  /** How often it was stepped: the iterations of REP that ran, up to maxSteps; 1 if FREE_RUN. */
  steps: number;
  /** The first byte that changed outside the windows. */
  stray?: bigint | undefined;
}

/** Executes cases: the host's CPU, or a test's replacement for it. */
export interface Oracle {
  /** The CPU that executes them. */
  readonly host: HostCpu;
  /** The state after each case; undefined if its FS or GS base cannot be set. */
  ask(cases: readonly OracleCase[]): (OracleResult | undefined)[];
  /** False if the case does not end within a fraction of a second. For instructions that a kernel may restart endlessly. */
  ends(c: OracleCase): boolean;
}

/** A case of `bytes` at CODE with zero registers, no memory and every exception of MXCSR masked; `given` over that. */
export function makeCase(bytes: ArrayLike<number>, given: Partial<OracleCase> = {}): OracleCase {
  return {
    bytes: Uint8Array.from(bytes),
    codeOffset: 0,
    gpr: new BigUint64Array(16),
    rflags: RFLAGS_ALWAYS,
    xmm: new Uint8Array(VECTOR_BYTES),
    mxcsr: MXCSR_DEFAULT,
    x87: initialX87(),
    fsBase: 0n,
    gsBase: 0n,
    memory: { seed: 0, windows: [] },
    ...given,
  };
}

function demand(holds: boolean, message: () => string): void {
  if (!holds) throw new RangeError(message());
}

function checkMemory({ windows, patches = [] }: OracleMemory): void {
  demand(windows.length <= MAX_WINDOWS, () => `${windows.length} windows exceed ${MAX_WINDOWS}`);
  let total = 0;
  windows.forEach((window, i) => {
    const { address, length } = window;
    const name = `window of ${length} bytes at ${hex(address)}`;
    demand(Number.isInteger(length) && length > 0 && length % 8 === 0, () => `${name} is not a multiple of 8 bytes`);
    demand(inArena(address, length), () => `${name} leaves the arenas`);
    for (let j = 0; j < i; j++) {
      const other = windows[j]!;
      const apart = address + BigInt(length) <= other.address || other.address + BigInt(other.length) <= address;
      demand(apart, () => `${name} overlaps the window of ${other.length} bytes at ${hex(other.address)}`);
    }
    total += length;
  });
  demand(total <= MAX_WINDOW_BYTES, () => `windows of ${total} bytes exceed ${MAX_WINDOW_BYTES}`);
  for (const { address, bytes } of patches)
    demand(
      windows.some((window) => contains(window, address, bytes.length)),
      () => `patch of ${bytes.length} bytes at ${hex(address)} lies in no window`,
    );
}

/** Throws a RangeError for a case that the harness cannot run as asked. */
export function checkCase(c: OracleCase): void {
  const { bytes, codeOffset, rflags, mxcsr, maxSteps = 1 } = c;
  demand(bytes.length > 0 && bytes.length <= MAX_INSTRUCTION_BYTES, () => `instruction of ${bytes.length} bytes`);
  demand(
    Number.isInteger(codeOffset) && codeOffset >= 0 && codeOffset <= CODE_BYTES,
    () => `code offset ${codeOffset} is not within ${CODE_BYTES}`,
  );
  demand((rflags & ~RFLAGS_ALLOWED) === 0, () => `rflags ${hex(rflags)} has bits beyond ${hex(RFLAGS_ALLOWED)}`);
  demand((mxcsr & ~0xffff) === 0, () => `mxcsr ${hex(mxcsr)} has bits beyond 0xffff`);
  demand(c.gpr.length === 16, () => `${c.gpr.length} general-purpose registers`);
  demand(c.xmm.length === VECTOR_BYTES, () => `${c.xmm.length} bytes of YMM registers`);
  demand(Number.isInteger(maxSteps) && maxSteps >= FREE_RUN && maxSteps < 2 ** 32, () => `maxSteps ${maxSteps}`);
  for (const base of [c.fsBase, c.gsBase]) demand(isCanonical(base), () => `base ${hex(base)} is not canonical`);
  checkMemory(c.memory);
  const reason = refusal(bytes);
  demand(reason === undefined, () => `${describeBytes(bytes)} is refused: ${reason}`);
}

/** An instruction as hexadecimal bytes. */
export function describeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
