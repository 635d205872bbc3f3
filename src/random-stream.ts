import { schema, value } from './state/schema.js';

/** The machine's stream of random bytes: the same in every run. xoshiro128** of Blackman and Vigna, with a fixed seed. */
export class RandomStream {
  /** @internal */
  static readonly state = schema('random stream', RandomStream, { words: value }, { isPart: true });

  private readonly words = Uint32Array.from([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]);

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      const word = this.next();
      for (let index = at; index < Math.min(count, at + 4); index++) bytes[index] = word >>> (8 * (index - at));
    }
    return bytes;
  }

  private next(): number {
    const { words } = this;
    const result = Math.imul(rotated(Math.imul(words[1]!, 5), 7), 9);
    const shifted = words[1]! << 9;
    words[2]! ^= words[0]!;
    words[3]! ^= words[1]!;
    words[1]! ^= words[2]!;
    words[0]! ^= words[3]!;
    words[2]! ^= shifted;
    words[3] = rotated(words[3]!, 11);
    return result >>> 0;
  }
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
