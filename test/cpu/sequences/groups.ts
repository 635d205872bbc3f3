/** The instructions that sequences are drawn from, in groups that are drawn equally often. */
import type { Form } from '../../../src/cpu/meaning/form.js';
import type { Random } from '../../support/random.js';

export type Group = 'general' | 'x87' | 'MMX' | 'SSE' | 'AVX';

/** General-purpose instructions are half of all. */
const DRAWN: readonly Group[] = ['general', 'general', 'general', 'general', 'x87', 'MMX', 'SSE', 'AVX'];

/** Random numbers are a stream of each machine, and the state of a step does not say how far it has come. */
const LEFT_OUT = ['RDRAND', 'RDSEED'];

/** The group of a form. */
export function groupOf({ row }: Form): Group {
  const uses = (file: string): boolean => row.operands.some((operand) => operand.file === file);
  if (row.feature === 'FPU') return 'x87';
  if (uses('mmx') || row.mnemonic === 'EMMS') return 'MMX';
  if (row.pattern.vex && !row.feature.startsWith('BMI')) return 'AVX';
  return uses('xmm') || /^(FX|X)(SAVE|RSTOR)|MXCSR$/.test(row.mnemonic) ? 'SSE' : 'general';
}

/** Draws forms: first a group, then a row of it, then a form of the row. */
export class FormDeck {
  private readonly groups = new Map<Group, readonly (readonly Form[])[]>();

  constructor(forms: readonly Form[]) {
    const byRow = new Map<number, Form[]>();
    for (const form of forms) {
      if (LEFT_OUT.includes(form.row.mnemonic)) continue;
      const those = byRow.get(form.row.id);
      if (those) those.push(form);
      else byRow.set(form.row.id, [form]);
    }
    for (const group of DRAWN)
      this.groups.set(
        group,
        [...byRow.values()].filter(([form]) => groupOf(form!) === group),
      );
  }

  draw(random: Random): Form {
    return random.pick(random.pick(this.groups.get(random.pick(DRAWN))!));
  }
}
