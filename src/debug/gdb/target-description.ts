import { REGISTERS, type Feature, type GdbRegister } from './registers.js';

const FEATURE_NAMES: Readonly<Record<Feature, string>> = {
  core: 'org.gnu.gdb.i386.core',
  sse: 'org.gnu.gdb.i386.sse',
  segments: 'org.gnu.gdb.i386.segments',
  control: 'org.bd0.control',
  avx: 'org.gnu.gdb.i386.avx',
};

/** A bit of a register and its name; two bits for a field of two. */
type Bits = Readonly<Record<string, number | readonly [first: number, last: number]>>;

/** SDM Vol. 1 3.4.3 "EFLAGS Register". */
const EFLAGS: Bits = {
  ...{ CF: 0, '': 1, PF: 2, AF: 4, ZF: 6, SF: 7, TF: 8, IF: 9, DF: 10, OF: 11, IOPL: [12, 13], NT: 14, RF: 16, VM: 17 },
  ...{ AC: 18, VIF: 19, VIP: 20, ID: 21 },
};
/** SDM Vol. 1 10.2.3 "MXCSR Control and Status Register". */
const MXCSR: Bits = {
  ...{ IE: 0, DE: 1, ZE: 2, OE: 3, UE: 4, PE: 5, DAZ: 6, IM: 7, DM: 8, ZM: 9, OM: 10, UM: 11, PM: 12, RC: [13, 14] },
  FZ: 15,
};
/** SDM Vol. 3A 2.5 "Control Registers". */
const CR0: Bits = { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 };
const CR4: Bits = {
  ...{ VME: 0, PVI: 1, TSD: 2, DE: 3, PSE: 4, PAE: 5, MCE: 6, PGE: 7, PCE: 8, OSFXSR: 9, OSXMMEXCPT: 10, UMIP: 11 },
  ...{ LA57: 12, VMXE: 13, SMXE: 14, FSGSBASE: 16, PCIDE: 17, OSXSAVE: 18, SMEP: 20, SMAP: 21, PKE: 22 },
};
/** SDM Vol. 3A 2.2.1 "Extended Feature Enable Register". */
const EFER: Bits = { SCE: 0, LME: 8, LMA: 10, NXE: 11 };

/** The types that registers of a feature need. */
const TYPES: Partial<Record<Feature, readonly string[]>> = {
  core: [flagsType('i386_eflags', 4, EFLAGS)],
  sse: [
    vectorType('v4f', 'ieee_single', 4),
    vectorType('v2d', 'ieee_double', 2),
    vectorType('v16i8', 'int8', 16),
    vectorType('v8i16', 'int16', 8),
    vectorType('v4i32', 'int32', 4),
    vectorType('v2i64', 'int64', 2),
    '<union id="vec128">',
    ...[
      ['v4_float', 'v4f'],
      ['v2_double', 'v2d'],
      ['v16_int8', 'v16i8'],
      ['v8_int16', 'v8i16'],
      ['v4_int32', 'v4i32'],
      ['v2_int64', 'v2i64'],
      ['uint128', 'uint128'],
    ].map(([name, type]) => `<field name="${name}" type="${type}"/>`),
    '</union>',
    flagsType('i386_mxcsr', 4, MXCSR),
  ],
  control: [flagsType('bd0_cr0', 8, CR0), flagsType('bd0_cr4', 8, CR4), flagsType('bd0_efer', 8, EFER)],
};

function vectorType(id: string, type: string, count: number): string {
  return `<vector id="${id}" type="${type}" count="${count}"/>`;
}

function flagsType(id: string, size: number, bits: Bits): string {
  const fields = Object.entries(bits).map(([name, bit]) => {
    const [first, last] = typeof bit === 'number' ? [bit, bit] : bit;
    return `<field name="${name}" start="${first}" end="${last}"/>`;
  });
  return `<flags id="${id}" size="${size}">${fields.join('')}</flags>`;
}

/** target.xml: what registers there are. "Target Descriptions" in the manual of gdb. */
export const TARGET_DESCRIPTION = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
  '<target version="1.0">',
  '<architecture>i386:x86-64</architecture>',
  // Otherwise gdb assumes the system that it was made for, and expects its dynamic linker.
  '<osabi>none</osabi>',
  ...(Object.keys(FEATURE_NAMES) as Feature[]).flatMap(featureLines),
  '</target>',
  '',
].join('\n');

function featureLines(feature: Feature): string[] {
  const registers = REGISTERS.filter((register) => register.feature === feature);
  return [
    `<feature name="${FEATURE_NAMES[feature]}">`,
    ...(TYPES[feature] ?? []),
    ...registers.map(registerLine),
    '</feature>',
  ];
}

function registerLine(register: GdbRegister): string {
  const { name, lengthBytes, type, group, feature } = register;
  const number = REGISTERS.indexOf(register);
  const groupText = group === undefined ? '' : ` group="${group}"`;
  // What cannot be written must not be saved and restored around a call of a function.
  const saved = feature === 'control' ? ' save-restore="no"' : '';
  return `<reg name="${name}" bitsize="${lengthBytes * 8}" type="${type}" regnum="${number}"${groupText}${saved}/>`;
}
