import { codeAround, placeText } from '../../debug/commands/place-text.js';
import { flagsText, SHOWN_REGISTERS } from '../../debug/commands/register-names.js';
import type { DebugSession } from '../../debug/commands/session.js';
import { processText } from '../../debug/reports/machine-text.js';
import type { RegisterFile } from '../../debug/target.js';
import { fromLinear, toLinear } from '../../kernel/memory/linear-address.js';
import type { MethodContext } from './methods.js';

/** What the debugger view shows at most. */
export interface DebuggerRequest {
  /** Instructions. */
  readonly rows: number;
  /** The address, without its sign extension, from which memory is shown; undefined: the top of the stack. */
  readonly memory: number | undefined;
  readonly memoryBytes: number;
}

export interface CodeRow {
  /** Hexadecimal. */
  readonly address: string;
  readonly offset: string;
  readonly text: string;
  readonly isCurrent: boolean;
  /** The number of the breakpoint there. */
  readonly breakpoint: number | undefined;
}

export interface RegisterRow {
  readonly name: string;
  readonly value: string;
  /** What the value is, in words: a symbol, or a signed number. */
  readonly meaning: string;
  readonly isChanged: boolean;
}

/** What the debugger view shows of a machine that stands. */
export interface DebuggerState {
  /** Undefined if no thread is left. */
  readonly thread: number | undefined;
  readonly threads: readonly { readonly tid: number; readonly text: string }[];
  readonly frames: readonly { readonly text: string; readonly isSelected: boolean }[];
  /** The function that `code` is of. */
  readonly title: string;
  readonly code: readonly CodeRow[];
  /** The current source line. */
  readonly source: { readonly path: string; readonly line: number } | undefined;
  readonly registers: readonly RegisterRow[];
  readonly breakpoints: readonly { readonly number: number; readonly text: string }[];
  readonly memory: { readonly start: number; readonly bytes: Uint8Array };
}

const FRAMES_MAX = 50;
const THREADS_MAX = 100;
const LINE_BYTES = 16;

/** The registers of a thread at the last two stops. */
interface Seen {
  readonly tick: number;
  readonly tid: number;
  readonly file: RegisterFile;
}

const seen = new WeakMap<DebugSession, { now: Seen; before: Seen | undefined }>();

export function debuggerState({ session }: MethodContext, request: DebuggerRequest): DebuggerState {
  const { target } = session;
  const breakpoints = session.breakpoints.all.map((one) => ({
    number: one.number,
    text: one.condition === undefined ? one.text : `${one.text} if ${one.condition}`,
  }));
  if (target.threads.length === 0) return { ...NOTHING, breakpoints };
  const { tid } = session.thread;
  const file = target.readRegisters(tid);
  const line = session.images.line(session.frame.rip);
  return {
    thread: tid,
    threads: target.threads.slice(0, THREADS_MAX).map((thread) => ({
      tid: thread.tid,
      text: `${thread.name}: ${thread.call ?? thread.state}, ${processText({ pid: thread.pid, linuxPid: undefined })}`,
    })),
    frames: session
      .frames(tid)
      .slice(0, FRAMES_MAX)
      .map(({ rip }, at) => ({
        text: placeText(session.images, rip, at === 0 ? 0 : 1),
        isSelected: at === session.frameNumber,
      })),
    ...codeOf(session, request.rows),
    source: line && { path: line.path, line: line.line },
    registers: registersOf(session, tid, file),
    breakpoints,
    memory: memoryOf(session, request, file.rsp),
  };
}

const NOTHING: DebuggerState = {
  ...{ thread: undefined, threads: [], frames: [], title: '', code: [], source: undefined, registers: [] },
  ...{ breakpoints: [], memory: { start: 0, bytes: new Uint8Array(0) } },
};

/** The instructions around the current one, with their breakpoints. */
function codeOf(session: DebugSession, rows: number): Pick<DebuggerState, 'title' | 'code'> {
  const { rip } = session.frame;
  const { symbol, lines } = codeAround(session, rows);
  const stops = new Map(
    session.breakpoints.all.flatMap(({ number, places }) => places.map(({ address }) => [address, number] as const)),
  );
  const code = lines.map(({ address, text }) => ({
    address: address.toString(16),
    offset: /^\S+ <[^>]*?(\+0x[0-9a-f]+)?>:/.exec(text)?.[1] ?? '',
    text: text.replace(/^\S+(?: <.*?>)?: /, ''),
    isCurrent: address === rip,
    breakpoint: stops.get(address),
  }));
  return { title: symbol?.name ?? 'code', code };
}

function registersOf(session: DebugSession, tid: number, file: RegisterFile): RegisterRow[] {
  const before = beforeNow(session, tid, file);
  const rows = SHOWN_REGISTERS.map((name) => ({
    name,
    value: file[name].toString(16).padStart(16, '0'),
    meaning: session.images.symbolText(file[name]) ?? String(BigInt.asIntN(64, file[name])),
    isChanged: before !== undefined && before[name] !== file[name],
  }));
  const isChanged = before !== undefined && before.rflags !== file.rflags;
  return [...rows, { name: 'flags', value: flagsText(file.rflags), meaning: '', isChanged }];
}

/** The registers at the stop before this one, of the same thread. */
function beforeNow(session: DebugSession, tid: number, file: RegisterFile): RegisterFile | undefined {
  const { ticks: tick } = session.target;
  const known = seen.get(session);
  const isNew = known?.now.tick !== tick || known.now.tid !== tid;
  const next = isNew ? { now: { tick, tid, file }, before: known?.now } : known!;
  seen.set(session, next);
  return next.before?.tid === tid ? next.before.file : undefined;
}

function memoryOf(session: DebugSession, request: DebuggerRequest, rsp: bigint): DebuggerState['memory'] {
  const stack = fromLinear(rsp) ?? 0;
  const start = request.memory ?? stack - (stack % LINE_BYTES);
  return { start, bytes: session.target.readMemory(toLinear(start), request.memoryBytes, session.pid) };
}
