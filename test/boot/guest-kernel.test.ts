/** guest/kernel on a bare machine: what it prints, and that all engines make the same machine of it at every point. */
import t from 'tap';
import { kernelMachine as machine } from '../support/board-machine.js';
import { KERNEL_OUTPUT, guestKernel } from '../support/guest-kernel.js';
import { hasQemu, runInQemu } from '../support/qemu.js';

const SLICE = 1_000_501;
const POINTS = 10;

t.test('the kernel runs to its end, with the same machine on all engines at every point', async (t) => {
  const machines = [
    machine('evaluator'),
    machine('interpreter'),
    machine('auto'),
    machine('auto', { translator: { threshold: 0 } }),
  ];
  for (let point = 1; point <= POINTS; point++) {
    const found = machines.map(({ board }) => {
      const event = board.run(point * SLICE);
      return { event, ticks: board.ticks, rip: board.cpu.state.rip, hash: board.machineHash() };
    });
    for (const other of found.slice(1)) t.same(other, found[0], `after ${point * SLICE} ticks`);
    const isEnd = point === POINTS;
    t.same(found[0]!.event, isEnd ? { kind: 'exit', code: 1 } : { kind: 'limit' });
  }
  for (const { sent } of machines) t.equal(String.fromCharCode(...sent), KERNEL_OUTPUT);
  t.equal(machines[0]!.board.interrupts, 10);
});

t.test('an interrupt arrives at the same instruction however a run is cut into slices', async (t) => {
  const hashes = [1_000_003, 70_001, 777].map((slice, i) => {
    const { board } = machine(i === 1 ? 'interpreter' : 'auto', { translator: { threshold: i } });
    const end = 2_200_000;
    while (board.ticks < end) board.run(Math.min(board.ticks + slice, end));
    return board.machineHash();
  });
  t.equal(new Set(hashes).size, 1);
});

t.test('qemu-system shows the same', { skip: !hasQemu && 'qemu-system is not installed' }, async (t) => {
  t.equal(runInQemu(guestKernel(), 64), KERNEL_OUTPUT);
});
