/** Memory contents for cases: operands with many edge values, and images that the instruction accepts. */
import type { Form, MemoryOperand } from '../../../src/cpu/meaning/form.js';
import { RAX, RDX, RSP } from '../../../src/cpu/state/layout.js';
import { contains, type OracleMemory, type Window } from '../../oracle/layout.js';
import type { Random } from '../../support/random.js';
import type { Draft } from './draft.js';
import { randomDestination, randomSelector, takesDestination, takesSelector } from './prepare.js';
import { putExtended } from './random-x87.js';
import { putVector, randomMxcsr, randomRflags, type VectorKind } from './random-state.js';
import { randomTarget } from './targets.js';

type Patch = NonNullable<OracleMemory['patches']>[number];

/** Memory for the windows, with patches where `operand`, the memory operand's address, and the stack are. */
export function memoryContents(
  draft: Draft,
  windows: Window[],
  operand: bigint | undefined,
  kind: VectorKind,
  random: Random,
): OracleMemory {
  const patches: Patch[] = [];
  const put = (address: bigint, bytes: Uint8Array): void => {
    if (bytes.length > 0 && windows.some((window) => contains(window, address, bytes.length)))
      patches.push({ address, bytes });
  };
  if (draft.form.row.attributes.has('REPZ') && random.chance(2)) fillWindows(windows, draft, random, patches);
  if (operand !== undefined) put(operand, operandBytes(draft, kind, random));
  put(draft.gpr[RSP]!, stackBytes(draft, random));
  return { seed: random.next() | 0, windows, patches };
}

/** Equal elements everywhere, those of SCAS equal to the accumulator too, so that REPE goes on and REPNE stops. */
function fillWindows(windows: Window[], { gpr }: Draft, random: Random, patches: Patch[]): void {
  const byte = random.chance(2) ? 0 : random.below(256);
  const element = BigInt(byte) * 0x0101_0101_0101_0101n;
  if (random.chance(2)) gpr[RAX] = element;
  for (const { address, length } of windows) patches.push({ address, bytes: new Uint8Array(length).fill(byte) });
}

/** Bytes for the memory operand, none to leave them random. */
function operandBytes(draft: Draft, kind: VectorKind, random: Random): Uint8Array {
  const { form, gpr } = draft;
  const { mnemonic } = form.row;
  const width = form.width / 8;
  if (mnemonic.startsWith('FXRSTOR')) return random.chance(6) ? NOTHING : fxsaveImage(random, kind);
  if (/^X(SAVE|RSTOR)/.test(mnemonic)) return xsaveImage(random, kind);
  if (form.row.feature === 'FPU' && mnemonic.startsWith('F')) {
    const bytes = x87Bytes(mnemonic, form, random);
    if (bytes) return bytes;
  }
  if (mnemonic === 'LDMXCSR') return random.chance(6) ? NOTHING : word(4, BigInt(randomMxcsr(random)));
  if (isFarPointer(form)) return join(word(width, randomDestination(random)), word(2, BigInt(randomSelector(random))));
  if (takesDestination(form)) return word(8, randomDestination(random));
  if (takesSelector(form)) return word(2, BigInt(randomSelector(random)));
  if (mnemonic === 'CMPXCHG' && random.chance(2)) return word(width, gpr[RAX]!);
  if (mnemonic.startsWith('CMPXCHG') && mnemonic.endsWith('B') && random.chance(2)) {
    const half = mnemonic === 'CMPXCHG8B' ? 4 : 8;
    return join(word(half, gpr[RAX]!), word(half, gpr[RDX]!));
  }
  const lanes = new Uint32Array(8);
  for (const lane of [0, 4]) putVector(random, lanes, lane, kind);
  const memory = form.operands.find((operand) => operand.kind === 'memory')!;
  return new Uint8Array(lanes.buffer, 0, (memory as MemoryOperand).width / 8);
}

/** An extended number, or decimal digits; undefined for operands in other formats, and images. */
function x87Bytes(mnemonic: string, { operands }: Form, random: Random): Uint8Array | undefined {
  if (operands.every((operand) => operand.kind !== 'memory' || operand.width !== 0)) return undefined;
  const bytes = new Uint8Array(16);
  if (mnemonic === 'FLD') putExtended(random, bytes, 0, random.chance(2));
  else if (mnemonic === 'FBLD')
    for (let i = 0; i < 9; i++)
      bytes[i] = random.chance(8) ? random.next() : random.below(10) | (random.below(10) << 4);
  else return undefined;
  if (mnemonic === 'FBLD') bytes[9] = random.chance(4) ? random.next() : random.pick([0, 0x80]);
  return bytes.subarray(0, 10);
}

function isFarPointer({ row, dest, src }: Form): boolean {
  const memory = [dest, src].some((operand) => operand.kind === 'memory' && operand.width === 0);
  return memory && ['JMP', 'CALL', 'LSS', 'LFS', 'LGS'].includes(row.mnemonic);
}

/** The words at RSP that the instruction pops. */
function stackBytes(draft: Draft, random: Random): Uint8Array {
  const { form } = draft;
  const { mnemonic } = form.row;
  const width = form.width / 8;
  const selector = (usual: number): bigint => BigInt(random.chance(4) ? randomSelector(random) : usual);
  if (mnemonic === 'RET') return word(8, randomDestination(random));
  if (mnemonic === 'POP' && form.operands.length === 0) return word(width, BigInt(randomSelector(random)));
  if (mnemonic === 'RETF') return join(word(width, randomDestination(random)), word(width, selector(0x33)));
  // Any other bits would change flags that only the evaluator changes.
  if (mnemonic === 'POPF' && random.chance(2)) return word(width, BigInt(randomRflags(random)));
  if (mnemonic !== 'IRET') return NOTHING;
  const rsp = random.chance(2) ? random.bits64() : randomTarget(random, draft.codeOffset, 8, 1, false);
  const values = [randomDestination(random), selector(0x33), BigInt(random.next()), rsp, selector(0x2b)];
  return join(...values.map((value) => word(width, value)));
}

const NOTHING = new Uint8Array(0);

/** An image of random bytes with an MXCSR that has no reserved bit. */
function fxsaveImage(random: Random, kind: VectorKind): Uint8Array {
  const image = new Uint32Array(128);
  for (let i = 0; i < image.length; i++) image[i] = random.next();
  for (let i = 40; i < 104; i += 4) putVector(random, image, i, kind);
  image[6] = randomMxcsr(random);
  return new Uint8Array(image.buffer);
}

/** An XSAVE area, in which most headers are allowed. */
function xsaveImage(random: Random, kind: VectorKind): Uint8Array {
  const image = new Uint32Array(208);
  image.set(new Uint32Array(fxsaveImage(random, kind).buffer));
  image[128] = random.chance(16) ? random.next() : random.below(8);
  image.fill(0, 129, 132);
  if (random.chance(2)) {
    // The compacted form.
    image[130] = random.chance(16) ? random.next() : random.below(8) | (random.chance(4) ? 0 : image[128]);
    image[131] = 0x8000_0000;
  }
  image.fill(0, 132, 144);
  if (random.chance(8)) image[129 + random.below(15)] = random.next();
  for (let i = 144; i < image.length; i += 4) putVector(random, image, i, kind);
  return new Uint8Array(image.buffer);
}

function word(bytes: number, value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  return new Uint8Array(view.buffer, 0, bytes);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
