import t from 'tap';
import { StateWriter } from '../../src/state/state-writer.js';
import fc from '../support/fast-check.js';

t.test('what was written can be read back, however much it is', async (t) => {
  const out = new StateWriter();
  const count = 3000;
  for (let i = 0; i < count; i++)
    out
      .number(i)
      .word(BigInt(-i))
      .bytes(Uint8Array.of(i, i >> 8));
  const view = new DataView(out.written.buffer, out.written.byteOffset, out.written.length);
  t.equal(view.byteLength, count * 26);
  for (let i = 0; i < count; i++) {
    const at = i * 26;
    const row = [view.getFloat64(at, true), view.getBigInt64(at + 8, true), view.getFloat64(at + 16, true)];
    const isThere = row.join() === [i, BigInt(-i), 2].join() && view.getUint16(at + 24, true) === i;
    if (!isThere) t.fail(`row ${i}: ${row.join()}`);
  }
});

/** A text and a list of numbers after another, so many times. */
type Parts = readonly (readonly [string, readonly number[]])[];

function written(parts: Parts): string {
  const out = new StateWriter();
  for (const [text, numbers] of parts) out.text(text).numbers(numbers);
  return Buffer.from(out.written).toString('hex');
}

t.test('equal bytes are written for equal parts only', async (t) => {
  const anyList = fc.array(fc.nat(3), { maxLength: 3 });
  const anyParts = fc.array(fc.tuple(fc.string({ maxLength: 3 }), anyList), { maxLength: 3 });
  fc.assert(
    fc.property(
      anyParts,
      anyParts,
      (a, b) => (written(a) === written(b)) === (JSON.stringify(a) === JSON.stringify(b)),
    ),
    { numRuns: 3000 },
  );
  const one = (value: number | undefined): string =>
    Buffer.from(new StateWriter().number(value).written).toString('hex');
  t.equal(new Set([undefined, 0, Infinity, -1].map(one)).size, 4);
});

t.test('texts are written as UTF-8', async (t) => {
  const hex = ({ written }: StateWriter): string => Buffer.from(written).toString('hex');
  const isSame = (text: string): boolean =>
    hex(new StateWriter().text(text).number(1)) === hex(new StateWriter().bytes(Buffer.from(text)).number(1));
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 6 }), isSame));
  for (const text of ['', 'a'.repeat(5000), `${'a'.repeat(5000)}\u00e9`, '\u007f\u0080', '\u{10ffff}'])
    t.ok(isSame(text), JSON.stringify(text.slice(-3)));
});
