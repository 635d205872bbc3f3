import type { DebugTarget, Stop, StopKind } from '../target.js';

/** The types of `Z` packets, by number. */
const KINDS: readonly StopKind[] = ['code', 'code', 'write', 'read', 'access'];
export const HARDWARE_BREAKPOINT = 1;
/** What a stop reply calls the types from 2 on. */
export const WATCH_NAMES: Readonly<Record<number, string>> = { 2: 'watch', 3: 'rwatch', 4: 'awatch' };

/** The breakpoints and watchpoints that a debugger has inserted. */
export class StopTable {
  private readonly inserted = new Map<string, { readonly type: number; readonly stop: Stop }>();

  constructor(private readonly target: DebugTarget) {}

  /** Inserts one; no effect if it is there. Returns false for an unknown type or an address that cannot have one. */
  insert(type: number, address: bigint, lengthBytes: number): boolean {
    const kind = KINDS[type];
    if (kind === undefined) return false;
    const key = keyOf(type, address, lengthBytes);
    if (this.inserted.has(key)) return true;
    // The length of a breakpoint is the kind of the instruction that would replace the code there; nothing replaces it here.
    const request = kind === 'code' ? { kind, address } : { kind, address, lengthBytes };
    try {
      this.inserted.set(key, { type, stop: this.target.addStop(request) });
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
    this.target.removeStop(found.stop);
  }

  removeAll(): void {
    for (const { stop } of this.inserted.values()) this.target.removeStop(stop);
    this.inserted.clear();
  }

  /** The type that a stop was inserted with; undefined if it is not one of these. */
  typeOf(stop: Stop): number | undefined {
    return [...this.inserted.values()].find((one) => one.stop === stop)?.type;
  }
}

function keyOf(type: number, address: bigint, lengthBytes: number): string {
  return `${type},${address},${lengthBytes}`;
}
