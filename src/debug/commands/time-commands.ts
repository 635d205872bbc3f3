import { pidText } from '../../kernel/tasks/process-table.js';
import type { Steps } from '../../vmo/steps.js';
import type { StoreRecord } from '../timeline/past.js';
import type { Timeline } from '../timeline/timeline.js';
import { CommandError } from './command-error.js';
import { addressAndLength, expectNone, numberOf, type Command } from './command.js';
import { numberedLine, placeText } from './place-text.js';
import type { DebugSession } from './session.js';
import { bytesText } from './value-text.js';

/** Commands about the past of the machine. */
export const TIME_COMMANDS: readonly Command[] = [
  {
    usage: 'who ADDRESS[,LENGTH]',
    summary: 'show the last store to a variable, or to LENGTH bytes (1) at an address, by any thread',
    run: who,
  },
  {
    usage: 'goto TICK',
    summary: 'go to a tick of the history: a number, begin, end, +N or -N',
    run: (session, rest) => {
      const { begin, end } = timelineOf(session);
      if (rest === '') throw new CommandError('goto needs a tick');
      const tick = tickOf(session, rest);
      if (tick < begin || tick > end)
        throw new CommandError(`tick ${tick} is not in the history, which reaches from ${begin} to ${end}`);
      session.ask(going(session, tick));
    },
  },
  {
    usage: 'history',
    summary: 'show how far back the history reaches',
    run: (session, rest) => {
      expectNone('history', rest);
      const { begin, end, statistics } = timelineOf(session);
      const { snapshots, bytes } = statistics;
      const size = `${snapshots} snapshot${snapshots === 1 ? '' : 's'} of ${(bytes / 2 ** 20).toFixed(1)} MB`;
      return [`ticks ${begin} to ${end}, now ${session.target.ticks}; ${size}`];
    },
  },
];

function timelineOf({ target }: DebugSession): Timeline {
  if (!target.timeline) throw new CommandError('no history is kept here');
  return target.timeline;
}

function tickOf(session: DebugSession, text: string): number {
  const { begin, end } = timelineOf(session);
  if (text === 'begin') return begin;
  if (text === 'end') return end;
  const { ticks } = session.target;
  if (text.startsWith('+')) return ticks + numberOf(session, text.slice(1), 'number of ticks');
  if (text.startsWith('-')) return ticks - numberOf(session, text.slice(1), 'number of ticks');
  return numberOf(session, text, 'tick');
}

function* going(session: DebugSession, tick: number): Steps<readonly string[]> {
  yield* session.target.gotoInSteps(tick);
  return session.placeLines();
}

function who(session: DebugSession, rest: string): void {
  timelineOf(session);
  if (rest === '') throw new CommandError('who needs a variable or an address');
  const [symbol] = session.images.find(rest, session.pid);
  const { address, length } = symbol
    ? { address: symbol.start, length: symbol.lengthBytes }
    : addressAndLength(session, rest);
  session.ask(finding(session, address, length || 1));
}

function* finding(session: DebugSession, address: bigint, lengthBytes: number): Steps<readonly string[]> {
  const { target, allImages } = session;
  let lines = ['nothing was stored there since the history begins'];
  // The code of the store may be gone by now: a library that was unmapped, a process that has ended.
  yield* target.whoWroteInSteps(address, lengthBytes, session.pid, (record) => {
    allImages.refresh();
    lines = recordLines(session, record);
  });
  allImages.refresh();
  return lines;
}

function recordLines({ allImages, options, target }: DebugSession, record: StoreRecord): string[] {
  const { tick, tid, pid, name, rip, isByKernel, address, before, after } = record;
  const images = allImages.seenBy(pid);
  const how = !isByKernel ? '' : target.isBare ? ', by a device or an interrupt' : ', in a kernel call';
  const line = images.line(rip);
  const source = line && options.readSource?.(line.path)?.[line.line - 1];
  return [
    `thread ${tid} of process ${pidText(pid)} (${name}), tick ${tick - 1}${how}: ${placeText(images, rip)}`,
    ...(line && source !== undefined ? [numberedLine(line.line, source)] : []),
    `  stored at 0x${address.toString(16)}: ${bytesText(before)} -> ${bytesText(after)}`,
  ];
}
