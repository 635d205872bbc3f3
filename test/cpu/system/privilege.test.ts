/** Code of different privilege levels at the same addresses, which has been translated for one of them. */
import assert from 'node:assert/strict';
import t from 'tap';
import type { Cpu } from '../../../src/cpu/cpu.js';
import { assemble } from '../../support/assemble.js';
import fc from '../../support/fast-check.js';
import { CODE, KERNEL_STACK, SUPERVISOR, SYSTEM_ENGINES, SystemMachine, USER_STACK } from './system-machine.js';

const [GP, PF] = [13, 14];
const LOOP = 'mov ecx, 50\n1: add rax, 3\ndec ecx\njnz 1b\n';
const INT = 0x20;

/** Enters code at CPL 0 with the stack of the kernel, and runs until something halts. */
function runAt(machine: SystemMachine, cpl: 0 | 3, linear: number): number | undefined {
  machine.enter(cpl, linear - CODE);
  machine.cpu.bare!.system.state.isHalted = false;
  const { kind } = machine.run(2000);
  if (kind !== 'halted') throw new Error(`it has ended with '${kind}'`);
  return machine.vector;
}

t.test('a page that has run at CPL 0 cannot be run at CPL 3 if it is not for users', async (t) => {
  for (const engine of SYSTEM_ENGINES) {
    const machine = new SystemMachine(engine, assemble(`${LOOP}mov rdx, ${SUPERVISOR}\njmp rdx`));
    machine.memory.ram.set(assemble(`${LOOP}hlt`), SUPERVISOR);
    for (let times = 0; times < 3; times++) {
      t.equal(runAt(machine, 0, CODE), undefined, `${engine}: it halts there`);
      t.equal(runAt(machine, 3, CODE), PF, `${engine}: #PF`);
      t.equal(machine.pushed(0), 0x15n, 'a fetch of a user, to a page that is there');
      t.equal(Number(machine.pushed(1)), SUPERVISOR, 'before the first instruction there');
    }
  }
});

t.test('the same code at CPL 0 and 3, in turns', async (t) => {
  const code = assemble(`${LOOP}cli\nint ${INT}`);
  for (const engine of SYSTEM_ENGINES) {
    const machine = new SystemMachine(engine, code);
    for (let times = 0; times < 3; times++) {
      t.equal(runAt(machine, 0, CODE), INT, `${engine}: CLI at CPL 0`);
      t.equal(runAt(machine, 3, CODE), GP, `${engine}: #GP(0) at CPL 3`);
    }
  }
});

/** What code may do at either level before it goes on to the next piece, at the other or the same one. */
const PIECES = [
  LOOP,
  'call 2f\n2: add rsp, 8',
  'lea rsi, [rip + 3f]\njmp rsi\n3: inc rbx',
  'push 7\npop rdi',
  'inc dword ptr [rip + counter]',
] as const;

interface Step {
  readonly piece: number;
  /** Where the next step runs, if this one runs at CPL 0; others can only stay at CPL 3. */
  readonly next: 0 | 3;
}

/** Pieces of code, each of which enters the next; the last ends in SYSCALL, whose handler halts. */
function program(steps: readonly Step[]): string {
  const enter = (cpl: 0 | 3, to: string): string => {
    const [ss, rsp, cs] = cpl === 0 ? [0x10, KERNEL_STACK - 0x200, 8] : [0x23, USER_STACK - 0x200, 0x2b];
    return `push ${ss}\nmov rax, ${rsp}\npush rax\npush 2\npush ${cs}\nlea rax, [rip + ${to}]\npush rax\niretq`;
  };
  // IRETQ to CPL 0 raises #GP at CPL 3, where CS tells which it is.
  const lines = steps.map(({ piece, next }, i) => {
    const to = i + 1 < steps.length ? `step${i + 1}` : 'end';
    return `step${i}:\n${PIECES[piece]}\nmov ebp, cs\ntest ebp, 3\njnz ${to}\n${enter(next, to)}`;
  });
  return `${lines.join('\n')}\nend: syscall\n.balign 8\ncounter: .quad 0`;
}

t.test('code at levels in any order: the same processor on every engine, at every cut', async () => {
  const step = fc.record({ piece: fc.nat({ max: PIECES.length - 1 }), next: fc.constantFrom<0 | 3>(0, 3) });
  const run = (steps: readonly Step[], cut: number): void => {
    const code = assemble(program(steps));
    const seen = SYSTEM_ENGINES.map((engine) => {
      const machine = new SystemMachine(engine, code);
      const { cpu } = machine;
      return ([0, 3, 0, 3] as const).flatMap((cpl) => {
        machine.enter(cpl, 0);
        cpu.bare!.system.state.isHalted = false;
        cpu.run(cut);
        const before = stateOf(cpu);
        machine.run(3000);
        return [before, stateOf(cpu), machine.vector];
      });
    });
    for (const other of seen.slice(1)) assert.deepEqual(other, seen[0]);
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 300 }), run), {
    numRuns: 25,
  });
});

function stateOf({ state, ticks, mmu }: Cpu): unknown {
  return [ticks, mmu.cpl, state.rip, state.rflags, ...Array.from({ length: 16 }, (_, i) => state.gpr(i))];
}
