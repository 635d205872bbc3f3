/** What a check found, in words and figures. */
import type { Form } from '../../../src/cpu/meaning/form.js';
import { int, int1, int3 } from '../../../src/cpu/meaning/isa/control-transfer.js';
import { cli, sti } from '../../../src/cpu/meaning/isa/flag-control.js';
import { ud, vmcall } from '../../../src/cpu/meaning/isa/miscellaneous.js';
import { privileged, syscall, sysenter } from '../../../src/cpu/meaning/isa/system.js';
import type { Semantics } from '../../../src/cpu/meaning/vocabulary.js';
import type { MeaningsCheck } from './check.js';
import { HOST_DIFFERENCES } from './host-differences.js';

/** Meanings that end in an exception or leave the CPU at CPL 3, always. */
const NEVER_COMPLETE = new Set<Semantics>([int, int1, int3, cli, sti, ud, vmcall, privileged, syscall, sysenter]);

const SHOWN = 5;

/** Failures from number `from` on, the first of them in full. */
export function describeFailures(check: MeaningsCheck, from = 0): string {
  const failures = check.failures.slice(from);
  const more = failures.length > SHOWN ? `\n... and ${failures.length - SHOWN} more` : '';
  return `\n${failures.slice(0, SHOWN).join('\n\n')}${more}`;
}

/**
 * The interpreter's handlers must do more than this share of the cases that complete. Most of the rest have RFLAGS.AC or
 * cross pages; floating point leaves much more to the evaluator, as most random numbers are rounded or out of the ordinary.
 */
const COMPILED_SHARE = 0.25;
const COMPILED_SHARE_OF_FLOATS = 0;

/** Forms that no case has completed, though they can, or whose compiled handler leaves too much to the evaluator. */
export function coverageGaps(check: MeaningsCheck): string[] {
  const gaps: string[] = [];
  const gap = ({ row, id }: Form, what: string): void => void gaps.push(`${row.mnemonic}, form ${id}: ${what}`);
  for (const form of check.decoder.forms) {
    const { cases, completed, compiled } = check.forms[form.id]!;
    if (completed === 0 && !NEVER_COMPLETE.has(form.row.semantics)) gap(form, `none of ${cases} cases completed`);
    if (completed === 0 || !check.hasHandler(form.id)) continue;
    const mayLeave = form.row.operands.some(({ file }) => file === 'xmm') || DIVISIONS.has(form.row.mnemonic);
    const share = mayLeave ? COMPILED_SHARE_OF_FLOATS : COMPILED_SHARE;
    if (compiled <= completed * share) gap(form, `its handler did ${compiled} of ${completed} cases`);
  }
  return gaps;
}

/** Of 128 bits by 64 the evaluator does. */
const DIVISIONS = new Set(['DIV', 'IDIV']);

/** How many cases of which kind there were. */
export function summary(check: MeaningsCheck): string {
  const sum = (of: 'cases' | 'completed' | 'compiled'): number =>
    check.forms.reduce((total, form) => total + form[of], 0);
  const table = (counts: ReadonlyMap<string, number>): string[] =>
    [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${String(count).padStart(12)}  ${name}`);
  const why = new Map(HOST_DIFFERENCES.map(({ instructions, why }) => [instructions, why]));
  const spoilt = new Map([...check.spoiltCases].map(([name, count]) => [`${name}: ${why.get(name)}`, count]));
  return [
    `${sum('cases')} cases of ${check.forms.length} forms, ${sum('completed')} without an exception`,
    `${sum('compiled')} of these in compiled handlers alone; ${check.translatedCases} translated`,
    `${check.nativeCases} held to the host's CPU; ${check.failures.length} differ`,
    'how they ended:',
    ...table(check.events),
    'not run on the host:',
    ...table(check.withoutOracle),
    'where the host is known to differ:',
    ...table(spoilt),
  ].join('\n');
}
