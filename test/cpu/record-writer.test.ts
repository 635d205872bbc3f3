/** What the interpreter finds in records, from the decoded instructions themselves. */
import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import { Field, Handler, RECORD_BYTES } from '../../src/cpu/engine/record.js';
import { RecordWriter } from '../../src/cpu/engine/record-writer.js';
import { generatedInterpreter } from '../../src/cpu/interpreter/interpreter.js';
import fc from '../support/fast-check.js';

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
const NOP = 0;
const LOAD = 1;

const anyPage = fc.oneof(
  fc.constantFrom(0n, 0xffff_f000n, 0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n),
  fc.bigInt({ min: -(1n << 35n), max: (1n << 35n) - 1n }).map((page) => BigInt.asUintN(64, page << 12n)),
);
const anyRun = fc.array(fc.nat({ max: CODES.length - 1 }), { minLength: 1, maxLength: 20 });

t.test('addresses in records are those of the instructions, wherever they lie', async () => {
  fc.assert(
    fc.property(anyPage, fc.integer({ min: 0, max: 4095 }), anyRun, fc.boolean(), (page, offset, run, isStopped) => {
      const view = new DataView(new ArrayBuffer(run.length * RECORD_BYTES));
      const stops = { isEmpty: !isStopped, has: (rip: bigint): boolean => (rip & 3n) === 0n };
      const writer = new RecordWriter(view, generatedInterpreter(), stops);
      const branches = writer.write(
        0,
        page,
        offset,
        run.map((code) => instructions[code]!),
      );
      let rip = page + BigInt(offset);
      for (const [i, code] of run.entries()) {
        const record = i * RECORD_BYTES;
        const { length, immediate, form } = instructions[code]!;
        const next = BigInt.asUintN(64, rip + BigInt(length));
        if (view.getBigUint64(record + Field.nextRip, true) !== next) throw new Error(`next of ${i}`);
        if (code === LOAD && view.getBigUint64(record + Field.displacement, true) !== BigInt.asUintN(64, next - 16n))
          throw new Error(`address of ${i}`);
        const target = BigInt.asUintN(64, next + immediate);
        const isCanonical = BigInt.asUintN(64, BigInt.asIntN(48, target)) === target;
        const isDirect = form.operands.some(({ kind }) => kind === 'relative');
        const found = branches.find((branch) => branch.record === record)?.target;
        if (found !== (isDirect && isCanonical ? target : undefined)) throw new Error(`target of ${i}`);
        const isEvaluated = (isDirect && !isCanonical) || (isStopped && (rip & 3n) === 0n);
        if ((view.getUint16(record + Field.handler, true) === Handler.evaluate) !== isEvaluated)
          throw new Error(`handler of ${i}`);
        rip = next;
      }
    }),
    { numRuns: 500 },
  );
});

t.test('a branch is fused with its comparison, and ends a block', async (t) => {
  const view = new DataView(new ArrayBuffer(4 * RECORD_BYTES));
  const writer = new RecordWriter(view, generatedInterpreter(), { isEmpty: true, has: () => false });
  const [compare, jump] = instructions.slice(4) as [Instruction, Instruction];
  writer.write(0, 0n, 0, [compare, jump, instructions[NOP]!, instructions[NOP]!]);
  const fields = (field: number): number[] => [0, 1, 2, 3].map((i) => view.getUint16(i * RECORD_BYTES + field, true));
  t.strictSame(fields(Field.ticksToEnd), [2, 1, 2, 1]);
  const [first, second, ...nops] = fields(Field.handler);
  t.ok(writer.pairHandlers.has(first!));
  t.strictSame(
    [second, ...nops].filter((handler) => writer.pairHandlers.has(handler!)),
    [],
  );
});
