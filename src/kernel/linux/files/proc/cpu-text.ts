/** /proc/cpuinfo: what CPUID reports. */
import { BRAND, VENDOR_ID, cpuid } from '../../../../cpu/state/cpuid.js';
import type { CpuModel } from '../../../../cpu/cpu.js';
import { featureFacts, type Feature, type FeatureWord } from '../../../../cpu/meaning/features.js';
import { reportedFeatures } from '../../../../cpu/state/model.js';

/** Names of Linux that are not those of the SDM in small letters. arch/x86/include/asm/cpufeatures.h */
const NAMES: Partial<Readonly<Record<Feature, string>>> = {
  ...{ CLFSH: 'clflush', CMPXCHG16B: 'cx16', LAHF64: 'lahf_lm', LZCNT: 'abm', PAGE1GB: 'pdpe1gb' },
  ...{ PREFETCHW: '3dnowprefetch', SHA: 'sha_ni', SSE3: 'pni' },
};

/** In the order in which Linux prints them. */
const WORDS: readonly FeatureWord[] = ['1.edx', '80000001.edx', '1.ecx', '80000001.ecx', '7.ebx', 'd.eax', '7.ecx'];

function flags(model: CpuModel): string {
  const facts = [...reportedFeatures(model)].map((name) => ({ name, ...featureFacts(name) }));
  const inOrder = facts.sort((a, b) => WORDS.indexOf(a.word) - WORDS.indexOf(b.word) || a.bit - b.bit);
  return inOrder.map(({ name }) => NAMES[name] ?? name.toLowerCase()).join(' ');
}

/** The text for a model of the processor. */
export function cpuText(model: CpuModel): string {
  const [signature, shape] = cpuid(1, 0, model);
  const [sizes] = cpuid(0x8000_0008, 0, model);
  const field = (shift: number, bits: number): number => (signature >>> shift) & ((1 << bits) - 1);
  const lineBytes = ((shape >>> 8) & 0xff) * 8;
  const lines: readonly (readonly [name: string, value: string | number])[] = [
    ['processor', 0],
    ['vendor_id', VENDOR_ID],
    ['cpu family', field(8, 4) + (field(8, 4) === 0xf ? field(20, 8) : 0)],
    ['model', field(4, 4) | (field(16, 4) << 4)],
    ['model name', BRAND],
    ['stepping', field(0, 4)],
    ['cpu MHz', '1000.000'],
    ['cache size', '512 KB'],
    ['physical id', 0],
    ['siblings', 1],
    ['core id', 0],
    ['cpu cores', 1],
    ['apicid', 0],
    ['initial apicid', 0],
    ['fpu', 'yes'],
    ['fpu_exception', 'yes'],
    ['cpuid level', cpuid(0, 0, model)[0]],
    ['wp', 'yes'],
    ['flags', flags(model)],
    ['bugs', ''],
    ['bogomips', '2000.00'],
    ['clflush size', lineBytes],
    ['cache_alignment', lineBytes],
    ['address sizes', `${sizes & 0xff} bits physical, ${(sizes >>> 8) & 0xff} bits virtual`],
    ['power management', ''],
  ];
  // Names are filled up to two tabs.
  return `${lines.map(([name, value]) => `${name}${name.length < 8 ? '\t\t' : '\t'}: ${value}\n`).join('')}\n`;
}
