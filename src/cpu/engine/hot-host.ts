import { PAGE_SIZE } from '../../bits.js';
import type { Interpreter } from '../interpreter/interpreter.js';
import type { HotCodeHost } from '../translator/hot-code-host.js';
import type { BlockCache } from './block-cache.js';
import type { EngineCpu } from './engine-cpu.js';

/** What the hot tier needs, of a CPU, its decoded records and the interpreter that runs them. */
export function hotCodeHost(cpu: EngineCpu, blocks: BlockCache, interpreter: Interpreter): HotCodeHost {
  const { memory, mmu, fetcher, codeStops, bare } = cpu;
  return {
    ...{ memory, mmu, fetcher, interpret: interpreter.function, functions: interpreter.functions },
    fetchedPage: (linear) => {
      // What has been decoded stays known when the TLB is flushed.
      const frame = blocks.frameOf(linear);
      return frame === undefined ? fetcher.fetchedPage(linear) : frame * PAGE_SIZE;
    },
    isReached: (rip) => blocks.has(rip),
    isJumpedTo: (rip) => blocks.isJumpedTo(rip),
    hasStop: (rip) => codeStops.has(rip),
    hasStops: () => !codeStops.isEmpty,
    forbids: (form) => bare?.rules.isStrict === true && bare.rules.concerns(form),
    isLive: ({ linear, physical }) => blocks.isLive(linear, physical / PAGE_SIZE),
    markRegion: (rip, view) => blocks.markRegion(rip, view),
    leadsToRegion: (record) => blocks.leadsToRegion(record),
  };
}
