import t from 'tap';
import { GuestMemory } from '../../src/memory.js';
import { MemoryImages, imageOf, pagesOf } from '../../src/vmo/frames/memory-image.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;
const SIZE = 16 * PAGE;

/** Bytes at the ends of pages and of words are as likely as all others. */
const anyPlace = fc.oneof(
  fc.nat(SIZE - 1),
  fc.tuple(fc.nat(15), fc.constantFrom(0, 3, 4, 4091, 4095)).map(([page, offset]) => page * PAGE + offset),
);
const anyStores = fc.array(fc.tuple(anyPlace, fc.constantFrom(0, 1, 0x80, 0xff)), { maxLength: 5 });
const anyRound = fc.record({ stores: anyStores, back: fc.nat() });

t.test('memory goes back to every image, and only frames that differ are changed', async () => {
  const memory = new GuestMemory(SIZE);
  fc.assert(
    fc.property(fc.array(anyRound, { minLength: 1, maxLength: 8 }), (rounds) => {
      memory.ram.fill(0);
      const images = new MemoryImages(memory, () => {});
      const taken = [];
      for (const { stores, back } of rounds) {
        for (const [at, value] of stores) {
          memory.ram[at] = value;
          memory.mark(at, 1);
        }
        taken.push({ image: images.take(SIZE / PAGE), bytes: memory.ram.slice() });
        const { image, bytes } = taken[back % taken.length]!;
        const before = memory.ram.slice();
        const changed = images.restore(image, SIZE / PAGE, () => {});
        if (!isSame(memory.ram, bytes)) throw new Error('the bytes are not those of the image');
        const differing = Array.from({ length: SIZE / PAGE }, (_, frame) => frame).filter(
          (frame) => !isSame(pageOf(before, frame), pageOf(bytes, frame)),
        );
        if (String(changed.sort((a, b) => a - b)) !== String(differing)) throw new Error(`changed frames ${changed}`);
      }
    }),
    { numRuns: 60 },
  );
});

t.test('an image of pages that lie anywhere in a file is put into memory', async (t) => {
  for (const start of [0, 1, 2, 3]) {
    const file = Buffer.alloc(start + 3 * PAGE);
    file[start + PAGE - 1] = 7;
    file[start + 2 * PAGE] = 9;
    const pages = file.subarray(start);
    const image = imageOf([0, 1, 2].map((frame) => [4 * frame, pageOf(pages, frame)]));
    t.strictSame(
      [...pagesOf(image)].map(([frame]) => frame),
      [0, 8],
    );
    const memory = new GuestMemory(SIZE);
    memory.ram[5 * PAGE] = 1;
    const changed = new MemoryImages(memory, () => {}).restore(image, SIZE / PAGE, () => {});
    t.strictSame(changed, [0, 5, 8]);
    t.strictSame([memory.ram[PAGE - 1], memory.ram[5 * PAGE], memory.ram[8 * PAGE]], [7, 0, 9]);
  }
});

function pageOf(bytes: Uint8Array, frame: number): Uint8Array {
  return bytes.subarray(frame * PAGE, (frame + 1) * PAGE);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
