import { XCR0 } from '../meaning/isa/xsave.js';
import { featureFacts } from '../meaning/features.js';
import { cpuid, type CpuidResult } from '../state/cpuid.js';
import type { CpuModel } from '../state/model.js';
import { CR4_OSXSAVE, bareFeatures } from './bare-features.js';

/** The models of a bare machine: without RDTSCP, for which there is no IA32_TSC_AUX. */
export const BARE_MODELS = ['v1', 'v2', 'v3'] as const satisfies readonly CpuModel[];
export type BareModel = (typeof BARE_MODELS)[number];

/** DE, PSE, MSR, APIC and PGE, which kernels look for, and SEP; leaf 80000001h repeats all but SEP. */
const KERNEL_FEATURES = (1 << 2) | (1 << 3) | (1 << 5) | (1 << 9) | (1 << 13);
const SEP = 1 << 11;
/** Of leaf 1's ECX: process-context identifiers, and what CR4.OSXSAVE says. */
const PCID = 1 << 17;
const OSXSAVE = 1 << 27;
/** Of leaf 7's EBX: SMEP. */
const SMEP = 1 << 7;
const MAX_BASIC_LEAF = 7;
const STATE_LEAF = 0xd;
const AVX_COMPONENT = 4n;
/** Bytes of the XSAVE area without and with AVX. */
const AREA_BYTES = { sse: 576, avx: 832 } as const;
const HYPERVISOR_LEAF = 0x4000_0000;
/** In EBX, ECX and EDX: "bd0 machine ". */
const HYPERVISOR: CpuidResult = [HYPERVISOR_LEAF, 0x2030_6462, 0x6863_616d, 0x2065_6e69];

/** What CPUID says about registers. */
export interface CpuidRegisters {
  readonly cr4: number;
  readonly extendedControl: bigint;
}

/** CPUID on a bare machine: what BD0's processor says, and what matters to kernels only. */
export function bareCpuid(leaf: number, subleaf: number, model: CpuModel, registers: CpuidRegisters): CpuidResult {
  const [eax, ebx, ecx, edx] = cpuid(leaf, subleaf, model);
  const hasXsave = bareFeatures(model).has('XSAVE');
  const most = hasXsave ? STATE_LEAF : MAX_BASIC_LEAF;
  switch (leaf) {
    case 0:
      return [most, ebx, ecx, edx];
    case 1: {
      const turnedOn = registers.cr4 & CR4_OSXSAVE ? OSXSAVE : 0;
      const pcid = bareFeatures(model).has('INVPCID') ? PCID : 0;
      return [eax, ebx, ((ecx & ~OSXSAVE) | turnedOn | pcid) >>> 0, (edx | KERNEL_FEATURES | SEP) >>> 0];
    }
    case 0x8000_0001:
      return [eax, ebx, ecx, (edx | KERNEL_FEATURES) >>> 0];
    case 7:
      return [eax, withNew(model, model === 'v1' || model === 'v2' ? ebx & SMEP : ebx), ecx, edx];
    case STATE_LEAF: {
      if (!hasXsave) return [0, 0, 0, 0];
      if (subleaf !== 0) return [eax, ebx, ecx, edx];
      const bytes = registers.extendedControl & AVX_COMPONENT ? AREA_BYTES.avx : AREA_BYTES.sse;
      return [XCR0, bytes, AREA_BYTES.avx, 0];
    }
    case HYPERVISOR_LEAF:
      return HYPERVISOR;
    default:
      return leaf > most && leaf < HYPERVISOR_LEAF ? [0, 0, 0, 0] : [eax, ebx, ecx, edx];
  }
}

/** Leaf 7's EBX with those bits of features that kernels turn on which the model has. */
function withNew(model: CpuModel, bits: number): number {
  let all = bits;
  for (const name of NEW_FEATURES) {
    const { bit } = featureFacts(name);
    all = bareFeatures(model).has(name) ? all | (1 << bit) : all & ~(1 << bit);
  }
  return all >>> 0;
}
const NEW_FEATURES = ['FSGSBASE', 'INVPCID', 'SMAP'] as const;
