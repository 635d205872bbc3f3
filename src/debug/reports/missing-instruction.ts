/** What an instruction is that this CPU does not have: the extension of x86-64 that it belongs to, or a call of Linux. */

/* Prefixes. SDM Vol. 2A 2.1.1 "Instruction Prefixes", 2.3 "VEX", 2.7 "EVEX"; AMD64 APM Vol. 3 1.2.8 "XOP" */
const SEGMENT_AND_ADDRESS_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67];
const OPERAND_SIZE = 0x66;
const LOCK = 0xf0;

const LINUX_CALLS: readonly (readonly number[])[] = [
  [0x0f, 0x05], // SYSCALL
  [0x0f, 0x34], // SYSENTER
  [0xcd, 0x80], // INT 80h
];

/** True where the instruction is how a Linux program calls its kernel. */
export function isLinuxCall(code: Uint8Array): boolean {
  return LINUX_CALLS.some(([first, second]) => code[0] === first && code[1] === second);
}

/** A mandatory prefix, as VEX has it in two bits: none, 66, F3, F2. */
type MandatoryPrefix = 0 | 1 | 2 | 3;

/** What tells instructions apart. Maps are called as in opcode tables, with those of VEX and XOP apart. */
interface Opcode {
  readonly map: '' | '0F' | '0F38' | '0F3A' | 'VEX.0F' | 'VEX.0F38' | 'VEX.0F3A' | 'XOP.8' | 'XOP.9' | 'XOP.A';
  readonly prefix: MandatoryPrefix;
  /** Of 256 bits. */
  readonly isWide: boolean;
  readonly opcode: number;
  readonly modRM: number;
}

/** Opcodes of an extension; what is left out may be anything. */
interface Row {
  readonly map: Opcode['map'];
  readonly prefixes: readonly number[];
  /** Ranges, from and to. */
  readonly opcodes: readonly (readonly [number, number])[];
  readonly extension: string;
  readonly isWide?: true;
  /** The field reg of ModRM, whether it names a register and no memory, and the whole of it. */
  readonly reg?: readonly number[];
  readonly isRegister?: boolean;
  readonly modRM?: readonly number[];
}

const ANY = [0, 1, 2, 3];

/** `opcodes`: numbers and ranges in hexadecimal; `prefixes`: those of MandatoryPrefix. */
function row(
  map: Opcode['map'],
  prefixes: readonly number[],
  opcodes: string,
  extension: string,
  more: Pick<Row, 'isWide' | 'reg' | 'isRegister' | 'modRM'> = {},
): Row {
  const ranges = opcodes.split(' ').map((range): [number, number] => {
    const [from, to = from] = range.split('-').map((digits) => parseInt(digits, 16));
    return [from!, to!];
  });
  return { map, prefixes, opcodes: ranges, extension, ...more };
}

