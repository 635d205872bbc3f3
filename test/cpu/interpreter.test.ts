import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { functionHandler, compiles } from '../../src/cpu/interpreter/function-handler.js';
import { generated } from '../../src/cpu/interpreter/generated.js';
import { buildInterpreter } from '../../src/cpu/interpreter/build-interpreter.js';
import { planHandlers, signatureOf } from '../../src/cpu/interpreter/plan.js';
import { generateDispatcher } from '../../src/cpu/translator/dispatcher.js';
import { Handler } from '../../src/cpu/engine/record.js';

const forms = new Decoder().forms;
const shared = { conditions: [0, 1, 2, 3, 4, 5, 6, 7], flagBits: 8, indexOf: () => 9 };

t.test('forms with the same signature have the same code, so one handler serves them all', (t) => {
  const codeOf = new Map<string, string>();
  for (const form of forms) {
    if (!compiles(form)) continue;
    const code = functionHandler(form, shared).finish().join();
    const signature = signatureOf(form);
    const known = codeOf.get(signature) ?? code;
    if (known !== code) t.fail(`${form.row.encoding} ${form.row.mnemonic}: '${signature}' means two things`);
    codeOf.set(signature, known);
  }
  t.ok(codeOf.size > 1000, `${codeOf.size} handlers for ${forms.length} forms`);
  t.end();
});

t.test('only rows marked EVALUATED are left to the evaluator', (t) => {
  const { handlerOfForm } = planHandlers(forms);
  const left = forms.filter((form) => handlerOfForm[form.id] === Handler.evaluate);
  const unmarked = left.filter((form) => !form.row.attributes.has('EVALUATED'));
  const mnemonics = [...new Set(unmarked.map((form) => form.row.mnemonic))].sort();
  t.same(mnemonics, []);
  t.end();
});

t.test('the generated interpreter is up to date with the meanings', (t) => {
  const fresh = buildInterpreter(forms);
  if (!generated) {
    t.fail('the build has generated no interpreter: run npm run build');
    return t.end();
  }
  const { wasm, dispatcher, handlerOfForm, handlerOfPair } = generated;
  t.equal(wasm, Buffer.from(fresh.bytes).toString('base64'));
  t.same(dispatcher, [...generateDispatcher()]);
  t.same({ handlerOfForm, handlerOfPair }, { handlerOfForm: fresh.handlerOfForm, handlerOfPair: fresh.handlerOfPair });
  t.end();
});
