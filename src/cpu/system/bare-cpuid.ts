import { cpuid, type CpuidResult } from '../state/cpuid.js';
import type { CpuModel } from '../state/model.js';

/** The models of a bare machine: without XSAVE, whose state no kernel can turn on yet. */
export const BARE_MODELS = ['v1', 'v2'] as const satisfies readonly CpuModel[];
export type BareModel = (typeof BARE_MODELS)[number];

/** VME is missing. DE, PSE, MSR, APIC, SEP and PGE, which kernels look for; leaf 80000001h repeats all but SEP. */
const KERNEL_FEATURES = (1 << 2) | (1 << 3) | (1 << 5) | (1 << 9) | (1 << 13);
const SEP = 1 << 11;
/** Of leaf 7's EBX: SMEP. FSGSBASE and SMAP cannot be turned on. */
const SMEP = 1 << 7;
const MAX_BASIC_LEAF = 7;
const HYPERVISOR_LEAF = 0x4000_0000;
/** In EBX, ECX and EDX: "bd0 machine ". */
const HYPERVISOR: CpuidResult = [HYPERVISOR_LEAF, 0x2030_6462, 0x6863_616d, 0x2065_6e69];

/** CPUID on a bare machine: what BD0's processor says, and what matters to kernels only. */
export function bareCpuid(leaf: number, subleaf: number, model: CpuModel): CpuidResult {
  const [eax, ebx, ecx, edx] = cpuid(leaf, subleaf, model);
  switch (leaf) {
    case 0:
      return [MAX_BASIC_LEAF, ebx, ecx, edx];
    case 1:
      return [eax, ebx, ecx, (edx | KERNEL_FEATURES | SEP) >>> 0];
    case 0x8000_0001:
      return [eax, ebx, ecx, (edx | KERNEL_FEATURES) >>> 0];
    case 7:
      return [eax, ebx & SMEP, ecx, edx];
    case HYPERVISOR_LEAF:
      return HYPERVISOR;
    default:
      return leaf > MAX_BASIC_LEAF && leaf < HYPERVISOR_LEAF ? [0, 0, 0, 0] : [eax, ebx, ecx, edx];
  }
}
