import {
  Code,
  CpuidFeature,
  Formatter,
  FormatterSyntax,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
  type Instruction as Judged,
} from 'iced-x86';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import { FEATURE_NAMES, type Feature } from '../../src/cpu/meaning/features.js';
import { reportedFeatures } from '../../src/cpu/state/model.js';

/**
 * iced-x86 as the reference for the decoder: which instructions it decodes that this CPU lacks, and whether its view of
 * an instruction, including every operand, agrees with the decoder's.
 */

const words = (text: string): string[] => text.split(/\s+/);

/**
 * Features that bd0 does not know at all (features.ts has those that it knows), by iced-x86's names: why their instructions are
 * #UD here.
 */
const BEYOND_FEATURES: readonly (readonly [reason: string, features: readonly string[]])[] = [
  ['3DNow!, SSE4A', words('D3NOW D3NOWEXT SSE4A')],
  ['GFNI, later AES and SHA', words('GFNI VAES VPCLMULQDQ SHA512 SM3 SM4')],
  ['key locker', words('AESKLE WIDE_KL KL')],
  ['VIA PadLock', words('PADLOCK_ACE PADLOCK_PHE PADLOCK_PMM PADLOCK_RNG PADLOCK_GMI PADLOCK_UNDOC')],
  [
    'later VEX or XOP vectors',
    words(
      'FMA4 XOP TBM LWP AVX_IFMA AVX_NE_CONVERT AVX_VNNI AVX_VNNI_INT8 AVX_VNNI_INT16 CMPCCXADD ' +
        'AMX_TILE AMX_INT8 AMX_BF16 AMX_FP16 AMX_COMPLEX',
    ),
  ],
  [
    'AVX-512 (EVEX, and VEX on mask registers)',
    words(
      'AVX512F AVX512VL AVX512BW AVX512CD AVX512DQ AVX512ER AVX512PF AVX512_4FMAPS AVX512_4VNNIW AVX512_BF16 ' +
        'AVX512_BITALG AVX512_IFMA AVX512_VBMI AVX512_VBMI2 AVX512_VNNI AVX512_VP2INTERSECT AVX512_VPOPCNTDQ ' +
        'AVX512_FP16',
    ),
  ],
  [
    'virtualisation of Intel and AMD, SMM, SMX',
    words('VMX INVEPT INVVPID SVM SKINIT_or_SVM SEV_ES SEV_SNP SMM SMX TDX'),
  ],
  ['enclaves', words('SGX1 OSS PCONFIG')],
  ['shadow stacks', words('CET_SS')],
  ['transactions', words('RTM HLE_or_RTM TSXLDTRK')],
  ['supervisor state and protection keys', words('XSAVES PKU')],
  ['performance', words('RDPRU PTWRITE')],
  ['waiting on memory', words('MONITOR MONITORX WAITPKG')],
  ['stores and cache control of later processors', words('CLZERO MOVDIRI MOVDIR64B ENQCMD RAO_INT SERIALIZE MCOMMIT')],
  [
    'supervisor instructions of later processors: #UD at CPL 3 or without their feature',
    words('INVPCID INVLPGB SMAP LKGS FRED UINTR HRESET MSRLIST WRMSRNS TSE RMPQUERY'),
  ],
];

const REASON_OF_FEATURE = new Map(
  BEYOND_FEATURES.flatMap(([reason, features]) =>
    features.map((name) => {
      const feature = CpuidFeature[name as keyof typeof CpuidFeature];
      if (feature === undefined) throw new Error(`iced-x86 has no CPUID feature ${name}`);
      return [feature, reason] as const;
    }),
  ),
);

/** iced-x86's names of features that are others here. */
const SAME_FEATURE: Readonly<Record<string, string>> = { FPU287: 'FPU', FPU387: 'FPU' };

const reasonOfCode = new Map<Code, string | undefined>();

/**
 * Why the CPU lacks what iced-x86 decoded; undefined if it must have it, which is so for every instruction of every feature that
 * CPUID reports.
 */
export function beyondReason(judged: Judged): string | undefined {
  const { code } = judged;
  if (!reasonOfCode.has(code)) reasonOfCode.set(code, findReason(judged));
  return reasonOfCode.get(code);
}

function findReason(judged: Judged): string | undefined {
  for (const feature of judged.cpuidFeatures()) {
    const theirs = CpuidFeature[feature]!;
    const name = (SAME_FEATURE[theirs] ?? theirs) as Feature;
    const reason = REASON_OF_FEATURE.get(feature);
    if (reason !== undefined) return reason;
    if (!FEATURE_NAMES.includes(name) || reportedFeatures().has(name)) continue;
    return `${name}, which is not complete`;
  }
  return undefined;
}