/** Extensions by opcode. SDM Vol. 2D appendix A, AMD64 APM Vol. 3 appendix A; the first row that fits counts. */
const ROWS: readonly Row[] = [
  row('', ANY, '9b d8-df', 'x87'),
  row('', ANY, 'c6 c7', 'TSX', { modRM: [0xf8] }),

  row('0F', [0], '01', 'MONITOR', { modRM: [0xc8, 0xc9] }),
  row('0F', [0], '01', 'MONITORX', { modRM: [0xfa, 0xfb] }),
  row('0F', [0], '01', 'XSAVE', { modRM: [0xd0, 0xd1] }),
  row('0F', [0], '01', 'TSX', { modRM: [0xd5, 0xd6] }),
  row('0F', [3], '01', 'TSX', { modRM: [0xe8, 0xe9] }),
  row('0F', [0], '01', 'PKU', { modRM: [0xee, 0xef] }),
  row('0F', [0], '01', 'SERIALIZE', { modRM: [0xe8] }),
  row('0F', ANY, '01', 'RDTSCP', { modRM: [0xf9] }),
  row('0F', ANY, '01', 'CLZERO', { modRM: [0xfc] }),
  row('0F', [0], '01', 'RDPRU', { modRM: [0xfd] }),
  row('0F', ANY, '0e 0f', '3DNow!'),
  row('0F', [2, 3], '2b', 'SSE4A', { isRegister: false }),
  row('0F', [1, 3], '78 79', 'SSE4A', { isRegister: true }),
  row('0F', [3], '78', 'SSE4A', { isRegister: true }),
  row('0F', [2, 3], '12', 'SSE3'),
  row('0F', [2], '16', 'SSE3'),
  row('0F', [1, 3], '7c 7d d0', 'SSE3'),
  row('0F', [3], 'f0', 'SSE3', { isRegister: false }),
  row('0F', [0, 1], '2a 2c 2d', 'MMX'),
  row('0F', [0], 'c4', 'MMX'),
  row('0F', [0], 'c5 d7 f7', 'MMX', { isRegister: true }),
  row('0F', [0], 'e7', 'MMX', { isRegister: false }),
  row('0F', [0], '60-6b 6e-77 7e 7f d1-d5 d8-e5 e8-ef f1-f6 f8-fe', 'MMX'),
  row('0F', [2, 3], 'd6', 'MMX', { isRegister: true }),
  row('0F', [0], 'ae', 'XSAVE', { reg: [4, 5, 6], isRegister: false }),
  row('0F', [1], 'ae', 'CLWB', { reg: [6], isRegister: false }),
  row('0F', [1, 2, 3], 'ae', 'WAITPKG', { reg: [6], isRegister: true }),
  row('0F', [2], 'ae', 'PTWRITE', { reg: [4] }),
  row('0F', ANY, 'c7', 'XSAVE', { reg: [3, 4, 5], isRegister: false }),
  row('0F', [0, 1], 'c7', 'RDRAND', { reg: [6], isRegister: true }),
  row('0F', [0, 1], 'c7', 'RDSEED', { reg: [7], isRegister: true }),
  row('0F', [2], 'c7', 'RDPID', { reg: [7], isRegister: true }),

  row('0F38', [0, 1], '0-b 1c-1e', 'SSSE3'),
  row('0F38', [1], '10 14 15 17 20-25 28-2b 30-35 38-41', 'SSE4.1'),
  row('0F38', [1], '37', 'SSE4.2'),
  row('0F38', [0], 'c8-cd', 'SHA'),
  row('0F38', [1], 'cf', 'GFNI'),
  row('0F38', [1], 'db-df', 'AES'),
  row('0F38', [2], 'd8 dc-df fa fb', 'Key Locker'),
  row('0F38', [1], 'f8', 'MOVDIR64B', { isRegister: false }),
  row('0F38', [2, 3], 'f8', 'ENQCMD', { isRegister: false }),
  row('0F38', [0], 'f9', 'MOVDIRI', { isRegister: false }),
  row('0F38', ANY, 'fc', 'RAO-INT', { isRegister: false }),

  row('0F3A', [0, 1], 'f', 'SSSE3'),
  row('0F3A', [1], '8-e 14-17 20-22 40-42', 'SSE4.1'),
  row('0F3A', [1], '44', 'PCLMULQDQ'),
  row('0F3A', [1], '60-63', 'SSE4.2'),
  row('0F3A', [0], 'cc', 'SHA'),
  row('0F3A', [1], 'ce cf', 'GFNI'),
  row('0F3A', [1], 'df', 'AES'),

  row('VEX.0F', [0, 1, 3], '41-4b 90-93 98 99', 'AVX-512'),
  row('VEX.0F', [1], '60-6d 71-76 d1-d5 d7-e5 e8-ef f1-f6 f8-fe', 'AVX2', { isWide: true }),
  row('VEX.0F', [1, 2, 3], '70', 'AVX2', { isWide: true }),
  row('VEX.0F', ANY, '0-ff', 'AVX'),

  row('VEX.0F38', [1], '13', 'F16C'),
  row('VEX.0F38', [1], '0-b 1c-1e 20-25 28-2b 30-35 37-40', 'AVX2', { isWide: true }),
  row('VEX.0F38', [1], '18 19', 'AVX2', { isRegister: true }),
  row('VEX.0F38', [1], '16 36 45-47 58-5a 78 79 8c 8e 90-93', 'AVX2'),
  row('VEX.0F38', [1], '50-53', 'AVX-VNNI'),
  row('VEX.0F38', [0, 2, 3], '50 51', 'AVX-VNNI-INT8'),
  row('VEX.0F38', [0, 1, 2], 'd2 d3', 'AVX-VNNI-INT16'),
  row('VEX.0F38', [2], '72', 'AVX-NE-CONVERT'),
  row('VEX.0F38', ANY, 'b0 b1', 'AVX-NE-CONVERT'),
  row('VEX.0F38', [1], 'b4 b5', 'AVX-IFMA'),
  row('VEX.0F38', ANY, '49 4b 5c 5e 6c', 'AMX'),
  row('VEX.0F38', [1], '96-9f a6-af b6-bf', 'FMA'),
  row('VEX.0F38', [3], 'cb-cd', 'SHA512', { isWide: true }),
  row('VEX.0F38', [0, 1], 'da', 'SM3'),
  row('VEX.0F38', [2, 3], 'da', 'SM4'),
  row('VEX.0F38', [1], 'dc-df', 'VAES', { isWide: true }),
  row('VEX.0F38', [1], 'e0-ef', 'CMPCCXADD'),
  row('VEX.0F38', [1], '0-ff', 'AVX'),

  row('VEX.0F3A', [1], '0 1 2 38 39 46', 'AVX2'),
  row('VEX.0F3A', [1], 'e f 42 4c', 'AVX2', { isWide: true }),
  row('VEX.0F3A', [1], '1d', 'F16C'),
  row('VEX.0F3A', [1], '30-33', 'AVX-512'),
  row('VEX.0F3A', [1], '44', 'VPCLMULQDQ', { isWide: true }),
  row('VEX.0F3A', [1], '48 49', 'XOP'),
  row('VEX.0F3A', [1], '5c-5f 68-6f 78-7f', 'FMA4'),
  row('VEX.0F3A', [1], 'de', 'SM3'),
  row('VEX.0F3A', [1], '0-ff', 'AVX'),

  row('XOP.8', [0], '0-ff', 'XOP'),
  row('XOP.9', [0], '1 2', 'TBM'),
  row('XOP.9', [0], '12', 'LWP'),
  row('XOP.9', [0], '0-ff', 'XOP'),
  row('XOP.A', [0], '10', 'TBM'),
  row('XOP.A', [0], '12', 'LWP'),
];

