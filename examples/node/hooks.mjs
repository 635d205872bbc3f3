/**
 * Watches a guest: counts its kernel calls and page faults with hooks, stops in the middle to look at registers and memory,
 * and shows that the engines agree on the state of the machine, bit for bit.
 *
 *     node examples/node/hooks.mjs [IMAGE]
 */
import process from 'node:process';
import { Computer } from 'bd0';
import { findImage, processName, readImage, sha256 } from 'bd0/node';

const path = findImage(process.argv[2] ?? 'qsort');

/**
 * Runs the image to its end on an engine, and returns the hash of the machine.
 * @param {import('bd0').Engine} engine
 * @param {import('bd0').KernelHooks} hooks
 * @param {number} [stopAt] a tick at which to look at the machine
 */
async function run(engine, hooks, stopAt) {
  const computer = new Computer({ engine, sha256, hooks });
  const image = await readImage(computer.store, path);
  const program = computer.start(image, { name: processName(path), limitBytes: 2 ** 30 });
  image.close();
  if (stopAt !== undefined && computer.run(program, { maxTicks: stopAt }).kind === 'limit') {
    const { rip } = computer.registers;
    const code = Buffer.from(computer.readMemory(rip, 8)).toString('hex');
    console.log(`at tick ${computer.ticks}: rip ${rip.toString(16)}, code ${code}`);
  }
  const outcome = computer.run(program);
  return { outcome: outcome.kind, ticks: computer.ticks, hash: computer.machineHash() };
}

/** @type {Map<string, number>} */
const counts = new Map();
/** @param {string} what */
const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);

const first = await run(
  'auto',
  {
    onKernelCall: ({ name, number }) => count(`call ${name ?? number}`),
    onFault: ({ access, outcome }) => count(`fault on ${access}: ${outcome}`),
  },
  1000,
);
for (const [what, times] of [...counts].sort()) console.log(`${times} x ${what}`);
console.log(`${first.outcome} after ${first.ticks} ticks, machine ${first.hash}`);

const second = await run('interpreter', {});
console.log(`the interpreter agrees: ${second.hash === first.hash && second.ticks === first.ticks}`);
