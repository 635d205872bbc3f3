import { hex, isCanonical } from '../../bits.js';
import type { Cpu } from '../../cpu/cpu.js';
import { ADDRESS_SPACE_END, fromLinear, toLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import type { DataAccess } from '../../mmu/data-stops.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { MachineThread } from '../machine/debugged-machine.js';
import type { Stop, StopKind, StopRequest } from '../target.js';

/** A watched range of addresses, and what happens when it is hit. */
export interface Armed<What> {
  readonly kind: StopKind;
  readonly range: AddressRange;
  readonly tid: number | undefined;
  /** Of code: the process whose threads count; undefined: any. */
  readonly pid: number | undefined;
  /** Added to an address in the range: the address of it in the process that asked for it. */
  readonly distance: number;
  readonly what: What;
}

/** An access that hit an armed range. */
export interface DataHit<What> {
  readonly armed: Armed<What>;
  /** The first byte of the range that was accessed, and the first byte that was: as the process sees them that asked for it. */
  readonly address: bigint;
  readonly start: bigint;
  readonly access: DataAccess;
}

/** Armed ranges, and which of them are hit. */
export class StopSet<What> {
  private readonly data = new Set<Armed<What>>();
  /** Code ranges of one byte, by address. */
  private readonly places = new Map<LinearAddress, Set<Armed<What>>>();
  private readonly codeRanges = new Set<Armed<What>>();

  private suspended = false;

  constructor(
    private readonly cpu: Cpu,
    /** Where what a process sees at an address lies. */
    private readonly homeOf: (address: LinearAddress, pid: number | undefined) => LinearAddress,
  ) {}

  /** Makes the machine stop at nothing, or at what is armed again. */
  suspend(isSuspended: boolean): void {
    if (this.suspended === isSuspended) return;
    this.suspended = isSuspended;
    for (const armed of this.all()) this.tell(armed, !isSuspended);
  }

  get isSuspended(): boolean {
    return this.suspended;
  }

  /** Makes the machine stop at a range, or no longer. */
  private tell({ kind, range }: Armed<What>, isArmed: boolean): void {
    const { codeStops, mmu } = this.cpu;
    if (kind === 'code') codeStops[isArmed ? 'add' : 'delete'](range);
    else if (isArmed) mmu.derived.addDataStop(range, kind);
    else mmu.derived.removeDataStop(range, kind);
  }

  private *all(): Generator<Armed<What>, void, undefined> {
    yield* this.data;
    yield* this.codeRanges;
    for (const set of this.places.values()) yield* set;
  }

  /** Whether any range is armed for which `is` returns true. */
  has(is: (what: What) => boolean): boolean {
    for (const { what } of this.all()) if (is(what)) return true;
    return false;
  }

  /** Throws RangeError for a range that is empty or not canonical. */
  arm({ kind, address, lengthBytes = 1, tid, pid }: StopRequest, what: What): Armed<What> {
    const seen = isCanonical(address) ? fromLinear(address) : undefined;
    if (seen === undefined || !Number.isSafeInteger(lengthBytes) || lengthBytes < 1)
      throw new RangeError(`${lengthBytes} bytes at ${hex(address)} are not a range of canonical addresses`);
    if (seen + lengthBytes > ADDRESS_SPACE_END)
      throw new RangeError(`${lengthBytes} bytes at ${hex(address)} exceed the address space`);
    const start = kind === 'code' ? seen : this.homeOf(seen, pid);
    const range = { start, end: start + lengthBytes };
    const armed = { kind, range, tid, pid, distance: seen - start, what };
    (kind === 'code' ? this.codeSet(armed) : this.data).add(armed);
    if (!this.suspended) this.tell(armed, true);
    return armed;
  }

  /** Throws RangeError if it is not armed. */
  disarm(armed: Armed<What>): void {
    const { kind, range } = armed;
    const set = kind === 'code' ? this.codeSet(armed) : this.data;
    if (!set.delete(armed)) throw new RangeError(`the stop at ${hex(toLinear(range.start))} is not armed`);
    if (kind === 'code' && set.size === 0) this.places.delete(range.start);
    if (!this.suspended) this.tell(armed, false);
  }

  /** What is hit by the thread that is about to execute the instruction at an address. */
  hitsAt(address: LinearAddress, { tid, process }: MachineThread): Armed<What>[] {
    const ranges = [...this.codeRanges].filter(({ range }) => address >= range.start && address < range.end);
    const isOf = ({ pid }: Armed<What>): boolean => pid === undefined || pid === process.pid;
    return [...(this.places.get(address) ?? []), ...ranges].filter((armed) => isFor(armed, tid) && isOf(armed));
  }

  /** What is hit by accesses of a thread. */
  hitsBy(accesses: readonly DataAccess[], tid: number): DataHit<What>[] {
    return accesses.flatMap((access) => {
      const hit = [...this.data].filter((armed) => isFor(armed, tid) && touches(armed, access));
      return hit.map((armed) => {
        const { range, distance } = armed;
        const address = toLinear(Math.max(range.start, access.start) + distance);
        return { armed, access, address, start: toLinear(access.start + distance) };
      });
    });
  }

  private codeSet({ range: { start, end } }: Armed<What>): Set<Armed<What>> {
    if (end - start > 1) return this.codeRanges;
    const known = this.places.get(start) ?? new Set<Armed<What>>();
    this.places.set(start, known);
    return known;
  }
}

/** The stop that a request becomes. */
export function stopOf(request: StopRequest): Stop {
  return { lengthBytes: 1, ...request };
}

function isFor({ tid }: Armed<unknown>, running: number): boolean {
  return tid === undefined || tid === running;
}

function touches({ kind, range }: Armed<unknown>, { access, start, end, isPhysical }: DataAccess): boolean {
  return !isPhysical && (kind === 'access' || kind === access) && start < range.end && end > range.start;
}
