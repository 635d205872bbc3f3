import { gprAddress, xmmAddress, ymmHighAddress } from '../../state/layout.js';
import type { Code } from '../../wasm/encoding/code.js';

/** General-purpose registers; those of XMM count from here. */
export const GENERAL_REGISTERS = 16;
/** The upper halves of YMM registers count from here. */
export const HIGH_HALVES = 32;

/** Which registers are where, with registers in the CPU's state: one bit each. */
export interface RegisterPlaces {
  /** Those whose locals hold them. */
  readonly inLocals: number;
  /** Those that only their locals hold. */
  readonly onlyInLocals: number;
}

/** As where ways meet: all registers are in the state. */
export const ALL_IN_STATE: RegisterPlaces = { inLocals: 0, onlyInLocals: 0 };

/**
 * The guest's registers in the code of a region. Each has a local. They are in their locals throughout; or `inState`: in the
 * CPU's state where ways meet, loaded when they are first used after that, and stored before ways meet again; upper halves of YMM
 * are then always there.
 */
export class RegionRegisters {
  /** Registers that an instruction reads or writes. */
  readonly used = new Set<number>();
  /** Registers that an instruction writes. */
  readonly written = new Set<number>();
  places = ALL_IN_STATE;
  /** Whether code is emitted that may run any number of times: what it does to locals does not count behind it. */
  isJoining = false;

  /** Locals of the general-purpose registers, of XMM, and of upper halves of YMM once they are used: every local costs time on entry. */
  private readonly locals: number[];

  constructor(
    private readonly code: Code,
    private readonly inState: boolean,
  ) {
    const general = Array.from({ length: GENERAL_REGISTERS }, () => code.newLocal('i64'));
    const vectors = Array.from({ length: HIGH_HALVES - GENERAL_REGISTERS }, () => code.newLocal('v128'));
    this.locals = [...general, ...vectors];
  }

  /** Pushes the local of a register, which is loaded if need be. */
  push(register: number): Code {
    const { code, places } = this;
    this.used.add(register);
    if (this.inState && register >= HIGH_HALVES) return load(code, register);
    const local = this.localOf(register);
    if (!this.inState || (places.inLocals >>> register) & 1) return code.get(local);
    load(code, register);
    if (!this.isJoining) this.places = { ...places, inLocals: places.inLocals | (1 << register) };
    return code.set(local).get(local);
  }

  /** Pops a value into a register. */
  pop(register: number): void {
    this.used.add(register);
    this.written.add(register);
    this.code.set(this.localOf(register));
    if (!this.inState) return;
    if (this.isJoining || register >= HIGH_HALVES) return this.store(register);
    const { inLocals, onlyInLocals } = this.places;
    this.places = { inLocals: inLocals | (1 << register), onlyInLocals: onlyInLocals | (1 << register) };
  }

  /** Stores what only locals hold, for where the code is left; what is known stays as it was. */
  storeAll(): void {
    for (let register = 0, rest = this.places.onlyInLocals; rest !== 0; register++, rest >>>= 1)
      if (rest & 1) this.store(register);
  }

  /** Stores what only locals hold, before ways meet. */
  settle(): void {
    this.storeAll();
    this.places = { ...this.places, onlyInLocals: 0 };
  }

  /** Loads registers at the start of the code, into which they do not come later. */
  loadInto(prologue: Code): void {
    for (const register of this.inState ? [] : this.used) load(prologue, register).set(this.localOf(register));
  }

  /** Stores registers at the end of the code, unless that has been done before ways met. */
  storeWritten(): void {
    for (const register of this.inState ? [] : this.written) this.store(register);
  }

  private store(register: number): void {
    const code = this.code.i32(0).get(this.localOf(register));
    if (register < GENERAL_REGISTERS) code.memory('i64.store', gprAddress(register));
    else code.v128Store(vectorAddress(register));
  }
  private localOf(register: number): number {
    return (this.locals[register] ??= this.code.newLocal('v128'));
  }
}

/** Pushes a register from the CPU's state. */
function load(code: Code, register: number): Code {
  code.i32(0);
  if (register < GENERAL_REGISTERS) return code.memory('i64.load', gprAddress(register));
  return code.v128Load(vectorAddress(register));
}

function vectorAddress(register: number): number {
  return register < HIGH_HALVES ? xmmAddress(register - GENERAL_REGISTERS) : ymmHighAddress(register - HIGH_HALVES);
}
