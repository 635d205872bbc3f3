/** `node hoard-seeds.js FIRST LAST STEPS`: machines of these seeds, one after another; a line of figures in the end. */
import { hoard } from './hoarding.js';

const [first, last, steps] = process.argv.slice(2).map(Number) as [number, number, number];
const refused = new Map<string, number>();
let calls = 0;
let most = 0;
let longestMs = 0;
for (let seed = first; seed <= last; seed++) {
  const result = hoard(seed, steps);
  calls += result.calls;
  most = Math.max(most, result.mostBytes / result.maxBytes);
  longestMs = Math.max(longestMs, result.longestStepMs);
  for (const [name, count] of result.refusals) refused.set(name, (refused.get(name) ?? 0) + count);
  if (process.env['HOARD_VERBOSE']) console.error(seed, JSON.stringify({ ...result, refusals: [...result.refusals] }));
}
const seeds = last - first + 1;
console.log(
  JSON.stringify({ seeds, calls, most, longestMs, refused: Object.fromEntries([...refused].sort()), ...memory() }),
);

function memory(): { residentMb: number } {
  return { residentMb: Math.round(process.resourceUsage().maxRSS / 1024) };
}
