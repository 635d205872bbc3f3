/**
 * The last store to bytes of busy pages is found, of whatever kind it was, in a run of four processes. Those bytes lie on pages
 * that a loop writes all the time, some of them are read all the time, and stores may leave them as they were, be made by a
 * kernel call, by REP MOVS, across the edge of a page, or by another process.
 */
import t from 'tap';
import { isOf, plantedRun } from '../support/plantings.js';
import { seedOf, volume } from '../support/volume.js';

const seed = seedOf(20261202);
/** In a long run, 500 million instructions. */
const ITERATIONS = volume(2500, 2_300_000);
/** In each of the four processes; the first ones are one of each kind. */
const PLANTINGS = volume(7, 30);

t.setTimeout(0);

t.test('each planted store is found', async (t) => {
  const { debug, ticks, plantings } = await plantedRun(seed, ITERATIONS, PLANTINGS);
  const times: number[] = [];
  const kinds = new Set<string>();
  // One of each kind, and all of them in a long run.
  const chosen = [...new Map(plantings.map((planting) => [planting.kind, planting])).values()];
  for (const planting of volume(chosen.length, plantings.length) > chosen.length ? plantings : chosen) {
    const begin = cpuMs();
    const record = debug.whoWrote(planting.address, planting.lengthBytes);
    times.push(cpuMs() - begin);
    kinds.add(planting.kind);
    if (!record || !isOf(record, planting))
      t.fail(`${JSON.stringify(planting, show)}: ${JSON.stringify(record, show)}`);
    else if (record.isByKernel !== (planting.kind === 'call')) t.fail(`${planting.kind}: ${record.isByKernel}`);
    if (times.length % 20 === 0) t.comment(`${times.length} found`);
  }
  times.sort((a, b) => a - b);
  const [median, longest] = [times[times.length >> 1]!, times.at(-1)!].map(Math.round);
  t.comment(`${times.length} stores in ${ticks} ticks: ${median} ms of CPU time (median), ${longest} ms at most`);
  t.equal(kinds.size, 7);
});

t.test('where no page was ever written, nothing is searched', async (t) => {
  const { debug, plantings } = await plantedRun(seed, 500, 7);
  const stepsFor = (address: bigint, length = 1): number => {
    let count = 0;
    const steps = debug.whoWroteInSteps(address, length);
    while (!steps.next().done) count++;
    return count;
  };
  const { ticks, memoryMap } = debug;
  const code = memoryMap.find(({ executable, what }) => executable && what.startsWith('image'))!;
  t.strictSame([stepsFor(0x5000_0000_0000n), stepsFor(0x7fff_ffff_f000n, 8192), stepsFor(code.start)], [0, 0, 0]);
  t.ok(stepsFor(plantings[0]!.address, plantings[0]!.lengthBytes) > 0);
  t.equal(debug.ticks, ticks);
});

/** CPU time of this process in milliseconds: that of a busy machine is the same. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function show(_: string, item: unknown): unknown {
  return typeof item === 'bigint' ? `0x${item.toString(16)}` : item;
}
