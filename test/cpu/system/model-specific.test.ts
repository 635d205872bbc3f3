/** Model-specific registers are there if CPUID announces the feature that they belong to, and raise #GP(0) if it does not. */
import t from 'tap';
import { GuestException, Vector } from '../../../src/cpu/state/exceptions.js';
import { BARE_MODELS } from '../../../src/cpu/system/bare-cpuid.js';
import { MODEL_SPECIFIC } from '../../../src/cpu/system/model-specific.js';
import { SystemMachine } from './system-machine.js';

const [EAX, EBX, ECX, EDX] = [0, 1, 2, 3];

/** A feature: bits of CPUID, of which any announces it; and its registers. */
interface FeatureRegisters {
  readonly name: string;
  readonly leaf: number;
  readonly subleaf?: number;
  readonly register: number;
  readonly mask: number;
  readonly numbers: readonly number[];
}

const bit = (number: number): number => (1 << number) >>> 0;
const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n);

/** SDM Vol. 4 2.1, table 2-2, columns of comments; APM Vol. 2 appendix A.1. */
const FEATURES: readonly FeatureRegisters[] = [
  { name: 'TSC', leaf: 1, register: EDX, mask: bit(4), numbers: [0x10] },
  { name: 'MCE', leaf: 1, register: EDX, mask: bit(7), numbers: [0, 1] },
  { name: 'APIC', leaf: 1, register: EDX, mask: bit(9), numbers: [0x1b] },
  { name: 'SEP', leaf: 1, register: EDX, mask: bit(11), numbers: range(0x174, 0x176) },
  {
    ...{ name: 'MTRR', leaf: 1, register: EDX, mask: bit(12) },
    numbers: [0xfe, ...range(0x200, 0x20f), 0x250, 0x258, 0x259, ...range(0x268, 0x26f), 0x2ff],
  },
  { name: 'MCA', leaf: 1, register: EDX, mask: bit(14), numbers: [0x179, 0x17a, ...range(0x400, 0x403)] },
  { name: 'PAT', leaf: 1, register: EDX, mask: bit(16), numbers: [0x277] },
  { name: 'VMX or SMX', leaf: 1, register: ECX, mask: bit(5) | bit(6), numbers: [0x3a] },
  { name: 'PDCM', leaf: 1, register: ECX, mask: bit(15), numbers: [0x345] },
  { name: 'x2APIC', leaf: 1, register: ECX, mask: bit(21), numbers: [0x802, 0x803, 0x808, 0x80d, 0x80f] },
  { name: 'TSC deadline', leaf: 1, register: ECX, mask: bit(24), numbers: [0x6e0] },
  { name: 'TSC_ADJUST', leaf: 7, register: EBX, mask: bit(1), numbers: [0x3b] },
  { name: 'IBRS', leaf: 7, register: EDX, mask: bit(26), numbers: [0x48] },
  { name: 'ARCH_CAPABILITIES', leaf: 7, register: EDX, mask: bit(29), numbers: [0x10a] },
  { name: 'counters', leaf: 0xa, register: EAX, mask: 0xff, numbers: [0xc1, 0x186] },
  { name: 'XSAVES', leaf: 0xd, subleaf: 1, register: EAX, mask: bit(3), numbers: [0xda0] },
  { name: 'SVM', leaf: 0x8000_0001, register: ECX, mask: bit(2), numbers: [0xc001_0114, 0xc001_0117] },
  { name: 'SYSCALL', leaf: 0x8000_0001, register: EDX, mask: bit(11), numbers: range(0xc000_0080, 0xc000_0084) },
  { name: 'RDTSCP', leaf: 0x8000_0001, register: EDX, mask: bit(27), numbers: [0xc000_0103] },
  { name: 'long mode', leaf: 0x8000_0001, register: EDX, mask: bit(29), numbers: range(0xc000_0100, 0xc000_0102) },
];
/** What processors of AMD have without a bit of CPUID: the patch level, and configuration. */
const isOfVendor = (number: number): boolean => number === 0x8b || number >= 0xc001_0000;

for (const model of BARE_MODELS)
  t.test(model, async (t) => {
    const { system } = new SystemMachine('evaluator', new Uint8Array(), model).cpu.bare!;
    const isThere = (number: number): boolean => {
      try {
        system.modelSpecific(BigInt(number));
        return true;
      } catch (error) {
        if (!(error instanceof GuestException) || error.vector !== Vector.GP || error.errorCode !== 0) throw error;
        return false;
      }
    };
    const announced = new Set<number>();
    for (const { name, leaf, subleaf = 0, register, mask, numbers } of FEATURES) {
      const isAnnounced = (system.controls.identify(leaf, subleaf)[register]! & mask) !== 0;
      for (const number of numbers) {
        t.equal(isThere(number), isAnnounced, `${name}: ${number.toString(16)}`);
        if (isAnnounced) announced.add(number);
      }
    }
    const others = [...MODEL_SPECIFIC.keys()].filter((number) => !announced.has(number) && !isOfVendor(number));
    t.same(others, [], 'no others');
  });
