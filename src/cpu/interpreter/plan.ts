import type { AddressShape, Form, OperandForm } from '../meaning/form.js';
import { compiles } from './function-handler.js';
import { HOT_FORMS, HOT_PAIRS } from './hot-forms.js';
import { FIRST_FORM_HANDLER, Handler } from '../engine/record.js';

/** A handler in the main loop, for one form or for two whose records are adjacent. */
export interface HotHandler {
  readonly form: Form;
  readonly then?: Form;
}

/** All handlers and the forms that they serve; shared by the generator of the interpreter and its users. */
export interface HandlerPlan {
  readonly hot: readonly HotHandler[];
  readonly functions: readonly Form[];
  /** Handler number by form id. */
  readonly handlerOfForm: readonly number[];
  /** The fused pairs: the possible forms of the first and second instruction, and the handler number. */
  readonly pairs: readonly {
    readonly firsts: readonly Form[];
    readonly seconds: readonly Form[];
    readonly handler: number;
  }[];
}

export function planHandlers(forms: readonly Form[]): HandlerPlan {
  const withSignature = new Map<string, Form[]>();
  for (const form of forms) {
    const signature = signatureOf(form);
    const others = withSignature.get(signature);
    if (others) others.push(form);
    else withSignature.set(signature, [form]);
  }
  const named = (signature: string): Form[] => {
    const found = withSignature.get(signature);
    if (!found) throw new Error(`no form has the signature '${signature}'`);
    return found;
  };
  const hot: HotHandler[] = [];
  const addHot = (handler: HotHandler): number => FIRST_FORM_HANDLER + hot.push(handler) - 1;
  const hotNumbers = new Map(HOT_FORMS.map((signature) => [signature, addHot({ form: named(signature)[0]! })]));
  const pairs = HOT_PAIRS.map(([first, second]) => {
    const [firsts, seconds] = [named(first), named(second)];
    return { firsts, seconds, handler: addHot({ form: firsts[0]!, then: seconds[0]! }) };
  });
  const functions: Form[] = [];
  const functionNumbers = new Map<string, number>();
  for (const [signature, [form]] of withSignature)
    if (signature === signatureOf(form!, 'general') && compiles(form!))
      functionNumbers.set(signature, FIRST_FORM_HANDLER + hot.length + functions.push(form!) - 1);
  const handlerOfForm: number[] = [];
  for (const form of forms)
    handlerOfForm[form.id] =
      hotNumbers.get(signatureOf(form)) ?? functionNumbers.get(signatureOf(form, 'general')) ?? Handler.evaluate;
  return { hot, functions, handlerOfForm, pairs };
}

/**
 * Everything that a handler depends on. Forms with the same signature share a handler, even from different rows, since
 * records hold registers by operand and immediates extended. LOCK has no effect, since only one thread executes at a
 * time. Handlers in the main loop are specific to an address shape; function handlers accept any, as the general shape
 * (`shape`) does.
 */
export function signatureOf(form: Form, shape?: AddressShape): string {
  const address = form.addressWidth === 64 ? '' : 'a32';
  const repeat = form.repeat === 'none' ? '' : form.repeat;
  return [
    form.row.mnemonic,
    form.width,
    ...form.operands.map((operand) => operandSignature(operand, form, shape)),
    address,
    repeat,
  ]
    .filter((part) => part !== '')
    .join('.');
}

function operandSignature(operand: OperandForm, { row }: Form, shape?: AddressShape): string {
  switch (operand.kind) {
    case 'gpr':
    case 'xmm':
      return `${operand.kind[0]}${operand.width}`;
    case 'memory':
      return `m${operand.width}${(shape ?? operand.shape)[0]}${operand.aligned ? 'a' : ''}`;
    case 'immediate':
      return `i${operand.width}`;
    case 'segment':
      return `s${row.pattern.digit ?? ''}`;
    default:
      return operand.kind;
  }
}
