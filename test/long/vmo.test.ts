/** A hundred thousand random programs over the VMO store, and chains of a million operations. */
import t from 'tap';
import fc from '../support/fast-check.js';
import { checkChains } from '../vmo/chains.js';
import { programs, runProgram } from '../vmo/program-model.js';

t.setTimeout(0);

/** Pages of 4 and 16 bytes, for deep trees; and those of the format. */
const RUNS = [
  { pageShift: 2, numRuns: 55_000 },
  { pageShift: 4, numRuns: 40_000 },
  { pageShift: 12, numRuns: 5_000 },
];

for (const { pageShift, numRuns } of RUNS)
  t.test(`${numRuns} random programs, pages of ${2 ** pageShift} bytes`, { timeout: 0 }, async () => {
    fc.assert(
      fc.property(programs, (steps) => runProgram(pageShift, steps)),
      { numRuns },
    );
  });

t.test('a million operations in a row leave a rope that is read in O(log n)', { timeout: 0 }, async (t) => {
  checkChains(t, 1_000_000);
});
