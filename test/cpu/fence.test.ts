import t from 'tap';
import type { Form } from '../../src/cpu/meaning/form.js';
import { seedOf, someOf, volume } from '../support/volume.js';
import { FenceCheck } from './fence/check.js';

/** Cases of a form that store something, and how many are looked at to find them. */
const STORING_CASES = volume(1, 4);
const MOST_CASES = volume(10, 96);
const SEED = seedOf(1);
/** Instructions of which all kinds of forms are checked each day; half of those of the others, all in long runs. */
const ALWAYS = ['MOV', 'PUSH', 'CALL', 'XCHG', 'CMPXCHG16B', 'MOVS', 'STOS', 'FXSAVE', 'MASKMOVDQU'];

t.setTimeout(0);

/** Of forms that differ in the shape of their address only, one, each time another one of them. */
function oneOfEachKind(forms: readonly Form[]): Form[] {
  const kinds = new Map<string, Form[]>();
  for (const form of forms) {
    const { row, width, lock, repeat, addressWidth } = form;
    const operands = form.operands.map((operand) => `${operand.kind}${'width' in operand ? operand.width : ''}`);
    const kind = [row.mnemonic, row.encoding, width, lock, repeat, addressWidth, ...operands].join(' ');
    kinds.set(kind, [...(kinds.get(kind) ?? []), form]);
  }
  return [...kinds.values()].map((alike, i) => alike[i % alike.length]!);
}

t.test('every storing instruction is refused to the byte, on every engine', (t) => {
  const check = new FenceCheck(SEED);
  const forms = oneOfEachKind(check.decoder.forms).filter(
    ({ row }, index) => ALWAYS.includes(row.mnemonic) || someOf([false, true], 1, SEED, index).includes(true),
  );
  const storing = forms.filter((form) => check.checkForm(form.id, STORING_CASES, MOST_CASES) > 0);
  const mnemonics = new Set(storing.map(({ row }) => row.mnemonic));
  const widths = new Set([...check.widths.values()].flatMap((of) => [...of]));
  const { evaluator, interpreter, auto } = check.refusals;
  t.comment(`${storing.length} of ${forms.length} kinds of forms store: ${[...mnemonics].sort().join(' ')}`);
  t.comment(`${evaluator} refusals by the evaluator, ${interpreter} by the interpreter, ${auto} by the translator`);
  for (const failure of check.failures.slice(0, 10)) t.comment(failure);
  t.equal(check.failures.length, 0, 'no case differs');
  for (const mnemonic of ALWAYS) t.ok(mnemonics.has(mnemonic), `${mnemonic} is one of them`);
  for (const width of [1, 2, 4, 8, 16]) t.ok(widths.has(width), `stores of ${width} bytes are among them`);
  t.end();
});
