/** The records that generated code writes are those that TypeScript writes from what the decoder says. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { RECORDS_START, RECORD_BYTES } from '../../src/cpu/engine/record.js';
import { encodeForm } from '../support/encode.js';
import fc from '../support/fast-check.js';
import { Random } from '../support/random.js';
import { recordsUpTo, runDecoderOver, type RunDecoding } from '../support/run-decoding.js';

const SEED = Number(process.env['BD0_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const PAGE = 4096;
/** Of each form: the first makes the template, the others use it. */
const VARIANTS = 3;
const JUMP_TO_ITSELF = [0xeb, 0xfe];

/** Decodes the same with both; empty records, so that nothing of before remains. */
function both(
  machines: readonly [RunDecoding, RunDecoding],
  ...where: Parameters<RunDecoding['decode']>
): readonly [string[], string[]] {
  const [quick, careful] = machines.map((machine) => {
    new Uint8Array(machine.view.buffer, RECORDS_START, 300 * RECORD_BYTES).fill(0);
    return recordsUpTo(machine, machine.decode(...where));
  }) as [string[], string[]];
  return [quick, careful];
}

t.test('of every form', async (t) => {
  t.comment(`seed ${SEED}; BD0_SEED=${SEED} repeats this run`);
  const decoder = new Decoder();
  const random = new Random(SEED);
  const machines = [runDecoderOver([]), runDecoderOver([], false)] as const;
  const differences: string[] = [];
  let single = 0;
  for (const form of decoder.forms) {
    for (let variant = 0; variant < VARIANTS; variant++) {
      const { bytes } = encodeForm(decoder, form, random);
      for (const { put } of machines) put([...bytes, ...JUMP_TO_ITSELF]);
      const [quick, careful] = both(machines);
      single += careful.length;
      if (quick.join() !== careful.join())
        differences.push(`${form.row.encoding} ${form.row.mnemonic}, ${[...bytes].join()}: ${quick[0]}; ${careful[0]}`);
    }
  }
  t.same(differences.slice(0, 5), []);
  t.ok(single >= decoder.forms.length * VARIANTS, `${single} records`);
  t.ok(machines[0].quickRecords() > single / 2, `${machines[0].quickRecords()} of them by generated code`);
  t.equal(machines[1].quickRecords(), 0);
});

t.test('of code that a compiler has made, wherever it begins and whatever is known already', async (t) => {
  const { size } = statSync(process.execPath);
  const machines = [runDecoderOver([]), runDecoderOver([], false)] as const;
  const file = openSync(process.execPath, 'r');
  t.teardown(() => closeSync(file));
  const page = new Uint8Array(PAGE);
  let records = 0;
  fc.assert(
    fc.property(
      fc.nat({ max: Math.floor(size / PAGE) - 2 }),
      fc.array(fc.nat({ max: PAGE - 1 }), { minLength: 1, maxLength: 10 }),
      fc.array(fc.nat({ max: PAGE - 1 }), { maxLength: 20 }),
      fc.constantFrom(0, 3 * PAGE, 15 * PAGE),
      (number, offsets, known, frame) => {
        readSync(file, page, 0, PAGE, number * PAGE);
        for (const { put } of machines) put(page, frame);
        for (const offset of offsets) {
          const [quick, careful] = both(machines, frame + offset, undefined, known);
          records += quick.length;
          if (quick.join('\n') !== careful.join('\n'))
            throw new Error(`page ${number}, offset ${offset}: ${quick.find((record, i) => record !== careful[i])}`);
        }
      },
    ),
    { numRuns: 200 },
  );
  t.ok(records > 1000, `${records} records`);
  t.ok(machines[0].quickRecords() > records / 2, `${machines[0].quickRecords()} by generated code`);
});
