import type { Access } from '../meaning/vocabulary.js';
import type { SystemState } from './system-state.js';

/**
 * DR7, for breakpoint n from 0 to 3: L and G enable it, R/W and LEN say what it is for. SDM Vol. 3A 17.2.4 "Debug Control Register":
 *
 *      31:30 29:28 | 27:26 25:24 | 23:22 21:20 | 19:18 17:16 | 13 | 7:6 | 5:4 | 3:2 | 1:0
 *      LEN3  R/W3  | LEN2  R/W2  | LEN1  R/W1  | LEN0  R/W0  | GD | GL3 | GL2 | GL1 | GL0
 */
const ENABLED = 0xff;
const DR7_WORD = 14;
/** R/W. */
export const EXECUTION = 0;
export const WRITES = 1;
const PORTS = 2;
export const ACCESSES = 3;
/** Bytes by LEN. */
export const LENGTHS = [1, 2, 8, 4] as const;

/** A breakpoint that is enabled. */
interface Breakpoint {
  /** Its bit in DR6. */
  readonly bit: number;
  readonly kind: number;
  readonly start: bigint;
  readonly bytes: number;
}

/** The breakpoints of the debug registers. SDM Vol. 3A 17.2, 17.3.1. */
export class Breakpoints {
  /** Bits of DR6 for breakpoints on data and ports that the current instruction has hit. */
  private hits = 0;
  /** Those that are enabled; undefined after a change of the registers. */
  private enabled: readonly Breakpoint[] | undefined;
  /** DR7 when they were found: a task switch clears some of its bits. */
  private control = 0;
  /** The debug registers in words of 32 bits, which are quicker to read. */
  private readonly words: Uint32Array;

  constructor(private readonly state: Pick<SystemState, 'debug'>) {
    this.words = new Uint32Array(state.debug.buffer);
  }

  /** Whether any is enabled, so that instructions must be executed one by one. */
  get isArmed(): boolean {
    return (this.words[DR7_WORD]! & ENABLED) !== 0;
  }

  /** The debug registers have changed. */
  changed(): void {
    this.enabled = undefined;
  }

  /** The bits of DR6 for breakpoints on the execution of the instruction at a linear address. */
  onFetch(linear: bigint): number {
    return this.find((kind) => kind === EXECUTION, linear, 1);
  }

  /** Notes an access to data, which is reported after the instruction. */
  onAccess(linear: bigint, bytes: number, access: Access): void {
    this.hits |= this.find((kind) => kind === ACCESSES || (kind === WRITES && access === 'write'), linear, bytes);
  }

  /** Notes an access to a port. */
  onPort(port: number, bytes: number): void {
    this.hits |= this.find((kind) => kind === PORTS, BigInt(port), bytes);
  }

  /** Returns and forgets the bits of DR6 for what was noted. */
  takeHits(): number {
    const { hits } = this;
    this.hits = 0;
    return hits;
  }

  private enabledNow(): readonly Breakpoint[] {
    const control = this.words[DR7_WORD]!;
    if (this.enabled === undefined || this.control !== control) this.enabled = enabledIn(this.state.debug);
    this.control = control;
    return this.enabled;
  }

  private find(isMeant: (kind: number) => boolean, linear: bigint, bytes: number): number {
    let bits = 0;
    for (const one of this.enabledNow())
      if (isMeant(one.kind) && linear < one.start + BigInt(one.bytes) && one.start < linear + BigInt(bytes))
        bits |= one.bit;
    return bits;
  }
}

function enabledIn(debug: SystemState['debug']): readonly Breakpoint[] {
  const control = Number(debug[7]! & 0xffff_ffffn);
  return [0, 1, 2, 3].flatMap((number): Breakpoint[] => {
    if (!((control >>> (2 * number)) & 3)) return [];
    const bytes: number = LENGTHS[(control >>> (18 + 4 * number)) & 3]!;
    const kind = (control >>> (16 + 4 * number)) & 3;
    // The low bits of the address that the length covers are ignored.
    return [{ bit: 1 << number, kind, start: debug[number]! & ~BigInt(bytes - 1), bytes }];
  });
}
