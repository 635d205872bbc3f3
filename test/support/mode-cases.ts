/** Cases of code in the modes of processors, and what must come of them: see mode-kernel.ts. */
import { DONE_VECTOR, SELECTORS as S, modeKernel, runModes, runModesInQemu, type ModeOutcome } from './mode-kernel.js';
import type { Test } from 'tap';
import { hasQemu } from './qemu.js';

/** `done`, or a vector and its error code; EAX and CS, if they matter; and why qemu-system is wrong, if that is so. */
export interface ModeCase {
  readonly code: string;
  readonly expected: 'done' | readonly [vector: number, errorCode?: number];
  readonly eax?: number;
  readonly cs?: number;
  readonly qemu?: string;
}

export const NO_LIMITS = 'it checks no segment limits';
export const inIdt = (vector: number): number => vector * 8 + 2;

/** Goes to CPL 3 and runs code there. */
export const user = (code: string): string =>
  `mov eax, ${S.userData}; mov ds, eax; mov es, eax; push ${S.userData}; push offset user_stack; push 2; push ${S.userCode}; ` +
  `push offset 8f; xor eax, eax; iretd; 8:; ${code}`;

/** A gate to a label of the case, with a type and rights. */
export const gateTo = (vector: number, label: string, selector: number, rights: number): string =>
  `mov eax, offset ${label}; mov word ptr [idt + ${vector * 8}], ax; mov word ptr [idt + ${vector * 8 + 2}], ${selector}; ` +
  `mov word ptr [idt + ${vector * 8 + 4}], ${rights}; shr eax, 16; mov word ptr [idt + ${vector * 8 + 6}], ax`;

/** A line for each case that has not ended as expected. */
function differences(cases: readonly ModeCase[], found: readonly ModeOutcome[], isQemu: boolean): string[] {
  return cases.flatMap(({ code, expected, eax, cs, qemu }, number) => {
    const [vector, errorCode] = expected === 'done' ? [DONE_VECTOR, 0] : [expected[0], expected[1] ?? 0];
    const outcome = found[number];
    const right = { vector, errorCode, eax: eax ?? outcome?.eax, cs: cs ?? outcome?.cs };
    const isRight = JSON.stringify(outcome) === JSON.stringify(right) || (isQemu && qemu !== undefined);
    return isRight ? [] : [`${number}: ${JSON.stringify(outcome)}, not ${JSON.stringify(right)}: ${code}`];
  });
}

/** Tests cases on both engines and in qemu-system. */
export function testModes(t: Test, cases: readonly ModeCase[]): void {
  const kernel = modeKernel(cases.map(({ code }) => code));
  for (const engine of ['evaluator', 'interpreter'] as const)
    void t.test(engine, async (t) => void t.same(differences(cases, runModes(kernel, engine), false), []));
  void t.test(
    'qemu-system agrees',
    { skip: !hasQemu && 'qemu-system is not installed' },
    async (t) => void t.same(differences(cases, runModesInQemu(kernel), true), []),
  );
}
