/** Pictures of memory, compared with what the machine says of each page. */
import t from 'tap';
import { PAGE_STATES, memoryPicture, rangesOf } from '../../../src/debug/inspect/memory-picture.js';
import { describePage } from '../../../src/debug/inspect/page-description.js';
import { findImage, readImage, sha256 } from '../../../src/host/index.js';
import { attachDebugger, attachTimeline, Computer, type Debugger } from '../../../src/index.js';
import { fromLinear, toLinear } from '../../../src/kernel/memory/linear-address.js';
import fc from '../../support/fast-check.js';

const PAGE = 4096;
const SPACE = 2 ** 48;

t.setTimeout(0);

async function machineOf(name: string): Promise<{ computer: Computer; target: Debugger }> {
  const computer = new Computer({ memoryBytes: 2 ** 25, sha256 });
  const image = await readImage(computer.store, findImage(name));
  const options = { name, limitBytes: 2 ** 30, argv: [name] };
  computer.start(image, options);
  const program = computer.start(image, options);
  image.close();
  const timeline = attachTimeline(computer);
  const target = attachDebugger(computer, timeline);
  computer.run(program, { maxTicks: 3000 });
  timeline.keepNow();
  return { computer, target };
}

const { computer, target } = await machineOf('fib');
const hash = computer.machineHash();
const [first] = rangesOf(computer, target);

t.test('all bytes are in one picture', async (t) => {
  const { states, owners, ranges, fronts } = memoryPicture(computer, target, 0, 2 ** 38, 1024);
  t.equal(PAGE_STATES[states[0]!], 'written');
  t.equal(owners[0], 1);
  t.equal(ranges[0]!.what, 'header page');
  t.equal(PAGE_STATES[states[512]!], 'unmapped');
  t.equal(ranges[owners[1023]! - 1]!.what, 'page tables');
  t.strictSame(
    fronts.map(({ kind, name }) => `${kind} ${name}`),
    ['heap fib', 'heap fib', 'stack fib', 'stack fib'],
  );
  for (const { address } of fronts) t.ok(computer.readMemory(toLinear(address - 8), 1).length === 1);
});

t.test('a picture says of each page what the machine does', async (t) => {
  const { parts } = computer;
  for (const range of rangesOf(computer, target).filter(({ pid }) => pid !== 0)) {
    const count = Math.min(1024, (range.end - range.start) / PAGE);
    const picture = memoryPicture(computer, target, range.start, PAGE, count);
    for (let cell = 0; cell < count; cell++) {
      const page = range.start + cell * PAGE;
      const entry = parts.kernel.pager.pageTable.entry(page);
      const state = PAGE_STATES[picture.states[cell]!]!;
      const described = describePage(computer, page);
      const isMapped = rangesOf(computer, target).some(({ start, end }) => page >= start && page < end);
      const shown = state === 'written' ? 'private' : state;
      const told = described.state
        .replace(/^clean, shared.*/, 'shared')
        .replace('zeros', 'zero')
        .replace('not mapped', 'unmapped');
      if (shown !== told || isMapped === (state === 'unmapped') || (picture.shades[cell] === 255) !== (entry & 1) > 0)
        t.fail(`${page.toString(16)}: ${state}, ${described.state}, ${picture.shades[cell]}`);
    }
  }
  t.pass();
});

t.test('pictures of larger cells show what those of smaller ones show', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 13, max: 40 }), fc.nat(2 ** 20), (log, at) => {
      const cellBytes = 2 ** log;
      const start = Math.min(at, SPACE / cellBytes - 1) * cellBytes;
      const [coarse, fine] = [
        memoryPicture(computer, target, start, cellBytes, 1),
        memoryPicture(computer, target, start, cellBytes / 2, 2),
      ];
      return coarse.states[0] === Math.max(...fine.states);
    }),
  );
});

t.test('within a page, cells show the means of their bytes', async (t) => {
  const start = first!.start;
  const picture = memoryPicture(computer, target, start, 16, 256);
  const bytes = computer.readMemory(toLinear(start), PAGE);
  for (let cell = 0; cell < 256; cell++) {
    const mean = bytes.subarray(cell * 16, cell * 16 + 16).reduce((sum, byte) => sum + byte, 0) / 16;
    t.equal(picture.shades[cell], Math.round(mean));
  }
});

t.test('an address is described with the hash of its page', async (t) => {
  const [thread] = target.threads;
  const rip = target.readRegister(thread!.tid, 'rip');
  const { text, vmo, leaf, bytes } = describePage(computer, fromLinear(rip)!, 'fib+0x1');
  t.match(text, /^fib\+0x1 in the image of process 1 \(fib\), r-x$/);
  const handle = computer.store.fromBytes(computer.readMemory(rip - (rip % BigInt(PAGE)), PAGE));
  t.equal(leaf, handle.page(0).leaf);
  handle.close();
  t.match(vmo?.id, /^[0-9a-f]{64}$/);
  t.strictSame(bytes, computer.readMemory(rip, bytes.length));
  t.match(describePage(computer, 0), { vmo: undefined, leaf: undefined, state: 'not mapped' });
});

t.test('what makes no picture is refused', async (t) => {
  for (const [start, cellBytes, count] of [
    [1, 4096, 1],
    [0, 3, 1],
    [0, 0.5, 1],
    [-4096, 4096, 1],
    [0, 1, 0],
    [0, 1, 1e6],
  ])
    t.throws(() => memoryPicture(computer, target, start!, cellBytes!, count!), RangeError);
});

t.test('no picture has changed the machine', async (t) => {
  t.equal(computer.machineHash(), hash);
});
