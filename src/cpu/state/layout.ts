import { HOST_LAYOUT } from '../../memory.js';

/**
 * The layout of the CPU state in the shared memory, for all engines. All offsets are host addresses (bytes from the
 * start of the shared memory); fields are little-endian.
 */
const base = HOST_LAYOUT.state;

/** RAX RCX RDX RBX RSP RBP RSI RDI R8 to R15, 8 bytes each, in the order of their encoding. */
export const GPR = base + 0x000;
/** Always zero; used in place of an absent base, index or segment base. */
export const ZERO = base + 0x080;
/** Segment bases in the order ES CS SS DS FS GS, 8 bytes each; in 64-bit mode only FS and GS may be nonzero. */
export const SEGMENT_BASE = base + 0x088;
export const RIP = base + 0x0c0;
/** RFLAGS without the six status flags, which are stored as a thunk. i64 */
export const RFLAGS = base + 0x0c8;

/** The status flags as they were last set: see flags.ts. i32 kind, i64 result, i64 operand. */
export const FLAGS_KIND = base + 0x0d0;
export const FLAGS_RESULT = base + 0x0d8;
export const FLAGS_OPERAND = base + 0x0e0;

/** i32 */
export const MXCSR = base + 0x0e8;
/** Outside 64-bit mode, the bits of ESP that address the stack: FFFFh, or FFFFFFFFh where SS.B is set. i32 */
export const STACK_MASK = base + 0x0ec;

/** XMM0 to XMM15, 16 bytes each. */
export const XMM = base + 0x100;

/** Segment selectors in the order ES CS SS DS FS GS; u16 each. */
export const SELECTORS = base + 0x200;
/** x87 and MMX state: see meaning/isa/x87-state.ts. The registers R0 to R7 begin at X87_REGISTERS, 16 bytes each. */
export const X87 = base + 0x210;
export const X87_REGISTERS = 32;
export const X87_BYTES = 160;

/** Bits 255:128 of YMM0 to YMM15, 16 bytes each. */
export const YMM_HIGH = base + 0x2c0;
/** The end of a thread's registers, which begin at GPR. */
export const REGISTERS_END = base + 0x3c0;

/** Set by generated code when it exits: the record at which it stopped, the linear address and access that missed. */
export const EXIT_RECORD = base + 0x400;
export const EXIT_BUDGET = base + 0x404;
export const EXIT_LINEAR = base + 0x408;
export const EXIT_ACCESS = base + 0x410;
/** Of EXIT_ACCESS: of an element among several; a fault leaves what those before it have changed. */
export const ACCESS_ELEMENT = 4;

/**
 * Ticks until the interpreter's position is sampled next, and ticks between samples; samples taken since they were looked
 * at, and how many are taken before they are. i32
 */
export const SAMPLE_TICKS = base + 0x420;
export const SAMPLE_PERIOD = base + 0x434;
export const SAMPLES_TAKEN = base + 0x438;
export const SAMPLES_WANTED = base + 0x43c;
/** The region that was left last, by its place in the table of regions. i32 */
export const LEFT_REGION = base + 0x430;
/** Nonzero if code is to be translated before it runs. i32 */
export const TRANSLATES_AT_ONCE = base + 0x424;
/** Nonzero if the interpreter is to run code that has regions: all of it, or the next such record. i32 */
export const IGNORES_REGIONS = base + 0x428;
export const IGNORES_ALL_REGIONS = 1;
export const IGNORES_NEXT_REGION = 2;

/** 64 bytes of scratch space in which generated code splits vectors. */
export const SCRATCH = base + 0x440;
/** Exceptions that the current floating-point instruction has raised so far, in compiled code. i32 */
export const FLOAT_FLAGS = base + 0x480;
/** The CPU's ticks when generated code returns to TypeScript at the latest, f64; and those of them not given to it yet, i32. */
export const TICKS_END = base + 0x488;
export const TICKS_WITHHELD = base + 0x490;
/** What addresses in the code of the region that runs are relative to. i64 */
export const REGION_BASE = base + 0x498;
/** Nonzero if the check that has missed was of one access, which may cross a page. i32 */
export const SINGLE_MISS = base + 0x4a0;
/** The second result of an x87 function that has two: its significand, i64, and its sign and exponent, i32. */
export const SECOND_RESULT = base + 0x4a8;
/**
 * Where the decoder of runs has stopped, a host address, why, and what it did not find: see engine/record-templates.ts. i32 each
 */
export const DECODED_TO = base + 0x4b8;
export const DECODED_WHY = base + 0x4bc;
export const DECODED_KEY = base + 0x4c0;
/**
 * What kind of code runs: addresses in tables that generated code looks up are combined with this by XOR, so that it finds only
 * what is for such code. i64; see engine/code-view.ts.
 */
export const CODE_VIEW = base + 0x4c8;
/** CPL. i32 */
export const CPL = base + 0x4d0;
/** Nonzero while an interrupt waits that must come at the first instruction at which it can. i32 */
export const INTERRUPT_WAITS = base + 0x4d4;
/** If not 0, the tick of the last STI in generated code since TypeScript has looked at this. i64 */
export const HELD_UNTIL = base + 0x4d8;
/** Copies of bytes on both sides of a page's end: see wasm/functions/page-crossing.ts. 512 bytes */
export const CROSSINGS = base + 0x500;

/** Register numbers, as in encodings. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;

/** Numbers 16 to 19 stand for AH, CH, DH and BH. */
export const HIGH_BYTE = 16;

export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;

/** The host address of a general-purpose register, or of AH to BH for numbers 16 to 19. */
export function gprAddress(register: number): number {
  return register < HIGH_BYTE ? GPR + register * 8 : GPR + (register - HIGH_BYTE) * 8 + 1;
}

/** Where a physical x87 register lies in the x87 state; numbers are taken modulo 8. */
export function x87RegisterOffset(register: number): number {
  return X87_REGISTERS + (register & 7) * 16;
}

export function xmmAddress(register: number): number {
  return XMM + register * 16;
}

export function ymmHighAddress(register: number): number {
  return YMM_HIGH + register * 16;
}
