/** What the interpreter finds in records, from the decoded instructions themselves. */
import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import { plansFor } from '../../src/cpu/engine/record-plan.js';
import { Field, Join, RECORDS_START, RECORD_BYTES } from '../../src/cpu/engine/record.js';
import { RecordWriter } from '../../src/cpu/engine/record-writer.js';
import { generatedInterpreter } from '../../src/cpu/interpreter/interpreter.js';
import fc from '../support/fast-check.js';
import { runDecoderOver } from '../support/run-decoding.js';

/** NOP; MOV EAX, [RIP - 16]; JMP to itself; JMP 2 GiB ahead; CMP and JE. */
const CODES = [
  [0x90],
  [0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff],
  [0xeb, 0xfe],
  [0xe9, 0, 0, 0, 0x7f],
  [0x39, 0xc8],
  [0x74, 0],
];
const decoder = new Decoder();
const instructions = CODES.map((code) => decoder.decode(Uint8Array.from(code), 0, code.length) as Instruction);
const LOAD = 1;
const [NOP, TO_ITSELF, COMPARE, JUMP] = [CODES[0]!, CODES[2]!, CODES[4]!, CODES[5]!];

const anyPage = fc.oneof(
  fc.constantFrom(0n, 0xffff_f000n, 0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n),
  fc.bigInt({ min: -(1n << 35n), max: (1n << 35n) - 1n }).map((page) => BigInt.asUintN(64, page << 12n)),
);
const anyOffset = fc.integer({ min: 0, max: 4095 });

t.test('addresses in records are those of the instructions, wherever they lie', async () => {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES));
  const writer = new RecordWriter(view, plansFor(generatedInterpreter()));
  fc.assert(
    fc.property(anyPage, anyOffset, fc.nat({ max: CODES.length - 1 }), (page, offset, code) => {
      const { length, form } = instructions[code]!;
      writer.write(0, page, offset, instructions[code]!);
      const next = BigInt.asUintN(64, page + BigInt(offset + length));
      if (view.getBigUint64(Field.nextRip, true) !== next) throw new Error('next');
      if (code === LOAD && view.getBigUint64(Field.displacement, true) !== BigInt.asUintN(64, next - 16n))
        throw new Error('address');
      const isDirect = form.operands.some(({ kind }) => kind === 'relative');
      if (((view.getUint16(Field.join, true) & Join.isDirectBranch) !== 0) !== isDirect) throw new Error('branch');
    }),
    { numRuns: 500 },
  );
});

t.test('a branch is fused with its comparison, and ends a block', async (t) => {
  const { runs, view, decode } = runDecoderOver([COMPARE, JUMP, NOP, NOP, TO_ITSELF].flat());
  const end = RECORDS_START + 5 * RECORD_BYTES;
  t.equal(decode(), end);
  runs.finish(RECORDS_START, end);
  const fields = (field: number): number[] =>
    [0, 1, 2, 3].map((i) => view.getUint16(RECORDS_START + i * RECORD_BYTES + field, true));
  t.strictSame(fields(Field.ticksToEnd), [2, 1, 3, 2]);
  const [first, second, ...nops] = fields(Field.handler);
  t.ok(runs.pairHandlers.has(first!));
  t.strictSame(
    [second, ...nops].filter((handler) => runs.pairHandlers.has(handler!)),
    [],
  );
});
