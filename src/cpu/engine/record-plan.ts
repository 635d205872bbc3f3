import type { Form, OperandForm, RegisterField } from '../meaning/form.js';
import { gprAddress, xmmAddress } from '../state/layout.js';
import { Field, Handler, Join, MOST_GROUPS } from './record.js';

/** Handler numbers of forms and of fused pairs of them, by form id. */
export interface HandlerNumbers {
  readonly handlerOfForm: readonly number[];
  readonly handlerOfPair: Readonly<Record<string, number>>;
}

/** A register of an instruction: of which operand, where it is in the record, and as what: an address, or the number of ST(i) or MMi. */
export interface RegisterSlot {
  readonly place: number;
  readonly field: number;
  readonly register: RegisterField;
  readonly valueOf: (register: number) => number;
}

/** What all records of a form have in common. */
export interface RecordPlan {
  readonly handler: number;
  readonly slots: readonly RegisterSlot[];
  readonly hasTwoImmediates: boolean;
  /**
   * Whether decoding stops after it: bytes after an unconditional jump are often not code, or are reached from elsewhere.
   */
  readonly endsRun: boolean;
  /** A sum of `Join`. */
  readonly join: number;
}

/** The plans of the forms for some handlers, made when they are first needed. */
export class RecordPlans {
  /** The handlers of fused pairs. */
  readonly ofPairs: ReadonlySet<number>;
  /** The handlers of fused pairs by their groups: first << Join.groupBits | second; 0 where there is none. */
  readonly handlersOfGroups: Uint16Array;
  private readonly plans: (RecordPlan | undefined)[] = [];
  private readonly firstGroups: ReadonlyMap<number, number>;
  private readonly secondGroups: ReadonlyMap<number, number>;

  constructor(private readonly handlers: HandlerNumbers) {
    const pairs = Object.entries(handlers.handlerOfPair).map(([pair, handler]) => ({
      forms: pair.split(',').map(Number) as [number, number],
      handler,
    }));
    this.ofPairs = new Set(pairs.map(({ handler }) => handler));
    this.firstGroups = groups(pairs.map(({ forms: [first, second], handler }) => [first, `${second} ${handler}`]));
    this.secondGroups = groups(pairs.map(({ forms: [first, second], handler }) => [second, `${first} ${handler}`]));
    this.handlersOfGroups = new Uint16Array(MOST_GROUPS * MOST_GROUPS);
    for (const { forms, handler } of pairs) this.handlersOfGroups[this.groupsOf(forms[0], forms[1])] = handler;
  }

  of(form: Form): RecordPlan {
    return (this.plans[form.id] ??= this.make(form));
  }

  private make(form: Form): RecordPlan {
    const { row, operands, dest, src } = form;
    const isBranch = row.attributes.has('BRANCH');
    const isDirect = operands.some(({ kind }) => kind === 'relative');
    const endsBlock = isBranch || form.repeat !== 'none';
    return {
      handler: this.handlers.handlerOfForm[form.id] ?? Handler.evaluate,
      slots: operands.flatMap((operand, place) => registerSlot(operand, place) ?? []),
      hasTwoImmediates: operands.length === 2 && dest.kind === 'immediate' && src.kind === 'immediate',
      endsRun: isBranch && (row.mnemonic === 'JMP' || row.mnemonic.startsWith('RET')),
      join: this.groupsOf(form.id, form.id) | (isDirect ? Join.isDirectBranch : 0) | (endsBlock ? Join.endsBlock : 0),
    };
  }

  private groupsOf(first: number, second: number): number {
    return ((this.firstGroups.get(first) ?? 0) << Join.groupBits) | (this.secondGroups.get(second) ?? 0);
  }
}

/** Numbers from 1 on for forms, the same for those with the same partners in the same pairs. */
function groups(partners: readonly (readonly [form: number, partner: string])[]): ReadonlyMap<number, number> {
  const all = new Map<number, string[]>();
  for (const [form, partner] of partners) all.set(form, [...(all.get(form) ?? []), partner]);
  const numbers = new Map<string, number>();
  const groupOf = new Map<number, number>();
  for (const [form, its] of all) {
    const key = its.sort().join();
    const number = numbers.get(key) ?? numbers.size + 1;
    numbers.set(key, number);
    groupOf.set(form, number);
  }
  if (numbers.size >= MOST_GROUPS) throw new Error(`${numbers.size} groups of forms in fused pairs`);
  return groupOf;
}

/** What all machines of a process share. */
const knownPlans = new WeakMap<HandlerNumbers, RecordPlans>();

export function plansFor(handlers: HandlerNumbers): RecordPlans {
  const plans = knownPlans.get(handlers) ?? new RecordPlans(handlers);
  knownPlans.set(handlers, plans);
  return plans;
}

function registerSlot(operand: OperandForm, place: number): RegisterSlot | undefined {
  const field = Field.operands[place];
  if (!('field' in operand) || field === undefined) return undefined;
  const { kind, field: register } = operand;
  const valueOf = kind === 'gpr' ? gprAddress : kind === 'xmm' ? xmmAddress : (number: number) => number;
  return { place, field, register, valueOf };
}
