import t from 'tap';
import fc from '../support/fast-check.js';
import { programs, runProgram } from './program-model.js';

/** Pages of 4 and 16 bytes, for deep trees; and those of the format. test/long/vmo.test.ts runs more. */
const RUNS = [
  { pageShift: 2, numRuns: 600 },
  { pageShift: 4, numRuns: 600 },
  { pageShift: 12, numRuns: 100 },
];

for (const { pageShift, numRuns } of RUNS)
  t.test(`random programs do what they do to plain bytes; pages of ${2 ** pageShift} bytes`, async () => {
    fc.assert(
      fc.property(programs, (steps) => runProgram(pageShift, steps)),
      { numRuns },
    );
  });
