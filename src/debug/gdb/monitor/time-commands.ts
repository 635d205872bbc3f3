import { bytesToHex, hex } from '../../../bits.js';
import { pidText } from '../../../kernel/tasks/process-table.js';
import type { Steps } from '../../../vmo/steps.js';
import type { Debugger } from '../../debugger/debugger.js';
import type { AddressSpaceName } from '../../machine/debugged-machine.js';
import type { StoreRecord } from '../../timeline/past.js';
import type { Timeline } from '../../timeline/timeline.js';
import { lengthOf, MonitorError, MOST_BYTES, numberOf, type MonitorCommand } from './monitor.js';

/** The commands after `monitor` that need the past of a machine. */
export function timeCommands(debug: Debugger, timeline: Timeline): readonly MonitorCommand[] {
  return [
    {
      usage: 'who [physical] ADDRESS[,LENGTH]',
      summary: 'the last store to some bytes of the selected process, or of physical memory, by anybody',
      run: (words, _target, pid) => {
        const isPhysical = words[0] === 'physical';
        const [address, length, ...others] = words
          .slice(isPhysical ? 1 : 0)
          .flatMap((word) => word.split(','))
          .filter((word) => word !== '');
        if (address === undefined || others.length > 0)
          throw new MonitorError(`usage: monitor who [physical] ADDRESS[,LENGTH], LENGTH at most ${MOST_BYTES}`);
        const lengthBytes = length === undefined ? 1 : lengthOf(length);
        return finding(debug, timeline, numberOf(address), lengthBytes, isPhysical ? 'physical' : pid);
      },
    },
    {
      usage: 'goto TICK',
      summary: 'go to a tick of the history',
      run: ([tick, ...others]) => {
        if (tick === undefined || others.length > 0) throw new MonitorError('usage: monitor goto TICK');
        return going(debug, Number(numberOf(tick)));
      },
    },
    {
      usage: 'history',
      summary: 'how far back the machine can go',
      run: () => {
        const { snapshots, bytes } = timeline.statistics;
        return [
          `now at tick ${debug.ticks} of ${timeline.begin} to ${timeline.end}`,
          `${snapshots} snapshots, ${Math.ceil(bytes / 2 ** 20)} MiB`,
        ];
      },
    },
    {
      usage: 'snapshot',
      summary: 'keep a snapshot of now, so that going back to it is fast',
      run: () => {
        timeline.keepNow();
        return [`kept tick ${debug.ticks}`];
      },
    },
  ];
}

function* finding(
  debug: Debugger,
  timeline: Timeline,
  address: bigint,
  lengthBytes: number,
  space: AddressSpaceName,
): Steps<readonly string[]> {
  const store = yield* refusable(debug.whoWroteInSteps(address, lengthBytes, space));
  return store ? storeLines(store, debug.isBare) : [`nobody has stored there since tick ${timeline.begin}`];
}

/** Work that a RangeError ends whose message is for the user. */
function* refusable<T>(work: Steps<T>): Steps<T> {
  try {
    return yield* work;
  } catch (error) {
    if (error instanceof RangeError) throw new MonitorError(error.message);
    throw error;
  }
}

function* going(debug: Debugger, tick: number): Steps<readonly string[]> {
  yield* refusable(debug.gotoInSteps(tick));
  return [`at tick ${debug.ticks}; gdb does not know: maintenance flush register-cache, then frame`];
}

/** What is known of a store, in lines. */
function storeLines(store: StoreRecord, isBare: boolean): string[] {
  const { tick, tid, pid, name, rip, isByKernel, address, before, after } = store;
  const by = !isByKernel ? '' : isBare ? 'a device or an interrupt, at ' : 'a kernel call of ';
  return [
    `${hex(address)}: ${bytesToHex(before)} -> ${bytesToHex(after)} at tick ${tick}`,
    `${by}thread ${tid} of ${name} (process ${pidText(pid)}), rip ${hex(rip)} (info symbol ${hex(rip)})`,
    `monitor goto ${tick - 1} goes there`,
  ];
}
