/** Debugging guest/kernel on a board: stops, steps back, its past, and who stored what, with both engines. */
import t from 'tap';
import { attachDebugger, attachTimeline, BoardMachine, PlacedImage, type Debugger } from '../../src/index.js';
import { imageOf } from '../../src/kernel/program/elf-fields.js';
import { finished } from '../../src/vmo/steps.js';
import { kernelMachine } from '../support/board-machine.js';
import { guestKernel, KERNEL_OUTPUT } from '../support/guest-kernel.js';
import { Random } from '../support/random.js';
import { seedOf } from '../support/volume.js';

const seed = seedOf(20261130);
const TID = 1;

t.setTimeout(0);

const image = finished(PlacedImage.readAtBaseInSteps(imageOf(guestKernel('symbols')), 0n));

function addressOf(name: string): bigint {
  return image.addressOf(name)!;
}

interface Debugged {
  readonly machine: BoardMachine;
  readonly target: Debugger;
  readonly output: () => string;
}

function debugged(): Debugged {
  const { board, sent } = kernelMachine('interpreter');
  const machine = new BoardMachine(board, { name: 'kernel', symbols: guestKernel('symbols') });
  const timeline = attachTimeline(machine);
  return { machine, target: attachDebugger(machine, timeline), output: () => String.fromCharCode(...sent) };
}

let whole: Debugged | undefined;

/** A machine at its end, which is still to be seen: always the same. */
function ended(): Debugged {
  whole?.target.timeline!.gotoPresent();
  if (whole) return whole;
  const made = (whole = debugged());
  t.match(made.target.run(), { kind: 'ending', why: 'the kernel ends the run with exit code 1' });
  t.equal(made.output(), KERNEL_OUTPUT);
  return made;
}

t.test('it stops at breakpoints and watchpoints, and goes on as if there were none', async (t) => {
  const { target, machine, output } = debugged();
  const stop = target.addStop({ kind: 'code', address: addressOf('handle_system_call') });
  for (let call = 0; call < 3; call++) {
    t.match(target.run(), { kind: 'breakpoint', tid: TID });
    t.equal(target.readRegister(TID, 'rip'), addressOf('handle_system_call'));
  }
  target.removeStop(stop);
  const watched = target.addStop({ kind: 'write', address: addressOf('breakpoints'), lengthBytes: 8 });
  t.match(target.run(), { kind: 'watchpoint', access: 'write', address: addressOf('breakpoints') });
  t.equal(target.readMemory(addressOf('breakpoints'), 1)[0], 1);
  target.removeStop(watched);
  t.match(target.run(), { kind: 'ending' });
  const plain = kernelMachine('interpreter').board;
  plain.run(Infinity);
  t.equal(machine.board.machineHash(), plain.machineHash());
  t.equal(output(), KERNEL_OUTPUT);
  t.match(target.run(), { kind: 'exited', exitCode: 1 });
});

t.test('it steps through interrupts, exceptions and mode switches, and back to where it was', async (t) => {
  const { target, machine } = debugged();
  const { timeline } = target;
  const random = new Random(seed);
  for (const start of [0, 30, 1500, 2_500_000]) {
    target.run(target.continue(), { maxTicks: start - target.ticks });
    const hashes = new Map<number, string>();
    for (let step = 0; step < 40; step++) {
      hashes.set(target.ticks, machine.board.machineHash());
      t.match(target.run(target.step(TID)), { kind: 'stepped' });
    }
    const back = 1 + random.below(30);
    for (let step = 0; step < back; step++) {
      t.match(target.back(TID), { kind: 'stepped' });
      if (hashes.has(target.ticks))
        t.equal(machine.board.machineHash(), hashes.get(target.ticks), `tick ${target.ticks}, seed ${seed}`);
    }
    timeline!.gotoPresent();
  }
});

t.test('from its end, a thousand instructions lead back to the same machine', async (t) => {
  const { target, machine, output } = ended();
  const end = target.ticks;
  const hash = machine.board.machineHash();
  for (let step = 0; step < 1000; step++) t.match(target.back(TID), { kind: 'stepped' });
  t.ok(target.ticks <= end - 1000);
  t.match(target.run(), { kind: 'ending' });
  t.equal(target.ticks, end);
  t.equal(machine.board.machineHash(), hash);
  t.equal(output(), KERNEL_OUTPUT, 'and nothing was sent twice');
});

