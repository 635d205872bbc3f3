import { truncate } from '../../bits.js';
import {
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_LME,
  MAXPHYADDR,
  PRESENT,
} from '../../mmu/entry.js';
import type { Mmu } from '../../mmu/mmu.js';
import { pagingModeOf, type PagingMode } from '../../mmu/walk.js';
import { GuestException, Vector } from '../state/exceptions.js';
import type { CpuModel } from '../state/model.js';
import type { CpuidResult } from '../state/cpuid.js';
import { bareCpuid } from './bare-cpuid.js';
import { CR4_FSGSBASE, CR4_OSXSAVE, bareFeatures, type BareFeature } from './bare-features.js';
import { RIGHTS_LONG } from './descriptor.js';
import type { Segments } from './segments.js';

/** Bits of CR0. SDM Vol. 3A 2.5 "Control Registers". */
export const CR0_MP = 1 << 1;
export const CR0_EM = 1 << 2;
export const CR0_TS = 1 << 3;
export const CR0_ET = 1 << 4;
const CR0_NE = 1 << 5;
const CR0_AM = 1 << 18;
const CR0_NW = 1 << 29;
const CR0_CD = 1 << 30;
const CR0_BITS = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;

/** Bits of CR4 whose features every model has; all others are reserved but those of features that the model has. */
export const CR4_TSD = 1 << 2;
export const CR4_DE = 1 << 3;
const CR4_PGE = 1 << 7;
const CR4_PCE = 1 << 8;
export const CR4_OSFXSR = 1 << 9;
const CR4_OSXMMEXCPT = 1 << 10;
const CR4_UMIP = 1 << 11;
const CR4_PCIDE = 1 << 17;

const CR4_BITS =
  CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_SMEP;

const CR4_FEATURES: readonly (readonly [name: BareFeature, bit: number])[] = [
  ['FSGSBASE', CR4_FSGSBASE],
  // Process-context identifiers come together with the instruction.
  ['INVPCID', CR4_PCIDE],
  ['XSAVE', CR4_OSXSAVE],
  ['SMAP', CR4_SMAP],
];
/** CR3 while CR4.PCIDE is set: the identifier in its low bits, and that the TLB need not be flushed. */
const CR3_NO_FLUSH = 1n << 63n;
const CR3_PCID = 0xfffn;
/** Components of XCR0, of which x87 cannot be turned off, and AVX needs SSE. SDM Vol. 1 13.3. */
const XCR0_X87 = 1n;
const XCR0_SSE = 2n;
const XCR0_AVX = 4n;

/** Changes of these bits load the PDPTE registers. SDM Vol. 3A 4.4.1 "PDPTE Registers". */
const CR0_LOADS_POINTERS = CR0_CD | CR0_NW | CR0_PG;
const CR4_LOADS_POINTERS = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP;
/** Bits of a PDPTE that must be 0 if it is present: 2:1, 8:5 and those above MAXPHYADDR. SDM Vol. 3A table 4-8. */
const POINTER_RESERVED = 0x1e6n | (0xffff_ffff_ffff_ffffn & ~BigInt(2 ** MAXPHYADDR - 1));
const POINTERS = 4;

const CS_CACHE = 1;

/** MOV to CR0, CR3, CR4 and writes of EFER: the modes that they lead to. SDM Vol. 3A 4.1, 9.8.5, 9.9. */
export class ControlRegisters {
  /** Called when the rules of the floating-point unit may have changed. */
  onFloatRules: () => void = () => {};
  /** The bits of CR4 that the model has. */
  private cr4Bits = CR4_BITS;

  constructor(
    private readonly mmu: Mmu,
    private readonly segments: Segments,
    private readonly model: CpuModel,
  ) {
    for (const [name, bit] of CR4_FEATURES) if (bareFeatures(model).has(name)) this.cr4Bits |= bit;
  }

  setCr0(value: bigint): void {
    const { mmu, segments } = this;
    const bits = (Number(truncate(32, value)) & CR0_BITS) | CR0_ET;
    const before = mmu.cr0;
    const turnsPagingOn = (bits & CR0_PG) !== 0 && (before & CR0_PG) === 0;
    const turnsPagingOff = (bits & CR0_PG) === 0 && (before & CR0_PG) !== 0;
    if (value >> 32n !== 0n) throw new GuestException(Vector.GP);
    if ((bits & CR0_PG && !(bits & CR0_PE)) || (bits & CR0_NW && !(bits & CR0_CD))) throw new GuestException(Vector.GP);
    if (turnsPagingOn && mmu.efer & EFER_LME) this.requireLongMode();
    if (turnsPagingOff && (segments.codeSize === 64 || mmu.cr4 & CR4_PCIDE)) throw new GuestException(Vector.GP);
    const activates = turnsPagingOn && (mmu.efer & EFER_LME) !== 0;
    const usesPointers = (bits & CR0_PG) !== 0 && (mmu.cr4 & CR4_PAE) !== 0 && !activates && !segments.isLongMode;
    if (usesPointers && (before ^ bits) & CR0_LOADS_POINTERS) this.loadPointers(mmu.cr3);
    mmu.setCr0(bits);
    if (activates) mmu.setEfer(mmu.efer | EFER_LMA);
    if (turnsPagingOff) mmu.setEfer(mmu.efer & ~EFER_LMA);
    this.updatePaging();
    if (turnsPagingOn || turnsPagingOff || (before ^ bits) & CR0_PE) segments.refresh();
    this.onFloatRules();
  }

