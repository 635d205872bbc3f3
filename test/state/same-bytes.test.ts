import t from 'tap';
import { capture } from '../../src/state/graph.js';
import { hasSameBytes } from '../../src/state/same-bytes.js';
import fc from '../support/fast-check.js';

/** More than are compared at once. */
const LENGTH = 70_000;

/** Random bytes as a view that begins anywhere. */
function randomBytes(length: number, at: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length + at), at);
  let state = seed | 1;
  for (let i = 0; i < length; i++) bytes[i] = (state = Math.imul(state, 0x9e3779b1) ^ (state >>> 15)) >>> 24;
  return bytes;
}

t.test('arrays are the same if each byte is, whatever they are read as', async () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.nat(40), fc.nat(LENGTH)),
      fc.nat(15),
      fc.nat(),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 2 }),
      (length, at, seed, changes) => {
        const a = randomBytes(length, at, seed);
        const b = randomBytes(length, 0, seed);
        for (const [place, change] of length > 0 ? changes : []) b[place % length]! ^= change;
        if (hasSameBytes(a, b) !== (Buffer.compare(a, b) === 0)) return false;
        if (hasSameBytes(a.subarray(1), b) !== (length === 0)) return false;
        const whole = b.subarray(0, length - (length % 8));
        return hasSameBytes(new Float64Array(whole.buffer, 0, whole.length / 8), whole);
      },
    ),
    { numRuns: 300 },
  );
});

t.test('a single byte that differs is seen, wherever it is', async (t) => {
  for (const length of [1, 7, 8, 9, 4095, 32767, 32768, 32769, LENGTH]) {
    const [a, b] = [randomBytes(length, 3, 5), randomBytes(length, 0, 5)];
    t.ok(hasSameBytes(a, b));
    for (const place of [0, 1, 7, 8, 32767, 32768, length - 9, length - 1]) {
      if (place < 0 || place >= length) continue;
      b[place]! ^= 0x80;
      if (hasSameBytes(a, b)) t.fail(`${length} bytes, byte ${place}`);
      b[place]! ^= 0x80;
    }
  }
});

t.test('a snapshot keeps the numbers that were, and shares those that stay', async (t) => {
  const numbers = { small: new Uint16Array(5000), large: new Float64Array(3000).fill(-0), host: Buffer.alloc(3000) };
  const chunks = (of: ReturnType<typeof capture>, array: object): readonly unknown[] => {
    const node = of.nodes.get(array)!;
    return 'data' in node ? node.data.chunks : [];
  };
  const before = capture(numbers);
  numbers.small[4999] = 7;
  numbers.large[1024] = 0;
  numbers.host[0] = 9;
  const after = capture(numbers, before);
  const shared = Object.values(numbers).map((array) => {
    const [old, now] = [chunks(before, array), chunks(after, array)];
    return old.map((chunk, index) => chunk === now[index]);
  });
  t.strictSame(shared, [
    [true, true, true, true, false],
    [true, false, true],
    [false, true, true],
  ]);
  const first = (of: ReturnType<typeof capture>, array: object, chunk: number, at: number): unknown =>
    (chunks(of, array)[chunk] as ArrayLike<number>)[at];
  t.strictSame([first(before, numbers.small, 4, 903), first(after, numbers.small, 4, 903)], [0, 7]);
  t.ok(Object.is(first(before, numbers.large, 1, 0), -0) && Object.is(first(after, numbers.large, 1, 0), 0));
  t.strictSame([first(before, numbers.host, 0, 0), first(after, numbers.host, 0, 0)], [0, 9]);
});
