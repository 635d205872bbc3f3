/** The CPU that the native oracle runs on, as its CPUID describes it. */
import { FEATURE_NAMES, featureFacts } from '../../src/cpu/meaning/features.js';
import { HELLO_BYTES } from './layout.js';

/** The words of CPUID that name features; offsets in the harness's greeting (harness.c, struct hello). */
const WORDS = {
  '1.ecx': 64,
  '1.edx': 68,
  '7.ebx': 72,
  '7.ecx': 76,
  '7.edx': 80,
  'd.eax': 108,
  '80000001.ecx': 84,
  '80000001.edx': 88,
} as const;

/**
 * Features that bd0 has no name for, by bit: what the tests or a reader want to know of a host. SDM Vol. 2A "CPUID—CPU
 * Identification" tables 3-10, 3-11 and 3-8; APM Vol. 3 appendix E.
 */
const OTHER_FEATURES: Partial<Record<keyof typeof WORDS, Record<string, number>>> = {
  '1.ecx': { OSXSAVE: 27 },
  '7.ebx': { ERMS: 9, RTM: 11 },
  '7.ecx': { PKU: 3, OSPKE: 4, GFNI: 8, VAES: 9, LA57: 16, MOVDIRI: 27, MOVDIR64B: 28 },
  '7.edx': { FSRM: 4, SERIALIZE: 14 },
  '80000001.ecx': { SSE4A: 6, MISALIGNSSE: 7, XOP: 11, FMA4: 16, TBM: 21 },
  '80000001.edx': { MMXEXT: 22, FFXSR: 25, '3DNOW': 31 },
};

/** Feature flags of a word by bit: those of bd0's own table, and the others. */
function featuresOf(word: keyof typeof WORDS): Record<string, number> {
  const ours = FEATURE_NAMES.filter((name) => featureFacts(name).word === word);
  return { ...Object.fromEntries(ours.map((name) => [name, featureFacts(name).bit])), ...OTHER_FEATURES[word] };
}

/** The CPU under the oracle. */
export interface HostCpu {
  /** CPUID's vendor: `AuthenticAMD`, `GenuineIntel`. */
  vendor: string;
  brand: string;
  family: number;
  model: number;
  stepping: number;
  /** Names of features by the SDM, or the APM for AMD's own. */
  features: ReadonlySet<string>;
  /** MXCSR bits that LDMXCSR and FXRSTOR take. */
  mxcsrMask: number;
  /** WRFSBASE sets the bases of cases: Linux has set CR4.FSGSBASE, and the oracle was not told to go through arch_prctl. */
  fsgsbaseEnabled: boolean;
  /** Linux intercepts system calls made by an instruction under test (since 5.11). */
  interceptsSystemCalls: boolean;
  /** Selectors of a 64-bit process of this Linux; DS, ES, FS and GS are null. */
  cs: number;
  ss: number;
}

/** Reads the harness's greeting. */
export function decodeHello(view: DataView): HostCpu {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, HELLO_BYTES);
  const text = (from: number, to: number) =>
    new TextDecoder().decode(bytes.subarray(from, to)).replaceAll('\0', '').trim();
  const signature = view.getUint32(60, true);
  const family = (signature >>> 8) & 15;
  const features = new Set<string>();
  for (const [word, offset] of Object.entries(WORDS)) {
    const value = view.getUint32(offset, true);
    for (const [name, bit] of Object.entries(featuresOf(word as keyof typeof WORDS)))
      if ((value >>> bit) & 1) features.add(name);
  }
  return {
    brand: text(0, 48),
    vendor: text(48, 60),
    family: family === 15 ? family + ((signature >>> 20) & 255) : family,
    model: ((signature >>> 4) & 15) | (family === 15 || family === 6 ? (signature >>> 12) & 0xf0 : 0),
    stepping: signature & 15,
    features,
    mxcsrMask: view.getUint32(92, true),
    fsgsbaseEnabled: view.getUint32(96, true) !== 0,
    cs: view.getUint16(100, true),
    ss: view.getUint16(102, true),
    interceptsSystemCalls: view.getUint32(104, true) !== 0,
  };
}

/** The features among `wanted` that the host lacks. */
export function missingFeatures(host: HostCpu, wanted: Iterable<string>): string[] {
  return [...wanted].filter((name) => !host.features.has(name));
}

/** One line: vendor, brand, family, model, features. */
export function describeHost(host: HostCpu): string {
  const { vendor, brand, family, model, stepping } = host;
  return `${vendor} ${brand} family ${family} model ${model} stepping ${stepping}: ${[...host.features].join(' ')}`;
}