/** The extension that an undecodable instruction belongs to, such as `AVX`, by its prefixes, opcode and ModRM byte. */
export function extensionOf(code: Uint8Array): string | undefined {
  let at = 0;
  let [hasPrefix, isLocked] = [false, false];
  let prefix: MandatoryPrefix = 0;
  for (; at < code.length; at++) {
    const byte = code[at]!;
    const isRex = (byte & 0xf0) === 0x40;
    if (byte === OPERAND_SIZE) prefix ||= 1;
    else if (byte === 0xf3) prefix = 2;
    else if (byte === 0xf2) prefix = 3;
    else if (byte === LOCK) isLocked = true;
    else if (!isRex && !SEGMENT_AND_ADDRESS_PREFIXES.includes(byte)) break;
    hasPrefix ||= isRex || byte === LOCK || prefix !== 0;
  }
  const rest = code.subarray(at);
  const [first = 0, second = 0] = rest;
  const isVector = first === 0x62 || first === 0xc4 || first === 0xc5 || (first === 0x8f && (second & 0x1f) >= 8);
  // No instruction of an extension may be locked, and vectors have these prefixes in their own.
  if (isLocked || (isVector && hasPrefix)) return undefined;
  if (first === 0x62) return 'AVX-512';
  const opcode = isVector ? vectorOpcode(rest) : legacyOpcode(rest, prefix);
  return opcode && ROWS.find((each) => fits(each, opcode))?.extension;
}

function legacyOpcode([first, second, third, fourth]: Uint8Array, prefix: MandatoryPrefix): Opcode | undefined {
  const isWide = false;
  if (first === undefined) return undefined;
  if (first !== 0x0f) return { map: '', prefix, isWide, opcode: first, modRM: second ?? 0 };
  if (second === undefined) return undefined;
  if (second !== 0x38 && second !== 0x3a) return { map: '0F', prefix, isWide, opcode: second, modRM: third ?? 0 };
  if (third === undefined) return undefined;
  return { map: second === 0x38 ? '0F38' : '0F3A', prefix, isWide, opcode: third, modRM: fourth ?? 0 };
}

/** After VEX of two or three bytes, or XOP. SDM Vol. 2A 2.3.5 "The VEX Prefix" */
function vectorOpcode(code: Uint8Array): Opcode | undefined {
  const isShort = code[0] === 0xc5;
  const [fields, opcode, modRM = 0] = code.subarray(isShort ? 1 : 2);
  if (fields === undefined || opcode === undefined) return undefined;
  const map = isShort ? 'VEX.0F' : VECTOR_MAPS[code[0] === 0xc4 ? 'VEX' : 'XOP'][code[1]! & 0x1f];
  if (map === undefined) return undefined;
  return { map, prefix: (fields & 3) as MandatoryPrefix, isWide: (fields & 4) !== 0, opcode, modRM };
}

const VECTOR_MAPS: Readonly<Record<'VEX' | 'XOP', Readonly<Record<number, Opcode['map']>>>> = {
  VEX: { 1: 'VEX.0F', 2: 'VEX.0F38', 3: 'VEX.0F3A' },
  XOP: { 8: 'XOP.8', 9: 'XOP.9', 10: 'XOP.A' },
};

function fits(each: Row, { map, prefix, isWide, opcode, modRM }: Opcode): boolean {
  return (
    each.map === map &&
    each.prefixes.includes(prefix) &&
    each.opcodes.some(([from, to]) => opcode >= from && opcode <= to) &&
    (!each.isWide || isWide) &&
    (!each.reg || each.reg.includes((modRM >> 3) & 7)) &&
    (each.isRegister === undefined || each.isRegister === modRM >= 0xc0) &&
    (!each.modRM || each.modRM.includes(modRM))
  );
}
