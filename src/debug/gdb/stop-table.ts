import { AgentExpressionError, evaluateAgentExpression } from './agent-expression.js';
import { registerValue } from './registers.js';
import type { DebugTarget, Stop, StopKind, StopReason } from '../target.js';

/** The types of `Z` packets, by number. */
const KINDS: readonly StopKind[] = ['code', 'code', 'write', 'read', 'access'];
export const HARDWARE_BREAKPOINT = 1;
/** What a stop reply calls the types from 2 on. */
export const WATCH_NAMES: Readonly<Record<number, string>> = { 2: 'watch', 3: 'rwatch', 4: 'awatch' };

/** What is inserted. */
interface Insertion {
  readonly address: bigint;
  readonly lengthBytes: number;
  readonly pid: number | undefined;
  readonly conditions?: readonly Uint8Array[];
}

interface Entry {
  readonly type: number;
  readonly stop: Stop;
  /** Agent expressions: the machine stops if one of them is true, or there is none. */
  readonly conditions: readonly Uint8Array[];
}

/**
 * The breakpoints and watchpoints that a debugger has inserted. gdb removes all of them whenever the machine stops, and inserts
 * them again before it continues; but adding and removing one makes the machine forget the code that it has prepared around
 * it. So a stop that was removed stays armed, and does not count, until the machine continues without it.
 */
export class StopTable {
  private readonly inserted = new Map<string, Entry>();
  private readonly removed = new Map<string, Entry>();

  constructor(private readonly target: DebugTarget) {}

  /**
   * Inserts one; if it is there, only its conditions change. Returns false for an unknown type or an address that cannot have
   * one. A watchpoint is for the data of a process; a breakpoint for the code at an address in any process, as gdb has it.
   */
  insert(type: number, { address, lengthBytes, pid, conditions = [] }: Insertion): boolean {
    const kind = KINDS[type];
    if (kind === undefined) return false;
    const key = keyOf(type, address, lengthBytes);
    const before = this.inserted.get(key) ?? this.removed.get(key);
    this.removed.delete(key);
    // The length of a breakpoint is the kind of the instruction that would replace the code there; nothing replaces it here.
    const request =
      kind === 'code' ? { kind, address } : { kind, address, lengthBytes, ...(pid !== undefined && { pid }) };
    try {
      const stop = before?.stop ?? this.target.addStop(request);
      this.inserted.set(key, { type, stop, conditions });
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  /** Removes one; no effect if it is not there. */
  remove(type: number, address: bigint, lengthBytes: number): void {
    const key = keyOf(type, address, lengthBytes);
    const found = this.inserted.get(key);
    if (!found) return;
    this.inserted.delete(key);
    this.removed.set(key, found);
  }

  removeAll(): void {
    for (const [key, entry] of this.inserted) this.removed.set(key, entry);
    this.inserted.clear();
    this.disarmRemoved();
  }

  /** Called before the machine continues, by more than an instruction of one thread. */
  disarmRemoved(): void {
    for (const { stop } of this.removed.values()) this.target.removeStop(stop);
    this.removed.clear();
  }

  /** Whether the machine has stopped for a stop that was removed. */
  isOfRemoved(reason: StopReason): boolean {
    if (reason.kind !== 'breakpoint' && reason.kind !== 'watchpoint') return false;
    return [...this.removed.values()].some(({ stop }) => stop === reason.stop);
  }

  /** The report of a breakpoint of the debugger where a thread has reached another one; undefined if there is none. */
  breakpointAt(reason: StopReason): Extract<StopReason, { kind: 'breakpoint' }> | undefined {
    if (reason.kind !== 'breakpoint') return undefined;
    const found = [...this.inserted.values()].find(
      ({ stop }) => stop.kind === 'code' && stop.address === reason.stop.address,
    );
    return found && { ...reason, stop: found.stop };
  }

  /** The type that a stop was inserted with; undefined if it is not one of these. */
  typeOf(stop: Stop): number | undefined {
    return this.entriesOf(stop)[0]?.type;
  }

  /** Whether a breakpoint that a thread has reached does not count, because all of its conditions are false. */
  isRefused(reason: StopReason): boolean {
    if (reason.kind !== 'breakpoint') return false;
    const conditions = this.entriesOf(reason.stop).flatMap((entry) => entry.conditions);
    return conditions.length > 0 && !conditions.some((condition) => isTrue(condition, this.target, reason.tid));
  }

  private entriesOf(stop: Stop): Entry[] {
    return [...this.inserted.values()].filter((one) => one.stop === stop);
  }
}

/** A condition that cannot be evaluated counts as true: the debugger evaluates it again, and can tell its user why. */
function isTrue(condition: Uint8Array, target: DebugTarget, tid: number): boolean {
  const pid = target.findThread(tid)?.pid;
  try {
    const value = evaluateAgentExpression(condition, {
      register: (number) => registerValue(target, tid, number),
      readMemory: (address, lengthBytes) => target.readMemory(address, lengthBytes, pid),
    });
    return value !== 0n;
  } catch (error) {
    if (error instanceof AgentExpressionError) return true;
    throw error;
  }
}

function keyOf(type: number, address: bigint, lengthBytes: number): string {
  return `${type},${address},${lengthBytes}`;
}