/** Mnemonics that the table has in one, where iced-x86 tells operand sizes and later names of hints apart. */
const SIZED_MNEMONICS: Record<string, readonly string[]> = {
  CBW: words('CWDE CDQE'),
  CWD: words('CDQ CQO'),
  JRCXZ: words('JECXZ JCXZ'),
  IRET: words('IRETD IRETQ'),
  MOVS: words('MOVSB MOVSW MOVSD MOVSQ'),
  CMPS: words('CMPSB CMPSW CMPSD CMPSQ'),
  SCAS: words('SCASB SCASW SCASD SCASQ'),
  LODS: words('LODSB LODSW LODSD LODSQ'),
  STOS: words('STOSB STOSW STOSD STOSQ'),
  INS: words('INSB INSW INSD'),
  OUTS: words('OUTSB OUTSW OUTSD'),
  PUSHF: words('PUSHFD PUSHFQ'),
  POPF: words('POPFD POPFQ'),
  SYSRET: words('SYSRETQ'),
  SYSEXIT: words('SYSEXITQ'),
  XLAT: words('XLATB'),
  PUSHA: words('PUSHAD'),
  POPA: words('POPAD'),
  WBINVD: words('WBNOINVD'),
};

/** Hints, and instructions of features that are not there, in the space of NOPs: only their length is compared. */
const NOP_HERE = new Set(
  words(
    'RESERVEDNOP PREFETCH PREFETCHW PREFETCHWT1 PREFETCHIT0 PREFETCHIT1 CLDEMOTE ENDBR32 ENDBR64 RDSSPD RDSSPQ ' +
      'BNDMK BNDCL BNDCU BNDCN BNDMOV BNDLDX BNDSTX',
  ),
);

const same = (ours: string, theirs: string): boolean =>
  ours === theirs || (SIZED_MNEMONICS[ours] ?? []).includes(theirs);

const mnemonicNames = Object.fromEntries(
  Object.entries(Mnemonic).flatMap(([name, value]) => (typeof value === 'number' ? [[value, name.toUpperCase()]] : [])),
) as Record<number, string>;

/** Whether iced-x86 names its instruction as the table does, or as a NOP if it is a hint. */
export function sameMnemonic(ours: string, judged: Judged): boolean {
  const theirs = mnemonicNames[judged.mnemonic]!;
  return same(ours, theirs) || (isHint(ours) && NOP_HERE.has(theirs));
}

const isHint = (mnemonic: string): boolean => mnemonic === 'NOP' || mnemonic.startsWith('PREFETCH');

/** ModRM.rm of a fence is ignored. */
const FENCES = new Set(words('LFENCE MFENCE SFENCE'));

const formatter = new Formatter(FormatterSyntax.Intel);

export function format(judged: Judged): string {
  return formatter.format(judged);
}

const FIRST_REGISTER: Record<number, number> = { 8: Register.AL, 16: Register.AX, 32: Register.EAX, 64: Register.RAX };

/** iced-x86 has AH to BH between BL and SPL. */
function gprName(number: number, width: number): Register {
  if (width !== 8) return FIRST_REGISTER[width]! + number;
  if (number >= 16) return Register.AH + (number - 16);
  return number < 4 ? Register.AL + number : Register.SPL + (number - 4);
}

/** What differs between the decoder's view and iced-x86's of the instruction at `rip`; undefined where they agree. */
export function difference(ours: Instruction, judged: Judged, rip: bigint): string | undefined {
  const { form } = ours;
  const mnemonic = mnemonicNames[judged.mnemonic]!;
  // F3 90 with REX.B: processors exchange R8 and rAX (measured), iced-x86 says PAUSE.
  if (judged.code === Code.Pause && form.row.mnemonic === 'XCHG') return undefined;
  if (isHint(form.row.mnemonic) && NOP_HERE.has(mnemonic)) return undefined;
  if (!same(form.row.mnemonic, mnemonic)) return `mnemonic ${form.row.mnemonic}, not ${mnemonic}`;
  if (form.lock !== judged.hasLockPrefix) return `LOCK ${form.lock}`;
  if (
    form.repeat !== 'none' &&
    !(form.repeat === 'repne' ? judged.hasRepnePrefix : judged.hasRepPrefix || judged.hasRepnePrefix)
  )
    return `repeat ${form.repeat}`;
  if (FENCES.has(form.row.mnemonic)) return undefined;
  // iced-x86 counts the implied destination of MASKMOVDQU and MASKMOVQ.
  const implied = /^V?MASKMOV(Q|DQU)$/.test(form.row.mnemonic) ? 1 : 0;
  if (judged.opKind(0) === OpKind.FarBranch16 || judged.opKind(0) === OpKind.FarBranch32)
    return farBranchDifference(ours, judged);
  for (let i = 0; i < form.operands.length; i++) {
    // The vector of indexes is part of iced-x86's memory operand.
    if (form.row.operands[i]!.where === 'X') continue;
    const found = operandDifference(ours, i, judged, i + implied, rip);
    if (found) return `operand ${i}: ${found}`;
  }
  return undefined;
}

