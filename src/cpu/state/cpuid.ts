import { MAXPHYADDR } from '../../mmu/entry.js';
import { OPCODES } from '../meaning/opcodes/index.js';

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

type FeatureRegister = '1.ecx' | '1.edx' | '7.ebx' | '7.ecx' | '80000001.ecx' | '80000001.edx';

/** Where CPUID reports a feature. SDM Vol. 2A "CPUID", tables 3-8 to 3-11. */
const FEATURE_BITS: Readonly<Record<string, readonly [FeatureRegister, bit: number]>> = {
  CMPXCHG16B: ['1.ecx', 13],
  MOVBE: ['1.ecx', 22],
  POPCNT: ['1.ecx', 23],
  HYPERVISOR: ['1.ecx', 31],
  FPU: ['1.edx', 0],
  TSC: ['1.edx', 4],
  PAE: ['1.edx', 6],
  CX8: ['1.edx', 8],
  CMOV: ['1.edx', 15],
  CLFSH: ['1.edx', 19],
  MMX: ['1.edx', 23],
  FXSR: ['1.edx', 24],
  SSE: ['1.edx', 25],
  SSE2: ['1.edx', 26],
  FSGSBASE: ['7.ebx', 0],
  BMI1: ['7.ebx', 3],
  SMEP: ['7.ebx', 7],
  BMI2: ['7.ebx', 8],
  ADX: ['7.ebx', 19],
  SMAP: ['7.ebx', 20],
  CLFLUSHOPT: ['7.ebx', 23],
  UMIP: ['7.ecx', 2],
  LAHF64: ['80000001.ecx', 0],
  LZCNT: ['80000001.ecx', 5],
  PREFETCHW: ['80000001.ecx', 8],
  SYSCALL: ['80000001.edx', 11],
  NX: ['80000001.edx', 20],
  PAGE1GB: ['80000001.edx', 26],
  LM: ['80000001.edx', 29],
};

/** Features of the machine other than instructions: paging, mode, and a kernel that handles VMCALL. */
const MACHINE_FEATURES = ['PAE', 'SYSCALL', 'NX', 'PAGE1GB', 'LM', 'SMEP', 'SMAP', 'UMIP', 'HYPERVISOR'];

/** Features that are not reported, since only one instruction of them is there: CRC32 of SSE4.2, FISTTP of SSE3. */
const UNREPORTED_FEATURES = ['', 'CRC32', 'SSE3'];

/** All features, by their names in the opcode table or in MACHINE_FEATURES. */
const FEATURES: ReadonlySet<string> = new Set([...MACHINE_FEATURES, ...OPCODES.map((row) => row.feature)]);

/** Bits of leaf 1's EDX that AMD repeats in leaf 80000001h's EDX. APM Vol. 3 E.4.2. */
const REPEATED_FEATURES = 0x0183_f3ff;

/** The bits of one register. */
function featureBits(register: FeatureRegister): number {
  let bits = 0;
  for (const name of FEATURES) {
    if (UNREPORTED_FEATURES.includes(name)) continue;
    const place = FEATURE_BITS[name];
    if (!place) throw new Error(`CPUID has no bit for the feature ${name}`);
    if (place[0] === register) bits |= 1 << place[1];
  }
  return bits >>> 0;
}

const MAX_BASIC_LEAF = 7;
const HYPERVISOR_LEAF = 0x4000_0000;
const EXTENDED_LEAF = 0x8000_0000;
const MAX_EXTENDED_LEAF = 0x8000_0008;

/**
 * The result of CPUID for a leaf (EAX) and a subleaf (ECX), unsigned 32-bit numbers. An unknown leaf or subleaf returns
 * zeros, as on AMD. SDM Vol. 2A "CPUID—CPU Identification", APM Vol. 3 appendix E.
 */
export function cpuid(leaf: number, subleaf: number): CpuidResult {
  switch (leaf) {
    case 0: {
      const [ebx, edx, ecx] = words(VENDOR_ID, 3);
      return [MAX_BASIC_LEAF, ebx!, ecx!, edx!];
    }
    case 1:
      return [SIGNATURE, (CACHE_LINE_BYTES / 8) << 8, featureBits('1.ecx'), featureBits('1.edx')];
    case 7:
      return subleaf === 0 ? [0, featureBits('7.ebx'), featureBits('7.ecx'), 0] : [0, 0, 0, 0];
    case HYPERVISOR_LEAF:
      return [HYPERVISOR_LEAF, ...(words(HYPERVISOR_ID, 3) as [number, number, number])];
    case EXTENDED_LEAF:
      return [MAX_EXTENDED_LEAF, 0, 0, 0];
    case EXTENDED_LEAF + 1:
      return [
        SIGNATURE,
        0,
        featureBits('80000001.ecx'),
        (featureBits('80000001.edx') | (featureBits('1.edx') & REPEATED_FEATURES)) >>> 0,
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

/** ASCII text as little-endian 32-bit words, padded with zeros. */
function words(text: string, count: number): number[] {
  const byte = (index: number): number => (index < text.length ? text.charCodeAt(index) : 0);
  return Array.from({ length: count }, (_, word) => {
    const at = 4 * word;
    return (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24)) >>> 0;
  });
}
