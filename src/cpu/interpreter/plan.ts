import type { Form, OperandForm } from '../form.js';
import { compiles } from './function-handler.js';
import { HOT_FORMS, HOT_PAIRS } from './hot-forms.js';
import { FIRST_FORM_HANDLER, Handler } from './record.js';

/** A handler in the main loop: one form, or two whose records lie one behind the other. */
export interface HotHandler {
  readonly form: Form;
  readonly then?: Form;
}

/** Which handlers there are and which forms they serve: the same for whoever generates the interpreter and whoever uses it. */
export interface HandlerPlan {
  readonly hot: readonly HotHandler[];
  readonly functions: readonly Form[];
  /** Handler number by form id. */
  readonly handlerOfForm: readonly number[];
  /** The fused pairs: which forms the first and the second may be, and their handler's number. */
  readonly pairs: readonly {
    readonly firsts: readonly Form[];
    readonly seconds: readonly Form[];
    readonly handler: number;
  }[];
}

export function planHandlers(forms: readonly Form[]): HandlerPlan {
  const bySignature = new Map<string, Form>();
  const signatures = forms.map(signatureOf);
  forms.forEach((form, i) => {
    if (!bySignature.has(signatures[i]!) && compiles(form)) bySignature.set(signatures[i]!, form);
  });
  const hot: HotHandler[] = [];
  const numbers = new Map<string, number>();
  const pairs: HandlerPlan['pairs'][number][] = [];
  const withSignature = (signature: string): Form[] => forms.filter((_, i) => signatures[i] === signature);
  for (const signature of HOT_FORMS) {
    const form = bySignature.get(signature);
    if (!form) throw new Error(`no form has the signature '${signature}'`);
    numbers.set(signature, FIRST_FORM_HANDLER + hot.push({ form }) - 1);
  }
  for (const [first, second] of HOT_PAIRS) {
    const [form, then] = [bySignature.get(first), bySignature.get(second)];
    if (!form || !then) throw new Error(`no forms have the signatures '${first}' and '${second}'`);
    const handler = FIRST_FORM_HANDLER + hot.push({ form, then }) - 1;
    pairs.push({ firsts: withSignature(first), seconds: withSignature(second), handler });
  }
  const functions: Form[] = [];
  for (const [signature, form] of bySignature)
    if (!numbers.has(signature)) numbers.set(signature, FIRST_FORM_HANDLER + hot.length + functions.push(form) - 1);
  const handlerOfForm: number[] = [];
  forms.forEach((form, i) => (handlerOfForm[form.id] = numbers.get(signatures[i]!) ?? Handler.evaluate));
  return { hot, functions, handlerOfForm, pairs };
}

/**
 * What a handler depends on: forms with the same signature share one, whichever rows they come from, since records hold
 * registers by operand and immediates extended. LOCK changes nothing while one thread executes at a time.
 */
export function signatureOf(form: Form): string {
  const address = form.addressWidth === 64 ? '' : 'a32';
  const repeat = form.repeat === 'none' ? '' : form.repeat;
  return [form.row.mnemonic, form.width, ...form.operands.map(operandSignature), address, repeat]
    .filter((part) => part !== '')
    .join('.');
}

function operandSignature(operand: OperandForm): string {
  switch (operand.kind) {
    case 'gpr':
    case 'xmm':
      return `${operand.kind[0]}${operand.width}`;
    case 'memory':
      return `m${operand.width}${operand.shape[0]}${operand.aligned ? 'a' : ''}`;
    case 'immediate':
      return `i${operand.width}`;
    default:
      return operand.kind;
  }
}