/** The offset and the selector are one operand of iced-x86. */
function farBranchDifference({ immediate, immediate2, form }: Instruction, judged: Judged): string | undefined {
  const theirs = judged.opKind(0) === OpKind.FarBranch16 ? judged.farBranch16 : judged.farBranch32;
  const width = judged.opKind(0) === OpKind.FarBranch16 ? 16 : 32;
  if (width !== form.width || Number(immediate) !== theirs) return `offset ${immediate}, not ${theirs}`;
  const selector = judged.farBranchSelector;
  return immediate2 === selector ? undefined : `selector ${immediate2}, not ${selector}`;
}

/** Compares operand `i` with what iced-x86 counts as operand `judgedIndex`. */
function operandDifference(
  ours: Instruction,
  i: number,
  judged: Judged,
  judgedIndex: number,
  rip: bigint,
): string | undefined {
  const operand = ours.form.operands[i]!;
  const kind = judged.opKind(judgedIndex);
  const register = (...expected: Register[]): string | undefined => {
    if (kind !== OpKind.Register) return `a register, not ${OpKind[kind]}`;
    const actual = judged.opRegister(judgedIndex);
    return expected.includes(actual) ? undefined : `${Register[expected[0]!]}, not ${Register[actual]}`;
  };
  switch (operand.kind) {
    case 'gpr': {
      const number = typeof operand.field === 'number' ? operand.field : ours[operand.field];
      const wider = operand.width === 8 || !isFixed(ours, i) ? [] : ([32, 64] as const);
      return register(...[operand.width, ...wider].map((width) => gprName(number, width)));
    }
    case 'xmm':
      // iced-x86 does not count the implied XMM0 of the legacy form.
      if (typeof operand.field === 'number') return undefined;
      return register((operand.width === 256 ? Register.YMM0 : Register.XMM0) + ours[operand.field]);
    case 'mmx':
      return register(Register.MM0 + (typeof operand.field === 'number' ? operand.field : ours[operand.field]));
    case 'segment':
      return register(Register.ES + ours.reg);
    case 'control':
      return register(Register.CR0 + ours.reg);
    case 'debug':
      return register(Register.DR0 + ours.reg);
    case 'relative': {
      const bits = ours.form.mode === 64 ? 64 : ours.form.width;
      const target = BigInt.asUintN(bits, rip + BigInt(ours.length) + ours.immediate);
      return target === judged.nearBranchTarget ? undefined : `target ${target}, not ${judged.nearBranchTarget}`;
    }
    case 'immediate': {
      const bits = Math.max(operand.width, ours.form.width);
      const value = BigInt.asUintN(
        bits,
        i > 0 && ours.form.dest.kind === 'immediate' ? BigInt(ours.immediate2) : ours.immediate,
      );
      const expected = BigInt.asUintN(bits, judged.immediate(judgedIndex));
      return value === expected ? undefined : `immediate ${value}, not ${expected}`;
    }
    case 'memory':
      return kind === OpKind.Memory
        ? memoryDifference(ours, operand.width, judged, rip)
        : `memory, not ${OpKind[kind]}`;
  }
}

/** Where the manual prints a register of 16 or 32 bits (MOV to a segment, MOVMSKPS), iced-x86 may name a wider one. */
function isFixed({ form }: Instruction, i: number): boolean {
  return typeof form.row.operands[i]!.size === 'number';
}

function memoryDifference(ours: Instruction, width: number, judged: Judged, rip: bigint): string | undefined {
  const { base, index, scale, displacement, ripRelative, segment, form } = ours;
  const first = FIRST_REGISTER[form.addressWidth]!;
  const name = (number: number): Register => (number < 0 ? Register.None : first + number);
  const ripName = form.addressWidth === 64 ? Register.RIP : Register.EIP;
  // Overrides other than FS and GS are ignored (measured: #SS stays #SS under DS), but iced-x86 tells them.
  if (form.mode === 64 && judged.segmentPrefix < Register.FS) judged.segmentPrefix = Register.None;
  const address = BigInt.asUintN(
    form.addressWidth,
    ripRelative ? rip + BigInt(ours.length) + displacement : displacement,
  );
  const bytes = MemorySizeExt.size(judged.memorySize);
  const vector = form.operands.find((_, i) => form.row.operands[i]!.where === 'X');
  const vectorIndex = vector?.kind === 'xmm' && (vector.width === 256 ? Register.YMM0 : Register.XMM0) + ours.extra;
  const hasIndex = vector !== undefined || index >= 0;
  const pairs: [what: string, ours: number | bigint, theirs: number | bigint][] = [
    ['base', ripRelative ? ripName : name(base), judged.memoryBase],
    ['index', vectorIndex || name(index), judged.memoryIndex],
    ['scale', hasIndex ? 1 << scale : 1, hasIndex ? judged.memoryIndexScale : 1],
    ['displacement', address, BigInt.asUintN(form.addressWidth, judged.memoryDisplacement)],
    ['segment', Register.ES + segment, judged.memorySegment],
    ['bytes', width === 0 || bytes === 0 ? bytes : width / 8, bytes],
  ];
  const wrong = pairs.find(([, x, y]) => x !== y);
  return wrong && `${wrong[0]} ${wrong[1]}, not ${wrong[2]}`;
}
