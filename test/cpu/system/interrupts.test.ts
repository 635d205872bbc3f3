/** When interrupts and single steps arrive: SDM Vol. 3A 6.8.3, Vol. 2B "STI", Vol. 3A 17.3.1.4, on all engines. */
import t from 'tap';
import { assemble } from '../../support/assemble.js';
import { GuestException, Vector } from '../../../src/cpu/state/exceptions.js';
import { CODE, SystemMachine, SYSTEM_ENGINES } from './system-machine.js';

const CASE_BYTES = 64;

/** Instructions of which an interrupt that waits from the start follows some: it comes before the one with the label `here`. */
const INTERRUPTS: readonly (readonly [what: string, code: string])[] = [
  ['at once, with IF', 'here: nop'],
  ['after the instruction that follows STI', 'cli; nop; sti; nop; here: nop'],
  ['after STI, where IF was set, as after any other', 'mov ecx, 3; 1: dec ecx; jnz 1b; here: nop'],
  ['after MOV SS and the next', 'cli; mov eax, ss; sti; mov ss, eax; nop; here: nop'],
  ['after POPF at once', 'cli; push 0x202; popfq; here: nop'],
  ['not between STI and CLI', 'cli; sti; cli; nop; nop; sti; nop; here: nop'],
  [
    'after IRETQ at once',
    'cli; mov rax, rsp; push 0x10; push rax; push 0x202; push 8; lea rax, [rip + here]; push rax; iretq; here: nop',
  ],
];
/** Of each, whether IF is set when it begins. */
const begins = (code: string): boolean => !code.startsWith('cli');

const parts = INTERRUPTS.map(([, code]) => code);
const labelled = (code: string, number: number): string =>
  code.replaceAll('here', `here${number}`).replaceAll(';', '\n');
const table = parts.map((_, number) => `.quad here${number}`).join('\n');
const source = parts.map((code, number) => `.org ${number * CASE_BYTES}\n${labelled(code, number)}\nhlt`).join('\n');
const bytes = assemble(`${source}\n.org ${parts.length * CASE_BYTES}\n${table}`);
const labels = parts.map((_, number) =>
  new DataView(bytes.buffer).getUint32(parts.length * CASE_BYTES + 8 * number, true),
);

t.test('an interrupt that waits comes', async (t) => {
  for (const [number, [what, code]] of INTERRUPTS.entries()) {
    const ticks = SYSTEM_ENGINES.map((engine) => {
      const machine = new SystemMachine(engine, bytes);
      const { cpu } = machine;
      machine.enter(0, number * CASE_BYTES);
      const isLoop = code.includes('jnz');
      if (isLoop) cpu.run(1);
      if (begins(code)) cpu.state.rflags = 0x202n;
      // In the loop it begins to wait once all has run but the last branch.
      if (isLoop) cpu.run(6);
      cpu.bare!.hasInterrupt = true;
      t.equal(machine.run().kind, 'interruptible', `${what}, ${engine}`);
      t.equal(Number(cpu.state.rip) - CODE, labels[number], `${what}: where`);
      return cpu.ticks;
    });
    t.equal(new Set(ticks).size, 1, `${what}: ticks`);
  }
});

t.test('STI and HLT: the interrupt comes after HLT, not between them', async (t) => {
  const code = assemble('sti\nhlt\nnop');
  for (const engine of SYSTEM_ENGINES) {
    const machine = new SystemMachine(engine, code);
    machine.cpu.bare!.hasInterrupt = true;
    t.equal(machine.run().kind, 'halted', engine);
    t.equal(Number(machine.cpu.state.rip) - CODE, 2);
    t.equal(machine.cpu.bare!.isInterruptible, true);
  }
});

t.test('TF traps after the instruction that follows the one that sets it', async (t) => {
  const setTrap = 'pushfq\nor word ptr [rsp], 0x100\npopfq\n';
  const cases: readonly (readonly [code: string, vector: number, offset: number])[] = [
    ['nop\nnop', 1, 1],
    // INT n enters its handler, which runs without TF.
    ['int 0x21', 0x21, 2],
    // POPFQ that clears TF traps all the same.
    ['popfq\nnop', 1, 1],
  ];
  for (const [code, vector, offset] of cases)
    for (const engine of SYSTEM_ENGINES) {
      const machine = new SystemMachine(engine, assemble(`pushfq\n${setTrap}start: ${code}\nhlt`));
      t.equal(machine.run().kind, 'halted');
      t.equal(machine.vector, vector, `${code}, ${engine}`);
      const start = assemble(`pushfq\n${setTrap}`).length;
      t.equal(Number(machine.pushed(0)) - CODE - start, offset, 'the address behind it');
      if (vector === 1) t.equal(machine.cpu.bare!.system.state.debug[6]! & 0x4000n, 0x4000n, 'DR6.BS');
      t.equal(machine.cpu.state.trapFlag, false);
    }
});

t.test('an NMI comes in spite of IF = 0, but not behind MOV SS, and not while another one is handled', async (t) => {
  const code = assemble(
    'mov eax, ss; mov ss, eax; nop; a: nop; nop; hlt; .org 64; nop; push 0; lea rax, [rip + 1f]; iretq; 1: nop'.replaceAll(
      '; ',
      '\n',
    ),
  );
  for (const engine of SYSTEM_ENGINES) {
    const machine = new SystemMachine(engine, code);
    const { cpu } = machine;
    const { system } = cpu.bare!;
    cpu.run(2);
    system.state.nmi.isPending = true;
    t.equal(cpu.bare!.isInterruptible, false, `${engine}: behind MOV SS`);
    t.equal(machine.run().kind, 'interruptible');
    t.equal(Number(cpu.state.rip) - CODE, 5, 'after the instruction that follows MOV SS');
    [system.state.nmi.isPending, system.state.nmi.isBlocked] = [false, true];
    system.deliver(new GuestException(Vector.NMI), 'external');
    t.equal(machine.run().kind, 'halted');
    t.equal(machine.vector, Vector.NMI);
    system.state.nmi.isPending = true;
    t.equal(cpu.bare!.isInterruptible, false, 'until IRET');
    // An IRET that faults ends the handler as well.
    cpu.state.rip = BigInt(CODE + 64);
    system.state.isHalted = false;
    machine.run(1);
    t.equal(cpu.bare!.isInterruptible, false);
    t.equal(machine.run().kind, 'interruptible');
    t.equal(system.state.nmi.isBlocked, false);
  }
});