  /** Works out the paging mode, the size of code and the rules of the floating-point unit. */
  restored(): void {
    this.updatePaging();
    this.segments.refresh();
    this.onFloatRules();
  }

  /** How the control registers say that linear addresses are translated. */
  get pagingMode(): PagingMode {
    return pagingModeOf(this.mmu);
  }

  /** Makes the MMU translate as the control registers and the PDPTE registers say. */
  updatePaging(): void {
    this.mmu.setDirectoryPointers(this.segments.state.directoryPointers);
    this.mmu.setPaging(this.pagingMode);
  }

  /** Paging that is being turned on while EFER.LME is set must be that of long mode. */
  private requireLongMode(): void {
    const { mmu, segments } = this;
    const isLongCode = (segments.state.rights[CS_CACHE]! & RIGHTS_LONG) !== 0;
    if (!(mmu.cr4 & CR4_PAE) || isLongCode) throw new GuestException(Vector.GP);
  }

  setCr3(value: bigint): void {
    const root = this.mmu.cr4 & CR4_PCIDE ? value & ~CR3_NO_FLUSH : value;
    if (root >> BigInt(MAXPHYADDR) !== 0n) throw new GuestException(Vector.GP);
    if (this.pagingMode === 'pae') this.loadPointers(Number(root));
    this.mmu.setCr3(Number(root));
  }

  /** XCR0, the only extended control register: components that the processor does not have, or without what they need, are #GP(0). */
  setExtended(number: bigint, value: bigint): void {
    const isKnown = (value & ~(XCR0_X87 | XCR0_SSE | XCR0_AVX)) === 0n && (value & XCR0_X87) !== 0n;
    const isWhole = !(value & XCR0_AVX) || (value & XCR0_SSE) !== 0n;
    if (number !== 0n || !isKnown || !isWhole) throw new GuestException(Vector.GP);
    this.segments.state.extendedControl = value;
    this.onFloatRules();
  }

  /** Loads the PDPTE registers from the table of CR3; #GP(0), before anything changes, if a reserved bit is set in one. */
  private loadPointers(cr3: number): void {
    const { memory } = this.mmu;
    const table = (cr3 & ~0x1f) >>> 0;
    const loaded = Array.from({ length: POINTERS }, (_, place) => memory.read64(table + 8 * place));
    if (loaded.some((pointer) => (Number(pointer & 0xfn) & PRESENT) !== 0 && (pointer & POINTER_RESERVED) !== 0n))
      throw new GuestException(Vector.GP);
    const pointers = this.segments.state.directoryPointers;
    pointers.set(loaded);
    this.mmu.setDirectoryPointers(pointers);
  }

  setCr4(value: bigint): void {
    const { mmu } = this;
    const bits = Number(truncate(32, value)) | 0;
    if (value >> 32n !== 0n || bits & ~this.cr4Bits) throw new GuestException(Vector.GP);
    if (this.segments.isLongMode && !(bits & CR4_PAE)) throw new GuestException(Vector.GP);
    const turnsPcidOn = (bits & CR4_PCIDE) !== 0 && (mmu.cr4 & CR4_PCIDE) === 0;
    const allowsPcid = this.segments.isLongMode && (BigInt(mmu.cr3) & CR3_PCID) === 0n;
    if (turnsPcidOn && !allowsPcid) throw new GuestException(Vector.GP);
    const usesPointers = (mmu.cr0 & CR0_PG) !== 0 && (bits & CR4_PAE) !== 0 && !this.segments.isLongMode;
    if (usesPointers && (mmu.cr4 ^ bits) & CR4_LOADS_POINTERS) this.loadPointers(mmu.cr3);
    mmu.setCr4(bits);
    this.updatePaging();
    this.onFloatRules();
  }

  /** CPUID, which says what some of the registers hold. */
  identify(leaf: number, subleaf: number): CpuidResult {
    const { extendedControl } = this.segments.state;
    return bareCpuid(leaf, subleaf, this.model, { cr4: this.mmu.cr4, extendedControl });
  }

  /** LMA follows from LME and CR0.PG, and LME cannot change while paging is on. */
  setEfer(value: bigint): void {
    const { mmu } = this;
    const bits = Number(value);
    if (mmu.cr0 & CR0_PG && (bits ^ mmu.efer) & EFER_LME) throw new GuestException(Vector.GP);
    mmu.setEfer((bits & ~EFER_LMA) | (mmu.efer & EFER_LMA));
  }
}
