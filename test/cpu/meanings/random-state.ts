/** Random registers in which the edges of every width, and the special numbers of every format, are likely. */
import { MXCSR, MXCSR_DEFAULT } from '../../../src/cpu/evaluator/float/mxcsr.js';
import { RFLAGS, RFLAGS_ALWAYS, VECTOR_BYTES } from '../../oracle/case.js';
import type { Random } from '../../support/random.js';

/** Low and high words of 64-bit numbers at which something carries, overflows or changes sign. */
const EDGES: readonly (readonly [number, number])[] = [
  [0, 0],
  [0x80, 0],
  [0x100, 0],
  [0x8000, 0],
  [0x1_0000, 0],
  [0x8000_0000, 0],
  [0, 1],
  [0, 0x8000_0000],
  [0x8000_8080, 0x8000_8000],
  [0xffff_ff80, 0xffff_ffff],
  [0xffff_8000, 0xffff_ffff],
  [0x8000_0000, 0xffff_ffff],
];

/** A 64-bit number as two words, at `index` and behind it. */
export function putInteger(random: Random, words: Uint32Array, index: number): void {
  let low = random.next();
  let high = random.next();
  switch (random.below(6)) {
    case 0:
      break;
    case 1:
      [low, high] = [low % 130, 0];
      break;
    case 2: {
      const [edgeLow, edgeHigh] = random.pick(EDGES);
      low = (edgeLow + (low % 3) - 1) | 0;
      high = edgeLow === 0 && low === -1 ? edgeHigh - 1 : edgeHigh;
      break;
    }
    case 3:
      [low, high] = [-(low % 130), low % 130 === 0 ? 0 : -1];
      break;
    case 4: {
      // Fewer bits: a number of any length.
      const count = random.below(64);
      [low, high] = count < 32 ? [low, high >>> count] : [low >>> (count - 32), 0];
      break;
    }
    default: {
      // Zeros at the end.
      const count = random.below(64);
      [low, high] = count < 32 ? [low << count, high] : [0, high << (count - 32)];
    }
  }
  words[index] = low;
  words[index + 1] = high;
}

/** RAX to R15. */
export function randomGpr(random: Random): BigUint64Array {
  const words = new Uint32Array(32);
  for (let i = 0; i < 32; i += 2) putInteger(random, words, i);
  return new BigUint64Array(words.buffer);
}

/** Singles: zeros, denormals, limits, infinities, NaNs of both kinds, the borders of the integers, and halves to round. */
const SINGLES: readonly number[] = [
  0x0000_0000, 0x8000_0000, 0x0000_0001, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x8080_0000, 0x0080_0001, 0x7f7f_ffff,
  0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_0000, 0x7fc1_2345, 0x7f80_0001, 0xffa0_0005, 0x3f80_0000,
  0xbf80_0000, 0x3f80_0001, 0x3f00_0000, 0x3fc0_0000, 0x4020_0000, 0x4b80_0000, 0x4b00_0001, 0x4eff_ffff, 0x4f00_0000,
  0xcf00_0000, 0xcf00_0001, 0x5eff_ffff, 0x5f00_0000, 0xdf00_0000, 0x5f7f_ffff, 0x1f80_0000, 0x2000_0000, 0x0100_0000,
]; // prettier-ignore

/** Doubles, low word and high word, of the same kinds. */
const DOUBLES: readonly (readonly [number, number])[] = [
  [0, 0], [0, 0x8000_0000], [1, 0], [1, 0x8000_0000], [0xffff_ffff, 0x000f_ffff], [0, 0x0010_0000], [1, 0x8010_0000],
  [0xffff_ffff, 0x7fef_ffff], [0xffff_ffff, 0xffef_ffff], [0, 0x7ff0_0000], [0, 0xfff0_0000], [0, 0x7ff8_0000],
  [0, 0xfff8_0000], [0x1234_5678, 0x7ff8_0000], [1, 0x7ff0_0000], [5, 0xfff4_0000], [0, 0x3ff0_0000], [0, 0xbff0_0000],
  [1, 0x3ff0_0000], [0, 0x3fe0_0000], [0, 0x3ff8_0000], [0, 0x4004_0000], [0xffc0_0000, 0x41df_ffff],
  [0xffe0_0000, 0x41df_ffff], [0, 0x41e0_0000], [0, 0xc1e0_0000], [0x0010_0000, 0xc1e0_0000], [0x0020_0000, 0xc1e0_0000],
  [0xffff_ffff, 0x43df_ffff], [0, 0x43e0_0000], [0, 0xc3e0_0000], [1, 0xc3e0_0000], [0xe000_0000, 0x47ef_ffff],
  [0xf000_0000, 0x47ef_ffff], [0, 0x3810_0000], [0xffff_ffff, 0x380f_ffff], [0, 0x36a0_0000], [0, 0x3690_0000],
  [0x1000_0000, 0x3ff0_0000], [0x3000_0000, 0x3ff0_0000], [0, 0x1ff0_0000], [0, 0x2000_0000],
]; // prettier-ignore

