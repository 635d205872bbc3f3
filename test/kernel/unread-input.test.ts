/** What a process has not been given by console_read is there for the next one that reads, however the first one ended. */
import t from 'tap';
import type { Console } from '../../src/kernel/terminal/console.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import type { Process } from '../../src/kernel/tasks/process.js';
import { RAX, RDI, RDX, RSI } from '../../src/cpu/state/layout.js';
import { KernelMachine } from '../support/kernel-machine.js';
import { codeImage } from './images.js';

const MIB = 2 ** 20;
/** vmcall; jmp back to it */
const CALLS = [0x0f, 0x01, 0xc1, 0xeb, 0xfb];
/** jmp to itself */
const SPINS = [0xeb, 0xfe];
const [LINES, RAW] = [0n, 1n];

/** Input that is there at once, and nothing behind it. */
function consoleOf(text: string, isTerminal: boolean): Console {
  let left: Uint8Array = Buffer.from(text);
  return {
    isTerminal,
    write: () => {},
    read: (max) => {
      const bytes = left.subarray(0, max);
      left = left.subarray(max);
      return bytes.length > 0 ? bytes : undefined;
    },
  };
}

/** Makes a call as the only thread of a process would, and answers what it answers; undefined where that ended it. */
function call(machine: KernelMachine, process: Process, name: string, ...args: bigint[]): bigint | undefined {
  const { kernel, cpu } = machine;
  const [thread] = process.threads;
  kernel.console.takeIn();
  // Its page of code comes in first; or it jumps back to the call.
  kernel.step(thread!);
  cpu.state.rip = process.entry;
  cpu.state.setGpr(RAX, BigInt(KERNEL_CALLS.find((one) => one.name === name)!.number));
  [RDI, RSI, RDX].forEach((register, index) => cpu.state.setGpr(register, args[index] ?? 0n));
  while (!process.end && cpu.state.rip === process.entry) kernel.step(thread!);
  return process.end ? undefined : BigInt.asIntN(64, cpu.state.gpr(RAX));
}

for (const [where, isTerminal, mode] of [
  ['a pipe', false, LINES],
  ['a terminal, in lines', true, LINES],
  ['a terminal, as it comes', true, RAW],
] as const)
  t.test(`input of ${where} that a process was killed for goes to the next one`, (t) => {
    const machine = new KernelMachine({ frames: 512, console: consoleOf('first line\nsecond\n', isTerminal) });
    const start = (name: string, code: number[], debugMode = false): Process =>
      machine.start(codeImage(code), { name, limitBytes: MIB, debugMode });
    const neighbour = start('neighbour', SPINS);
    const first = start('first', CALLS, true);
    call(machine, first, 'console_mode', mode);
    const foreign = neighbour.start + BigInt(MIB - 4096);
    t.equal(call(machine, first, 'console_read', foreign, 6n, 0n), undefined);
    t.match(first.end, { exitCode: 139, trap: { cause: 'spurious write' } });
    const next = start('next', CALLS);
    call(machine, next, 'console_mode', mode);
    const buffer = next.start + BigInt(MIB - 4096);
    let text = '';
    for (let n = 1n; n > 0n; text += Buffer.from(machine.kernel.memory.peek(Number(buffer), Number(n > 0n ? n : 0n))))
      n = call(machine, next, 'console_read', buffer, 6n, 0n)!;
    t.equal(text, 'first line\nsecond\n');
    t.end();
  });
