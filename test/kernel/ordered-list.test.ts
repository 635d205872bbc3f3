/** A list in order, of any length, against an array that is sorted each time. */
import t from 'tap';
import { OrderedList } from '../../src/kernel/ordered-list.js';
import fc from '../support/fast-check.js';

t.test('items are distinct and in order, and found by their number', (t) => {
  const someStep = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 40 }), fc.nat(400));
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 60 }), (steps) => {
      const list = new OrderedList<number>((a, b) => a - b);
      const model = new Set<number>();
      for (const [isAdded, count, start] of steps)
        // Runs of neighbours, so that chunks fill and empty.
        for (let item = start; item < start + 20 * count; item++)
          if (isAdded ? list.add(item) === model.has(item) : list.delete(item) !== model.has(item)) return false;
          else if (isAdded) model.add(item);
          else model.delete(item);
      const expected = [...model].sort((a, b) => a - b);
      const places = [0, 1, expected.length >> 1, expected.length];
      return (
        [...list].join() === expected.join() &&
        list.size === expected.length &&
        list.first === expected[0] &&
        places.every((at) => list.slice(at, 700).join() === expected.slice(at, at + 700).join())
      );
    }),
    { numRuns: 60 },
  );
  t.end();
});
