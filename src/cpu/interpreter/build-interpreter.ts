import type { Form } from '../meaning/form.js';
import type { HandlerNumbers } from '../engine/record-plan.js';
import { generateInterpreter } from './generate.js';
import { planHandlers } from './plan.js';

/** Generates what the build writes in place of generated.ts: the module's bytes and the handler numbers. */
export function buildInterpreter(forms: readonly Form[]): HandlerNumbers & { readonly bytes: Uint8Array } {
  const plan = planHandlers(forms);
  const handlerOfPair: Record<string, number> = {};
  for (const { firsts, seconds, handler } of plan.pairs)
    for (const first of firsts) for (const second of seconds) handlerOfPair[`${first.id},${second.id}`] = handler;
  return { bytes: generateInterpreter(plan), handlerOfForm: plan.handlerOfForm, handlerOfPair };
}
