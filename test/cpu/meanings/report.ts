/** What a check found, in words and figures. */
import type { Form } from '../../../src/cpu/form.js';
import { int, int1, int3 } from '../../../src/cpu/isa/control-transfer.js';
import { cli, sti } from '../../../src/cpu/isa/flag-control.js';
import { ud, vmcall } from '../../../src/cpu/isa/miscellaneous.js';
import { privileged, syscall, sysenter } from '../../../src/cpu/isa/system.js';
import type { Semantics } from '../../../src/cpu/machine.js';
import type { MeaningsCheck } from './check.js';
import { HOST_DIFFERENCES } from './host-differences.js';

/** Meanings that end in an exception or leave the CPU at CPL 3, always. */
const NEVER_COMPLETE = new Set<Semantics>([int, int1, int3, cli, sti, ud, vmcall, privileged, syscall, sysenter]);

const SHOWN = 5;

/** The first failures in full. */
export function describeFailures({ failures }: MeaningsCheck): string {
  const more = failures.length > SHOWN ? `\n... and ${failures.length - SHOWN} more` : '';
  return `\n${failures.slice(0, SHOWN).join('\n\n')}${more}`;
}

/** Forms that no case has completed, though they can, or that have never run in the compiled handler that they have. */
export function coverageGaps(check: MeaningsCheck): string[] {
  const gaps: string[] = [];
  const gap = (form: Form, what: string): void => void gaps.push(`${form.row.mnemonic}, form ${form.id}: ${what}`);
  for (const form of check.decoder.forms) {
    const { cases, completed, compiled } = check.forms[form.id]!;
    if (completed === 0 && !NEVER_COMPLETE.has(form.row.semantics)) gap(form, `none of ${cases} cases completed`);
    if (completed > 0 && compiled === 0 && check.hasHandler(form.id)) gap(form, 'the evaluator did every case');
  }
  return gaps;
}

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
