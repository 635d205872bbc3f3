import type { DebugTarget, DebugThread } from '../target.js';
import type { ProcessImages } from './places/process-images.js';

/** How a frame was found. */
export type FrameSource =
  /** The frame in which the thread is. */
  | 'registers'
  /** By the return address that rsp or rbp leads to. */
  | 'frame pointer'
  /** The first word of the stack that looks like a return address; it may be left over from an earlier call. */
  | 'stack scan';

/** A function that a thread is in. */
export interface Frame {
  /** The next instruction of it. */
  readonly rip: bigint;
  /** Where its return address lies in the stack; undefined if that is not known. */
  readonly returnSlot: bigint | undefined;
  readonly source: FrameSource;
}

const WORD_BYTES = 8;
/** Frames of a backtrace, at most. */
const MOST_FRAMES = 200;
/** Bytes of the stack that are searched for the next return address. */
const SCANNED_BYTES = 4096;
/** `push rbp; mov rbp,rsp` in both encodings, and how far from the start of a function they are looked for. */
const SETS_FRAME_POINTER = [
  [0x55, 0x48, 0x89, 0xe5],
  [0x55, 0x48, 0x8b, 0xec],
];
const PROLOGUE_BYTES = 32;
/** The longest call instruction. */
const LONGEST_CALL = 8;

/**
 * The frames of a thread, the innermost first. They are found without call frame information: by the code at the start of
 * the function and the chain of frame pointers, else by what looks like a return address in the stack.
 */
export function framesOf(target: DebugTarget, images: ProcessImages, thread: DebugThread): Frame[] {
  return new FrameWalk(target, images, thread).all();
}

class FrameWalk {
  constructor(
    private readonly target: DebugTarget,
    private readonly images: ProcessImages,
    private readonly thread: DebugThread,
  ) {}

  all(): Frame[] {
    const { rip, rsp, rbp } = this.target.readRegisters(this.thread.tid);
    const frames: Frame[] = [];
    let at: Frame = { rip, source: 'registers', returnSlot: undefined };
    let pointer = rbp;
    let low = rsp;
    while (frames.length < MOST_FRAMES) {
      const slot = frames.length === 0 ? this.slotOfFirst(rip, rsp, rbp) : this.slotBy(at.rip - 1n, pointer, low);
      const found = slot ?? this.scanned(low);
      frames.push({ ...at, returnSlot: found });
      if (found === undefined) break;
      const isByPointer = found === pointer + BigInt(WORD_BYTES);
      // A function that has saved the frame pointer of its caller has it back when it returns.
      const isBehindPush = frames.length === 1 && this.offsetIn(rip) !== 0 && found === rsp + BigInt(WORD_BYTES);
      if (isByPointer) pointer = this.word(pointer) ?? 0n;
      else if (isBehindPush) pointer = this.word(rsp) ?? 0n;
      at = {
        rip: this.word(found)!,
        source: slot === undefined ? 'stack scan' : 'frame pointer',
        returnSlot: undefined,
      };
      low = found + BigInt(WORD_BYTES);
    }
    return frames;
  }

  /** Where the return address of the innermost function lies: before, between and after `push rbp; mov rbp,rsp`, and at its end. */
  private slotOfFirst(rip: bigint, rsp: bigint, rbp: bigint): bigint | undefined {
    const offset = this.offsetIn(rip);
    const [next, second] = this.read(rip, 2);
    const isEndbr = next === 0xf3 && this.read(rip, 4)[3] === 0xfa;
    const isPush = next === 0x55;
    const isReturn = next === 0xc3 || next === 0xc2 || (next === 0xf3 && second === 0xc3);
    const isAtTop = offset === 0 || isEndbr || isPush || isReturn;
    if (isAtTop && this.isReturnAddress(this.word(rsp))) return rsp;
    const before = this.read(rip - 1n, 1)[0];
    const isPushed = before === 0x55 && offset !== undefined && offset <= 5;
    if (isPushed && this.isReturnAddress(this.word(rsp + 8n))) return rsp + 8n;
    return this.slotBy(rip, rbp, rsp);
  }

  /** The word behind the saved frame pointer of a function; undefined if it keeps none, or no return address is there. */
  private slotBy(rip: bigint, pointer: bigint, low: bigint): bigint | undefined {
    if (!this.hasFramePointer(rip)) return undefined;
    const slot = pointer + BigInt(WORD_BYTES);
    return pointer >= low - BigInt(2 * WORD_BYTES) && this.isInStack(slot) && this.isReturnAddress(this.word(slot))
      ? slot
      : undefined;
  }

  private scanned(low: bigint): bigint | undefined {
    for (let slot = low; slot < low + BigInt(SCANNED_BYTES) && this.isInStack(slot); slot += BigInt(WORD_BYTES))
      if (this.isReturnAddress(this.word(slot))) return slot;
    return undefined;
  }

  /** Whether the function at an address begins with `push rbp; mov rbp,rsp`, or may do so for all that is known. */
  private hasFramePointer(rip: bigint): boolean {
    const offset = this.offsetIn(rip);
    if (offset === undefined) return this.images.library(rip) === undefined;
    const code = this.read(rip - BigInt(offset), PROLOGUE_BYTES);
    return code.some((_, at) => SETS_FRAME_POINTER.some((bytes) => bytes.every((byte, n) => code[at + n] === byte)));
  }

  private offsetIn(rip: bigint): number | undefined {
    return this.images.symbols(rip)?.offset;
  }

  /** Whether an address lies in a function, or in a library, most of whose functions may have lost their names. */
  private isCode(address: bigint): boolean {
    return this.images.symbols(address) !== undefined || this.images.library(address) !== undefined;
  }

  private isInStack(address: bigint): boolean {
    const { start, end } = this.thread.stack;
    return address >= start && address + BigInt(WORD_BYTES) <= end;
  }

  /** Whether a call instruction ends at an address. */
  private isReturnAddress(address: bigint | undefined): boolean {
    if (address === undefined || address < BigInt(LONGEST_CALL) || !this.isCode(address - 1n)) return false;
    const code = this.read(address - BigInt(LONGEST_CALL), LONGEST_CALL);
    if (code.length < LONGEST_CALL) return false;
    if (code[LONGEST_CALL - 5] === 0xe8) return true;
    // FF /2 with an operand of 1 to 6 bytes.
    for (let length = 2; length <= 7; length++)
      if (code[LONGEST_CALL - length] === 0xff && ((code[LONGEST_CALL - length + 1]! >> 3) & 7) === 2) return true;
    return false;
  }

  private read(address: bigint, lengthBytes: number): Uint8Array {
    return this.target.readMemory(address, lengthBytes, this.thread.pid);
  }

  private word(address: bigint): bigint | undefined {
    const bytes = this.read(address, WORD_BYTES);
    if (bytes.length < WORD_BYTES) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
}
