import { MAXPHYADDR } from '../../mmu/entry.js';
import { featureFacts, type FeatureWord } from '../meaning/features.js';
import { XCR0 } from '../meaning/isa/xsave.js';
import { DEFAULT_MODEL, reportedFeatures, type CpuModel } from './model.js';

/** EAX, EBX, ECX, EDX; unsigned 32-bit numbers. */
export type CpuidResult = [eax: number, ebx: number, ecx: number, edx: number];

/**
 * Twelve characters: leaf 0 returns them in EBX, EDX, ECX. The C library of Linux reads the features of processors of
 * four vendors only, and takes no other for an x86-64 at all.
 */
export const VENDOR_ID = 'AuthenticAMD';
/** At most 47 characters: leaves 80000002h to 80000004h. */
export const BRAND = 'bd0 x86-64 emulator';
/** Twelve characters: leaf 40000000h, of the kernel that handles VMCALL, returns them in EBX, ECX, EDX. */
export const HYPERVISOR_ID = 'BD0 kernel  ';

/** Bits in a linear address. SDM Vol. 1 3.3.7.1 "Canonical Addressing". */
const LINEAR_ADDRESS_BITS = 48;
/** Bytes that CLFLUSH flushes. */
const CACHE_LINE_BYTES = 64;

/**
 * Extended family, extended model, family, model and stepping as in leaf 1's EAX (SDM Vol. 2A figure 3-6): family 15,
 * model 5, the first that had x86-64. Of a later family, programs (GMP) expect instructions that are not there.
 */
const SIGNATURE = (15 << 8) | (5 << 4) | 8;

/**
 * Leaves 80000005h and 80000006h, in the format of AMD: caches that exist only for programs that choose how to copy and
 * to multiply by their sizes. 32 KiB each for data and instructions, 8-way; 512 KiB, 8-way; 16 MiB, 16-way. APM Vol. 3
 * E.4.4 and E.4.5.
 */
const L1_CACHE = (32 << 24) | (8 << 16) | (1 << 8) | CACHE_LINE_BYTES;
const L2_CACHE = (512 << 16) | (6 << 12) | (1 << 8) | CACHE_LINE_BYTES;
const L3_CACHE = (32 << 18) | (8 << 12) | (1 << 8) | CACHE_LINE_BYTES;

/** Bits of leaf 1's EDX that AMD repeats in leaf 80000001h's EDX. APM Vol. 3 E.4.2. */
const REPEATED_FEATURES = 0x0183_f3ff;

/** The bits of one register. */
function featureBits(model: CpuModel, register: FeatureWord): number {
  let bits = 0;
  for (const name of reportedFeatures(model)) {
    const { word, bit } = featureFacts(name);
    if (word === register) bits |= 1 << bit;
  }
  return bits >>> 0;
}

const MAX_BASIC_LEAF = 0xd;
/** CR4.OSXSAVE: the kernel has turned XSAVE on. */
const OSXSAVE = 1 << 27;
/** Bytes of the XSAVE area, and of the upper halves of YMM in it with their offset. SDM Vol. 1 13.4. */
const XSAVE_BYTES = 832;
const YMM_BYTES = 256;
const YMM_OFFSET = 576;
const HYPERVISOR_LEAF = 0x4000_0000;
const EXTENDED_LEAF = 0x8000_0000;
const MAX_EXTENDED_LEAF = 0x8000_0008;

/**
 * The result of CPUID for a leaf (EAX) and a subleaf (ECX), unsigned 32-bit numbers. An unknown leaf or subleaf returns
 * zeros, as on AMD. SDM Vol. 2A "CPUID—CPU Identification", APM Vol. 3 appendix E.
 */
export function cpuid(leaf: number, subleaf: number, model = DEFAULT_MODEL): CpuidResult {
  switch (leaf) {
    case 0: {
      const [ebx, edx, ecx] = words(VENDOR_ID, 3);
      return [MAX_BASIC_LEAF, ebx!, ecx!, edx!];
    }
    case 1:
      return [SIGNATURE, (CACHE_LINE_BYTES / 8) << 8, featuresOfLeaf1(model), featureBits(model, '1.edx')];
    case 7:
      return subleaf === 0 ? [0, featureBits(model, '7.ebx'), featureBits(model, '7.ecx'), 0] : [0, 0, 0, 0];
    case 0xd:
      return reportedFeatures(model).has('XSAVE') ? stateComponents(model, subleaf) : [0, 0, 0, 0];
    case HYPERVISOR_LEAF:
      return [HYPERVISOR_LEAF, ...(words(HYPERVISOR_ID, 3) as [number, number, number])];
    case EXTENDED_LEAF:
      return [MAX_EXTENDED_LEAF, 0, 0, 0];
    case EXTENDED_LEAF + 1:
      return [
        SIGNATURE,
        0,
        featureBits(model, '80000001.ecx'),
        (featureBits(model, '80000001.edx') | (featureBits(model, '1.edx') & REPEATED_FEATURES)) >>> 0,
      ];
    case EXTENDED_LEAF + 2:
    case EXTENDED_LEAF + 3:
    case EXTENDED_LEAF + 4:
      return words(BRAND, 12)
        .slice(4 * (leaf - EXTENDED_LEAF - 2))
        .slice(0, 4) as CpuidResult;
    case EXTENDED_LEAF + 5:
      return [0, 0, L1_CACHE, L1_CACHE];
    case EXTENDED_LEAF + 6:
      return [0, 0, L2_CACHE, L3_CACHE];
    case EXTENDED_LEAF + 8:
      return [MAXPHYADDR | (LINEAR_ADDRESS_BITS << 8), 0, 0, 0];
  }
  return [0, 0, 0, 0];
}

function featuresOfLeaf1(model: CpuModel): number {
  return (featureBits(model, '1.ecx') | (reportedFeatures(model).has('XSAVE') ? OSXSAVE : 0)) >>> 0;
}

/** Leaf Dh: the components of XCR0 and where they lie in the XSAVE area. */
function stateComponents(model: CpuModel, subleaf: number): CpuidResult {
  switch (subleaf) {
    case 0:
      return [XCR0, XSAVE_BYTES, XSAVE_BYTES, 0];
    case 1:
      // The components of XCR0 in the compacted form, in which they are in the same places.
      return [featureBits(model, 'd.eax'), XSAVE_BYTES, 0, 0];
    case 2:
      return [YMM_BYTES, YMM_OFFSET, 0, 0];
    default:
      return [0, 0, 0, 0];
  }
}

/** ASCII text as little-endian 32-bit words, padded with zeros. */
function words(text: string, count: number): number[] {
  const byte = (index: number): number => (index < text.length ? text.charCodeAt(index) : 0);
  return Array.from({ length: count }, (_, word) => {
    const at = 4 * word;
    return (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24)) >>> 0;
  });
}
