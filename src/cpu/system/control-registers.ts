import { truncate } from '../../bits.js';
import { CR0_PG, CR0_WP, CR4_PAE, CR4_SMEP, EFER_LMA, EFER_LME, MAXPHYADDR } from '../../mmu/entry.js';
import type { Mmu } from '../../mmu/mmu.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { RIGHTS_LONG } from './descriptor.js';
import type { Segments } from './segments.js';
import { UnsupportedError } from './unsupported.js';

/** Bits of CR0. SDM Vol. 3A 2.5 "Control Registers". */
export const CR0_PE = 1 << 0;
export const CR0_MP = 1 << 1;
export const CR0_EM = 1 << 2;
export const CR0_TS = 1 << 3;
export const CR0_ET = 1 << 4;
const CR0_NE = 1 << 5;
const CR0_AM = 1 << 18;
const CR0_NW = 1 << 29;
const CR0_CD = 1 << 30;
const CR0_BITS = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

/** Bits of CR4 whose features the processor has; all others are reserved. */
const CR4_TSD = 1 << 2;
const CR4_DE = 1 << 3;
const CR4_PSE = 1 << 4;
const CR4_PGE = 1 << 7;
const CR4_PCE = 1 << 8;
export const CR4_OSFXSR = 1 << 9;
const CR4_OSXMMEXCPT = 1 << 10;
const CR4_UMIP = 1 << 11;
const CR4_BITS =
  CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_SMEP;

const CS_CACHE = 1;

/** MOV to CR0, CR3, CR4 and writes of EFER: the modes that they lead to. SDM Vol. 3A 9.8.5 "Initializing IA-32e Mode". */
export class ControlRegisters {
  /** Called when the rules of the floating-point unit may have changed. */
  onFloatRules: () => void = () => {};

  constructor(
    private readonly mmu: Mmu,
    private readonly segments: Segments,
  ) {}

  setCr0(value: bigint): void {
    const { mmu, segments } = this;
    const bits = Number(truncate(32, value)) | 0;
    const before = mmu.cr0;
    const turnsPagingOn = (bits & CR0_PG) !== 0 && (before & CR0_PG) === 0;
    const turnsPagingOff = (bits & CR0_PG) === 0 && (before & CR0_PG) !== 0;
    if (value >> 32n !== 0n) throw new GuestException(Vector.GP);
    if ((bits & CR0_PG && !(bits & CR0_PE)) || (bits & CR0_NW && !(bits & CR0_CD))) throw new GuestException(Vector.GP);
    if (turnsPagingOn) this.requireLongMode();
    if (turnsPagingOff && segments.codeSize === 64) throw new GuestException(Vector.GP);
    if (!(bits & CR0_PE)) throw new UnsupportedError('real-address mode');
    mmu.setCr0((bits & CR0_BITS) | CR0_ET);
    if (turnsPagingOn) mmu.setEfer(mmu.efer | EFER_LMA);
    if (turnsPagingOff) mmu.setEfer(mmu.efer & ~EFER_LMA);
    mmu.setPaging(bits & CR0_PG ? 'four-level' : 'none');
    if (turnsPagingOn || turnsPagingOff) segments.refresh();
    this.onFloatRules();
  }

  /** Works out the paging mode, the size of code and the rules of the floating-point unit. */
  restored(): void {
    const { mmu, segments } = this;
    mmu.setPaging(mmu.cr0 & CR0_PG ? 'four-level' : 'none');
    segments.refresh();
    this.onFloatRules();
  }

  /** Paging that is being turned on must be that of long mode. */
  private requireLongMode(): void {
    const { mmu, segments } = this;
    if (!(mmu.efer & EFER_LME)) throw new UnsupportedError('paging outside long mode');
    const isLongCode = (segments.state.rights[CS_CACHE]! & RIGHTS_LONG) !== 0;
    if (!(mmu.cr4 & CR4_PAE) || isLongCode) throw new GuestException(Vector.GP);
  }

  setCr3(value: bigint): void {
    if (value >> BigInt(MAXPHYADDR) !== 0n) throw new GuestException(Vector.GP);
    this.mmu.setCr3(Number(value));
  }

  setCr4(value: bigint): void {
    const bits = Number(truncate(32, value)) | 0;
    if (value >> 32n !== 0n || bits & ~CR4_BITS) throw new GuestException(Vector.GP);
    if (this.segments.isLongMode && !(bits & CR4_PAE)) throw new GuestException(Vector.GP);
    if (bits & CR4_TSD) throw new UnsupportedError('CR4.TSD');
    this.mmu.setCr4(bits);
    this.onFloatRules();
  }

  /** LMA follows from LME and CR0.PG, and LME cannot change while paging is on. */
  setEfer(value: bigint): void {
    const { mmu } = this;
    const bits = Number(value);
    if (mmu.cr0 & CR0_PG && (bits ^ mmu.efer) & EFER_LME) throw new GuestException(Vector.GP);
    mmu.setEfer((bits & ~EFER_LMA) | (mmu.efer & EFER_LMA));
  }
}
