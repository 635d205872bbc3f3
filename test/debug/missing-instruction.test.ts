/** The extensions of instructions that the CPU does not have, judged by iced-x86. */
import { Code, CpuidFeature, Decoder as Judge, DecoderOptions, Instruction as Judged, Mnemonic } from 'iced-x86';
import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { extensionOf, isLinuxCall } from '../../src/debug/reports/missing-instruction.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';

/** What iced-x86 calls the features of extensions, where it does not use their names. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  x87: ['FPU', 'FPU287', 'FPU387', 'INTEL8086'],
  '3DNow!': ['D3NOW', 'D3NOWEXT'],
  'SSE4.1': ['SSE4_1'],
  'SSE4.2': ['SSE4_2'],
  'Key Locker': ['AESKLE', 'KL'],
  TSX: ['RTM', 'HLE_or_RTM', 'TSXLDTRK'],
  XSAVE: ['XSAVE', 'XSAVEC', 'XSAVEOPT', 'XSAVES'],
  AMX: ['AMX_TILE', 'AMX_INT8', 'AMX_BF16', 'AMX_FP16', 'AMX_COMPLEX'],
};

/** Those of supervisors, hypervisors, enclaves and makers of processors long gone, which are not named. */
const UNNAMED = new Set(
  (
    'CET_SS FRED HRESET INVLPGB INVPCID LKGS MCOMMIT MSRLIST OSS PADLOCK_ACE PADLOCK_GMI PADLOCK_PHE PADLOCK_RNG ' +
    'PADLOCK_UNDOC PCONFIG RMPQUERY SEV_ES SEV_SNP SGX1 SKINIT_or_SVM SMAP SMM SMX SVM TDX TSE UINTR VMX WRMSRNS'
  ).split(' '),
);

/** Instructions of SSE and SSE2 on registers of MMX: iced-x86's name of the code says so. */
const ON_MMX_REGISTERS = /_mm(m64)?(_|$)/;

/** Whether a name is right for an instruction that needs some features. */
function isRight(name: string | undefined, code: Code, features: readonly string[]): boolean {
  if (name === undefined) return features.some((feature) => UNNAMED.has(feature));
  if (name === 'MMX') return features.includes('MMX') || ON_MMX_REGISTERS.test(Code[code]);
  if (name === 'AVX-512') return features.some((feature) => feature.startsWith('AVX512'));
  const names = NAMES[name] ?? [name.replaceAll('-', '_')];
  return features.some((feature) => names.includes(feature));
}

const decoder = new Decoder();
const judged = new Judged();

/** What is wrong with the name of an instruction; its features where the name is right; undefined where it is none, or ours. */
function judge(bytes: Uint8Array): { readonly error?: string; readonly features?: string } | undefined {
  if (typeof decoder.decode(bytes, 0, bytes.length) !== 'string') return undefined;
  const judgeOfBytes = new Judge(64, bytes, DecoderOptions.None);
  judgeOfBytes.decodeOut(judged);
  judgeOfBytes.free();
  const { code } = judged;
  if (code === Code.INVALID) return undefined;
  const features = [...judged.cpuidFeatures()].map((feature) => CpuidFeature[feature]!);
  const name = extensionOf(bytes);
  const what = features.join(' and ');
  if (isRight(name, code, features)) return { features: what };
  return { error: `${Buffer.from(bytes).toString('hex')} ${Mnemonic[judged.mnemonic]}: ${name}, not ${what}` };
}

const vexBytes = (escape: number, maps: readonly number[]): number[][] =>
  maps.flatMap((map) =>
    Array.from({ length: 16 }, (_, wLpp) => [escape, 0xe0 | map, ((wLpp & 8) << 4) | 0x78 | (wLpp & 7)]),
  );

/** What stands before an opcode: each map with each mandatory prefix, and REX.W, W and L. */
const STARTS: readonly (readonly number[])[] = [
  ...[[], [0x66], [0xf3], [0xf2]].flatMap((prefix) =>
    [[], [0x48]].flatMap((rex) => [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]].map((map) => [...prefix, ...rex, ...map])),
  ),
  ...vexBytes(0xc4, [1, 2, 3]),
  ...vexBytes(0x8f, [8, 9, 10]),
  ...Array.from({ length: 8 }, (_, Lpp) => [0xc5, 0xf8 | Lpp]),
];

const MEMORY_MODRM = Array.from({ length: 8 }, (_, reg) => reg << 3);

t.test('instructions that the CPU does not have are named as iced-x86 classifies them', (t) => {
  const random = new Random(seedOf(12));
  const errors: string[] = [];
  const named = new Map<string, number>();
  const check = (bytes: readonly number[]): void => {
    const filled = new Uint8Array(15);
    filled.set(bytes);
    for (let index = bytes.length; index < filled.length; index++) filled[index] = random.next();
    const verdict = judge(filled);
    if (verdict?.error !== undefined) errors.push(verdict.error);
    if (verdict?.features !== undefined) named.set(verdict.features, (named.get(verdict.features) ?? 0) + 1);
  };
  for (const start of STARTS)
    for (let opcode = 0; opcode < 256; opcode++) {
      // All registers of the two-byte map 01, where the whole of ModRM is an opcode.
      const registers = opcode === 1 ? 64 : 8;
      for (let at = 0; at < registers; at++)
        check([...start, opcode, 0xc0 + (64 / registers) * at + (registers === 8 ? random.below(8) : 0)]);
      for (const modRM of MEMORY_MODRM) check([...start, opcode, modRM]);
    }
  for (let i = volume(100_000, 2_000_000); i > 0; i--) check([]);
  for (let i = volume(50_000, 1_000_000); i > 0; i--) check([0x62, 0xf0 | (1 + random.below(3)), random.next() | 4]);
  for (let opcode = 0; opcode < 256; opcode++) check([0x0f, 0x0f, 0xc1, opcode]);
  t.strictSame(errors.slice(0, 20), [], `${errors.length} are wrong`);
  t.ok(named.size > 80, `${named.size} kinds`);
  t.comment([...named].map(([features, count]) => `${features} ${count}`).join('; '));
  t.end();
});

t.test('what is no instruction of an extension has no name', (t) => {
  const none = [
    '',
    '0f',
    'c5',
    'c4 e2',
    '0f 0b',
    '66 c5 f8 58 c0',
    'f0 66 0f 38 00 c0',
    '48 c5 f8 58 c0',
    'c4 ff 79 58 c0',
  ];
  for (const code of none) t.equal(extensionOf(Buffer.from(code.replaceAll(' ', ''), 'hex')), undefined, code);
  t.equal(extensionOf(Buffer.from('2ec5f858c0', 'hex')), 'AVX', 'a segment prefix does not matter');
  t.end();
});

t.test('calls of Linux are told from those of BD0', (t) => {
  for (const code of [
    [0x0f, 0x05],
    [0x0f, 0x34],
    [0xcd, 0x80],
  ])
    t.ok(isLinuxCall(Uint8Array.from(code)));
  t.notOk(isLinuxCall(Uint8Array.of(0x0f, 0x01, 0xc1)), 'VMCALL');
  t.end();
});
