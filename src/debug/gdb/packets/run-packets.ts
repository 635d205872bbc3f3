import { bytesOfHex, cut, parseCount, parseWord } from '../byte-strings.js';
import type { Motion } from '../execution.js';
import { ERROR, OK, UNSUPPORTED } from '../replies.js';
import type { SessionState } from '../session-state.js';
import { GDB_PID, parseThreadId, type ThreadSelection } from '../thread-ids.js';
import type { PacketContext, PacketTable } from './packet-handler.js';

/** Packets that let the machine run, and that end the session. */
export const RUN_PACKETS: PacketTable = {
  '?': ({ execution }) => (execution.isRunning ? ERROR.busy : execution.lastReply),
  'vCont?': () => 'vCont;c;C;s;S;r',
  vCont: (context, rest) => continueThreads(context, rest),
  // Signals are for the debugger's user only: there are none in the machine.
  c: (context, rest) => continueAt(context, rest, false),
  C: (context, rest) => continueAt(context, cut(rest, ';')[1] ?? '', false),
  s: (context, rest) => continueAt(context, rest, true),
  S: (context, rest) => continueAt(context, cut(rest, ';')[1] ?? '', true),
  bc: (context) => start(context, { direction: 'backward' }),
  bs: (context) => step(context, { direction: 'backward' }, context.state.continueThread),
  QThreadEvents: ({ execution }, rest) => {
    if (rest !== '0' && rest !== '1') return ERROR.invalid;
    execution.reportThreadEvents(rest === '1');
    return OK;
  },
  D: (context, rest) => {
    if (rest !== '' && parseCount(rest.slice(1)) !== GDB_PID) return ERROR.notFound;
    context.detach();
    return OK;
  },
  k: (context) => {
    kill(context);
    return undefined;
  },
  vKill: (context, rest) => {
    if (parseCount(rest) !== GDB_PID) return ERROR.notFound;
    kill(context);
    return OK;
  },
  Z: ({ state }, rest) => {
    const [placeText, ...conditionTexts] = rest.split(';');
    const place = parsePlace(placeText!);
    const conditions = parseConditions(conditionTexts.join(''));
    if (place === undefined || conditions === undefined) return ERROR.invalid;
    if (place.type > 4) return UNSUPPORTED;
    const pid = state.readers.watcherOf(place.address, place.lengthBytes, state.pid);
    return state.stops.insert(place.type, { ...place, pid, conditions }) ? OK : ERROR.invalid;
  },
  z: ({ state }, rest) => {
    const place = parsePlace(rest);
    if (place === undefined) return ERROR.invalid;
    if (place.type > 4) return UNSUPPORTED;
    state.stops.remove(place.type, place.address, place.lengthBytes);
    return OK;
  },
};

interface Place {
  readonly type: number;
  readonly address: bigint;
  readonly lengthBytes: number;
}

/** Agent expressions, each as `Xlength,bytes`; commands for this end are not offered. */
function parseConditions(text: string): Uint8Array[] | undefined {
  const conditions: Uint8Array[] = [];
  let at = 0;
  while (at < text.length) {
    const header = /^X([0-9a-f]{1,4}),/i.exec(text.slice(at));
    const lengthBytes = parseCount(header?.[1]);
    if (!header || lengthBytes === undefined) return undefined;
    at += header[0].length;
    const condition = bytesOfHex(text.slice(at, at + 2 * lengthBytes));
    if (condition?.length !== lengthBytes) return undefined;
    conditions.push(condition);
    at += 2 * lengthBytes;
  }
  return conditions;
}

/** `type,address,length`. */
function parsePlace(text: string): Place | undefined {
  const parts = /^([0-9]),([0-9a-f]+),([0-9a-f]+)$/i.exec(text);
  const [address, lengthBytes] = [parseWord(parts?.[2]), parseCount(parts?.[3])];
  if (!parts || address === undefined || lengthBytes === undefined) return undefined;
  const type = Number(parts[1]);
  const isWatchpoint = type >= 2;
  if (isWatchpoint && (lengthBytes === 0 || address + BigInt(lengthBytes) > 1n << 64n)) return undefined;
  return { type, address, lengthBytes };
}

/** Ends the program. All processes end with it. */
function kill({ state, execution, detach }: PacketContext): void {
  execution.halt();
  for (const { pid } of [...state.target.processes].reverse()) state.target.kill(pid);
  detach();
}

/** Lets the machine run; the reply comes when it stops. */
function start({ state, execution }: PacketContext, motion: Motion): string | undefined {
  if (execution.isRunning) return ERROR.busy;
  if (execution.exitCode !== undefined || state.target.threads.length === 0) return ERROR.notFound;
  execution.start(motion);
  return undefined;
}

/** Steps the selected thread, or the one that packets are about if all are selected. */
function step(
  context: PacketContext,
  motion: Motion,
  selection: ThreadSelection,
  range?: Motion['range'],
): string | undefined {
  const { state } = context;
  const tid = typeof selection === 'number' ? selection : state.selected?.tid;
  if (tid === undefined || !state.target.findThread(tid)) return ERROR.notFound;
  return start(context, { ...motion, step: tid, ...(range && { range }) });
}

/** `c [address]` and `s [address]`. */
function continueAt(context: PacketContext, rest: string, steps: boolean): string | undefined {
  const { state, execution } = context;
  if (execution.isRunning) return ERROR.busy;
  if (rest !== '') {
    const address = parseWord(rest);
    const tid = typeof state.continueThread === 'number' ? state.continueThread : state.selected?.tid;
    if (address === undefined) return ERROR.invalid;
    if (tid === undefined || !state.target.findThread(tid)) return ERROR.notFound;
    if (!state.target.writeRegister(tid, 'rip', address)) return ERROR.invalid;
  }
  return steps ? step(context, {}, state.continueThread) : start(context, {});
}

/** One action of `vCont`. */
interface Action {
  readonly steps: boolean;
  readonly range?: NonNullable<Motion['range']>;
  readonly selection: ThreadSelection;
}

/**
 * `vCont;action[:thread]...`: the action of the first entry that names a thread is its own. Threads run together, because
 * they wait for each other: those without an action run as well.
 */
function continueThreads(context: PacketContext, rest: string): string | undefined {
  const actions = rest.split(';').map(parseAction);
  if (!actions.every((action) => action !== undefined)) return ERROR.invalid;
  const { state } = context;
  if (!actions.some(({ selection }) => isLive(state, selection)))
    return state.client.knowsNoResumed && !context.execution.isRunning ? 'N' : ERROR.notFound;
  const stepping = actions.find(({ steps, selection }) => steps && isLive(state, selection));
  return stepping ? step(context, {}, stepping.selection, stepping.range) : start(context, {});
}

function isLive({ target }: SessionState, selection: ThreadSelection): boolean {
  return typeof selection === 'number' ? target.findThread(selection) !== undefined : target.threads.length > 0;
}

function parseAction(text: string): Action | undefined {
  const [action, thread] = cut(text, ':');
  const selection = thread === undefined ? 'all' : parseThreadId(thread);
  if (selection === undefined) return undefined;
  if (/^(?:c|C[0-9a-fA-F]{2})$/.test(action)) return { steps: false, selection };
  if (/^(?:s|S[0-9a-fA-F]{2})$/.test(action)) return { steps: true, selection };
  const parts = /^r([0-9a-f]+),([0-9a-f]+)$/i.exec(action);
  const [start, end] = [parseWord(parts?.[1]), parseWord(parts?.[2])];
  if (start === undefined || end === undefined) return undefined;
  return { steps: true, selection, range: { start, end } };
}
