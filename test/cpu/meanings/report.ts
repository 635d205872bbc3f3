/** The results of a check as text. */
import type { ExceptionsType } from '../../../src/cpu/decode/row.js';
import type { Form } from '../../../src/cpu/meaning/form.js';
import { int, int1, int3 } from '../../../src/cpu/meaning/isa/control-transfer.js';
import { cli, sti } from '../../../src/cpu/meaning/isa/flag-control.js';
import { ud, vmcall } from '../../../src/cpu/meaning/isa/miscellaneous.js';
import { isPrivileged } from '../../support/privileged-rows.js';
import { syscall, sysenter, sysexit, sysret } from '../../../src/cpu/meaning/isa/system.js';
import { OPCODES } from '../../../src/cpu/meaning/opcodes/index.js';
import type { Semantics } from '../../../src/cpu/meaning/vocabulary.js';
import { rowName } from '../../support/row-names.js';
import type { MeaningsCheck } from './check.js';
import { HOST_DIFFERENCES } from './host-differences.js';
import { TOLERANCES } from './differences/tolerances.js';
import type { NativeCheck } from './native-check.js';

/** Meanings that end in an exception or leave the CPU at CPL 3, always. */
const NEVER_COMPLETE = new Set<Semantics>([int, int1, int3, cli, sti, ud, vmcall, syscall, sysenter, sysexit, sysret]);

const SHOWN = 5;

/** Failures from number `from` on, the first of them in full. */
export function describeFailures(check: MeaningsCheck, from = 0): string {
  const failures = check.failures.slice(from);
  const more = failures.length > SHOWN ? `\n... and ${failures.length - SHOWN} more` : '';
  return `\n${failures.slice(0, SHOWN).join('\n\n')}${more}`;
}

/**
 * The interpreter's handlers must do more than this share of the cases that complete. Most of the rest have RFLAGS.AC, a page
 * that is not in the TLB, or an unmasked exception.
 */
const COMPILED_SHARE = 0.25;
/** Of POPF, handlers do what changes no system flag but DF, which random bits seldom do. */
const COMPILED_SHARE_OF_POPF = 0;

/** Most random states of the x87 FPU have no room on the stack, or an unmasked exception. */
const COMPILED_SHARE_OF_X87 = 0.1;

/** Most random frames of ENTER span pages that are not in the TLB. */
const COMPILED_SHARE_OF_ENTER = 0.1;

function shareOf(mnemonic: string): number {
  if (mnemonic === 'ENTER') return COMPILED_SHARE_OF_ENTER;
  if (mnemonic === 'POPF') return COMPILED_SHARE_OF_POPF;
  return mnemonic.startsWith('F') ? COMPILED_SHARE_OF_X87 : COMPILED_SHARE;
}

/** What is missing for a form: a case that completes, or enough of them in its compiled handler. */
function gapOf(check: MeaningsCheck, { row, id }: Form): string | undefined {
  const { cases, completed, compiled } = check.forms[id]!;
  if (completed === 0 && !NEVER_COMPLETE.has(row.semantics) && !isPrivileged(row))
    return `none of ${cases} cases completed`;
  if (completed === 0 || !check.hasHandler(id)) return undefined;
  return compiled <= completed * shareOf(row.mnemonic)
    ? `its handler did ${compiled} of ${completed} cases`
    : undefined;
}

/** Forms that no case has completed, though they can, or whose compiled handler leaves too much to the evaluator. */
export function coverageGaps(check: MeaningsCheck): string[] {
  return check.decoder.forms.flatMap((form) => {
    const gap = gapOf(check, form);
    return gap === undefined ? [] : [`${form.row.mnemonic}, form ${form.id}: ${gap}`];
  });
}

/** A form with a gap gets up to this many cases more, this many at a time. */
const MORE_CASES = 512;
const MORE_AT_ONCE = 64;

/** Gives forms with a gap more cases: of few and random ones, some complete rarely. `cases`: how many each form has had. */
export function fillGaps(check: MeaningsCheck, cases: number): void {
  for (const form of check.decoder.forms)
    for (let more = 0; more < MORE_CASES && gapOf(check, form) !== undefined; more += MORE_AT_ONCE)
      check.runForm(form.id, cases + more, MORE_AT_ONCE);
}

/** The classes of exceptions with #XM. SDM Vol. 2A tables 2-17, 2-18 and 2-27. */
const TYPES_WITH_XM: readonly (ExceptionsType | undefined)[] = [2, 3, 11];

/** Rows of VEX instructions that have raised #XM although their class has none. */
export function wrongXm(check: MeaningsCheck): string[] {
  const rows = [...check.raisedXm].filter(
    ({ pattern, exceptions }) => pattern.vex && !TYPES_WITH_XM.includes(exceptions),
  );
  return rows.map(rowName);
}

/** Rows whose class of exceptions has #XM, and that have not raised it. */
export function missingXm(check: MeaningsCheck): string[] {
  const rows = OPCODES.filter((row) => TYPES_WITH_XM.includes(row.exceptions) && !check.raisedXm.has(row));
  return rows.map(rowName);
}

/** How many cases of which kind there were, and how the host behaves. */
export function summary(check: MeaningsCheck): string {
  const sum = (of: 'cases' | 'completed' | 'compiled'): number =>
    check.forms.reduce((total, form) => total + form[of], 0);
  return [
    `${sum('cases')} cases of ${check.forms.length} forms, ${sum('completed')} without an exception`,
    `${sum('compiled')} of these in compiled handlers alone; ${check.translatedCases} translated`,
    `${check.failures.length} differ`,
    'how they ended:',
    ...table(check.events),
    ...(check.native ? nativeSummary(check.native) : ["not compared with the host's CPU"]),
  ].join('\n');
}

function nativeSummary(native: NativeCheck): string[] {
  const { cases, refused, killed, unsteady, surroundings, behaviour, features } = native;
  const why = new Map([...HOST_DIFFERENCES, ...TOLERANCES].map((known) => [known.instructions, known.why]));
  const mapped = new Map([...native.mapped].map(([name, count]) => [`${name}: ${why.get(name)}`, count]));
  const byFeature = [...features].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `${cases} compared with the host's CPU, ${refused} refused by Linux, ${unsteady} answered in two ways`,
    ...(killed > 0 ? [`${killed} at which the host's kernel failed, and killed the process`] : []),
    `the host gives cases ${surroundings.description}`,
    'compared, by CPUID feature:',
    ...byFeature.map(([name, { native, all }]) => `${String(native).padStart(12)}  ${name || 'x86-64'}, of ${all}`),
    'not run on the host:',
    ...table(native.notAsked),
    'how the host behaves:',
    ...behaviour.shown.map((line) => `  ${line}`),
    'expected to differ from bd0:',
    ...table(mapped),
  ];
}

function table(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${String(count).padStart(12)}  ${name}`);
}
