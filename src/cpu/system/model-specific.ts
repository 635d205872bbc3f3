import { isCanonical } from '../../bits.js';
import { EFER_LMA, EFER_LME, EFER_NXE, EFER_SCE } from '../../mmu/entry.js';

/** Numbers of model-specific registers. SDM Vol. 4, APM Vol. 2 appendix A. */
export const MSR = {
  timeStamp: 0x10,
  apicBase: 0x1b,
  sysenterCs: 0x174,
  sysenterEsp: 0x175,
  sysenterEip: 0x176,
  efer: 0xc000_0080,
  star: 0xc000_0081,
  lstar: 0xc000_0082,
  cstar: 0xc000_0083,
  sfmask: 0xc000_0084,
  fsBase: 0xc000_0100,
  gsBase: 0xc000_0101,
  kernelGsBase: 0xc000_0102,
} as const;

/** What a model-specific register can hold. */
export interface ModelSpecificRow {
  readonly name: string;
  /** Bits that are not 0 raise #GP(0). */
  readonly reserved: bigint;
  /** #GP(0) for anything but a canonical address. */
  readonly isAddress?: true;
  /** Writes raise #GP(0). */
  readonly isReadOnly?: true;
  /** Writes have no effect. */
  readonly ignoresWrites?: true;
}

const UPPER_HALF = 0xffff_ffff_0000_0000n;
const address = (name: string): ModelSpecificRow => ({ name, reserved: 0n, isAddress: true });

/**
 * All model-specific registers; others raise #GP(0). Those of AMD's configuration are what kernels read and write on a
 * processor of that vendor. None of them has a reset value but 0.
 */
export const MODEL_SPECIFIC: ReadonlyMap<number, ModelSpecificRow> = new Map<number, ModelSpecificRow>([
  [MSR.timeStamp, { name: 'TSC', reserved: 0n, isReadOnly: true }],
  // Enabled, and the bootstrap processor; there is no x2APIC.
  [MSR.apicBase, { name: 'APIC_BASE', reserved: ~(0xff_ffff_f000n | 0x900n) & 0xffff_ffff_ffff_ffffn }],
  [MSR.sysenterCs, { name: 'SYSENTER_CS', reserved: UPPER_HALF }],
  [MSR.sysenterEsp, address('SYSENTER_ESP')],
  [MSR.sysenterEip, address('SYSENTER_EIP')],
  [0x8b, { name: 'PATCH_LEVEL', reserved: 0n, isReadOnly: true }],
  [MSR.efer, { name: 'EFER', reserved: ~BigInt(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) & 0xffff_ffff_ffff_ffffn }],
  [MSR.star, { name: 'STAR', reserved: 0n }],
  [MSR.lstar, address('LSTAR')],
  [MSR.cstar, address('CSTAR')],
  [MSR.sfmask, { name: 'SFMASK', reserved: UPPER_HALF }],
  [MSR.fsBase, address('FS_BASE')],
  [MSR.gsBase, address('GS_BASE')],
  [MSR.kernelGsBase, address('KERNEL_GS_BASE')],
  [0xc001_0010, { name: 'SYSCFG', reserved: 0n, ignoresWrites: true }],
  [0xc001_0015, { name: 'HWCR', reserved: UPPER_HALF }],
  [0xc001_0055, { name: 'INT_PENDING', reserved: 0n, ignoresWrites: true }],
  [0xc001_1029, { name: 'DE_CFG', reserved: 0n }],
]);

/** Whether a value may be written to a register. */
export function accepts({ reserved, isAddress, isReadOnly }: ModelSpecificRow, value: bigint): boolean {
  return isReadOnly !== true && (value & reserved) === 0n && (isAddress !== true || isCanonical(value));
}