t.test('any place in the past is found again, whatever comes in between', async (t) => {
  const { target, machine } = ended();
  const random = new Random(seed);
  const hashes = new Map<number, string>();
  for (let times = 0; times < 16; times++) {
    const known = [...hashes.keys()];
    const tick = known.length > 6 && random.chance(2) ? random.pick(known) : random.below(target.timeline!.end);
    target.goto(tick);
    const hash = machine.board.machineHash();
    t.equal(hash, hashes.get(tick) ?? hash, `tick ${tick}, seed ${seed}`);
    hashes.set(tick, hash);
  }
});

t.test('it goes back to the last breakpoint, and finds who stored', async (t) => {
  const { target } = ended();
  const end = target.ticks;
  const calls = addressOf('calls');
  const places = ['linear', 'physical'] as const;
  const records = places.map((space) => target.whoWrote(calls, 8, space === 'physical' ? space : undefined)!);
  for (const record of records) {
    t.match(record, { tid: TID, name: 'kernel', isByKernel: false, address: calls });
    t.match(image.symbols(record.rip), { name: 'handle_system_call' });
    t.same([record.before[0], record.after[0]], [100, 101]);
  }
  t.equal(records[0]!.tick, records[1]!.tick);
  t.equal(target.ticks, end, 'the machine is where it was');
  const stop = target.addStop({ kind: 'code', address: addressOf('handle_system_call') });
  for (const count of [100, 99, 98]) {
    t.match(target.back(), { kind: 'breakpoint' });
    t.equal(target.readMemory(calls, 1)[0], count);
  }
  target.removeStop(stop);
  t.match(target.back(), { kind: 'history-begin' });
  t.equal(target.ticks, target.timeline!.begin);
});

t.test('what the processor stores when it delivers an interrupt is found as well', async (t) => {
  const { target } = debugged();
  target.addStop({ kind: 'code', address: addressOf('on_timer') });
  t.match(target.run(), { kind: 'breakpoint' });
  const rsp = target.readRegister(TID, 'rsp');
  const record = target.whoWrote(rsp, 8)!;
  t.equal(record.tick, target.ticks);
  const interrupted = new DataView(record.after.buffer).getBigUint64(0, true);
  t.equal(record.rip, interrupted, 'it was about to execute the instruction that the handler returns to');
});

t.test('system registers are those of the processor', async (t) => {
  const { target, machine } = debugged();
  target.run(target.continue(), { maxTicks: 2_000_000 });
  const { control } = target.readRegisters(TID);
  t.same(
    [control.cr0, control.cr3, control.cr4, control.efer & 0x500n],
    [...[0, 3, 4].map((number) => machine.cpu.bare!.system.control(number)), 0x500n],
  );
  t.ok(target.memoryMap.some(({ start, lengthBytes }) => start <= 0x10_0000n && start + lengthBytes > 0x10_0000n));
});

t.test('a store is found although the machine was in its past since', async (t) => {
  const { target } = debugged();
  target.addStop({ kind: 'code', address: addressOf('handle_system_call') });
  t.match(target.run(), { kind: 'breakpoint' });
  const faults = addressOf('demand_faults');
  const record = ended().target.whoWrote(faults, 8)!;
  t.same([record.before[0], record.after[0]], [4, 5]);
  // Back and on beyond the present, as well as on from a past that was changed.
  t.match(target.back(TID), { kind: 'stepped' });
  t.match(target.run(), { kind: 'breakpoint' });
  t.equal(target.whoWrote(faults, 8)?.tick, record.tick);
  for (let step = 0; step < 5; step++) t.match(target.back(TID), { kind: 'stepped' });
  target.writeRegister(TID, 'r15', 1n);
  t.equal(target.whoWrote(faults, 8)?.tick, record.tick);
});

t.test('the search for a store ends where other bytes there would have ended the machine earlier', async (t) => {
  const { target } = ended();
  const record = target.whoWrote(addressOf('timer_ticks'), 8)!;
  t.same([record.before[0], record.after[0]], [9, 10]);
  t.match(image.symbols(record.rip), { name: 'on_timer' });
});