/** `tame` numbers are finite, mostly positive, and neither very large nor very small. */
function single(random: Random, tame: boolean): number {
  const bits = random.next();
  const sign = tame && bits & 0x700 ? 0x7fff_ffff : -1;
  switch (tame ? (bits & 7) | 3 : bits & 7) {
    case 0:
    case 1:
      return random.pick(SINGLES);
    case 2:
      return bits;
    case 3:
      // A small integer or a few halves, so that sums and products are exact.
      return float32Bits((((bits >>> 11) & 0x3ff) - 512) / 2) & sign;
    default:
      // Around one, where operations round.
      return ((bits & 0x807f_ffff) | ((0x70 + ((bits >>> 3) & 0x1f)) << 23)) & sign;
  }
}

const convert = new DataView(new ArrayBuffer(8));

function float32Bits(value: number): number {
  convert.setFloat32(0, value);
  return convert.getUint32(0);
}

function putDouble(random: Random, words: Uint32Array, index: number, tame: boolean): void {
  let low = random.next();
  let high = random.next();
  const sign = tame && high & 0x700 ? 0x7fff_ffff : -1;
  switch (tame ? (high & 7) | 3 : high & 7) {
    case 0:
    case 1:
      [low, high] = random.pick(DOUBLES);
      break;
    case 2:
      break;
    case 3:
      convert.setFloat64(0, (((high >>> 11) & 0x3ff) - 512) / 2);
      [low, high] = [convert.getUint32(4), convert.getUint32(0) & sign];
      break;
    default:
      // Around one, where operations round, or stay exact where there are few digits.
      if ((high & 8) === 0) low = 0;
      high = ((high & 0x800f_ffff) | ((0x3e8 + ((high >>> 4) & 0x2f)) << 20)) & sign;
  }
  words[index] = low;
  words[index + 1] = high;
}

export type Lanes = 'single' | 'double' | 'integer';

/** What vectors are made of: `tame` ones of nothing but ordinary numbers. */
export interface VectorKind {
  readonly lanes: Lanes;
  readonly tame: boolean;
}

/** Sixteen bytes of lanes, at word `index`. */
export function putVector(random: Random, words: Uint32Array, index: number, { lanes, tame }: VectorKind): void {
  for (let i = index; i < index + 4; i += 2)
    if (lanes === 'double') putDouble(random, words, i, tame);
    else if (lanes === 'integer') putInteger(random, words, i);
    else {
      words[i] = single(random, tame);
      words[i + 1] = single(random, tame);
    }
}

const LANES: readonly Lanes[] = ['single', 'double', 'integer'];

/** XMM0 to XMM15: most of them of the kind that the instruction computes with. */
export function randomXmm(random: Random, kind: VectorKind): Uint8Array {
  const words = new Uint32Array(VECTOR_BYTES / 4);
  for (let i = 0; i < words.length; i += 4) {
    const other = !kind.tame && random.chance(4);
    putVector(random, words, i, other ? { lanes: random.pick(LANES), tame: false } : kind);
  }
  return new Uint8Array(words.buffer);
}

/** The default, also with PE, most of all for tame numbers; every exception masked and the rest random; or any 16 bits. */
export function randomMxcsr(random: Random, tame = false): number {
  const bits = random.next() & 0xffff;
  switch (random.below(tame && bits & 3 ? 2 : 4)) {
    case 0:
      return MXCSR_DEFAULT;
    case 1:
      return MXCSR_DEFAULT | MXCSR.PE;
    case 2:
      return bits | MXCSR_DEFAULT;
    default:
      return bits;
  }
}

const STATUS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;

export function randomRflags(random: Random): number {
  const bits = random.next();
  const rare = bits >>> 24;
  return (
    RFLAGS_ALWAYS |
    (bits & (STATUS | RFLAGS.ID)) |
    ((rare & 3) === 0 ? RFLAGS.DF : 0) |
    ((rare & 0x1c) === 0 ? RFLAGS.AC : 0) |
    ((rare & 0xe0) === 0 ? RFLAGS.NT : 0)
  );
}
