import type { DebugTarget, Stop, StopKind, StopRequest } from '../../target.js';
import { CommandError } from '../command-error.js';

/** What a breakpoint or watchpoint stops at: see StopRequest. */
export interface StopPlace {
  readonly pid: number | undefined;
  readonly address: bigint;
}

/** A breakpoint or watchpoint as the user sees it: it has a number, and may have a place in each process. */
export interface Breakpoint {
  readonly number: number;
  readonly kind: StopKind;
  /** What was typed: `main`, `add if $rdi == 10`. */
  readonly text: string;
  readonly isTemporary: boolean;
  readonly condition: string | undefined;
  readonly lengthBytes: number;
  hits: number;
  /** Its places, with the stops that are armed there; none while it is pending. */
  readonly places: (StopPlace & { readonly stop: Stop })[];
  /** The bytes that a watchpoint has seen last. */
  value: Uint8Array;
}

/** A breakpoint that is to be added. */
export type BreakpointRequest = Pick<Breakpoint, 'kind' | 'text' | 'isTemporary' | 'condition' | 'lengthBytes'>;

const KIND_NAMES: Readonly<Record<StopKind, string>> = {
  code: 'breakpoint',
  write: 'watchpoint',
  read: 'read watchpoint',
  access: 'access watchpoint',
};

/** `temporary breakpoint 2`. */
export function breakpointName({ kind, number, isTemporary }: Breakpoint): string {
  return `${isTemporary ? 'temporary ' : ''}${KIND_NAMES[kind]} ${number}`;
}

/** The breakpoints and watchpoints of a session. */
export class Breakpoints {
  private readonly byNumber = new Map<number, Breakpoint>();
  private count = 0;

  constructor(private readonly target: DebugTarget) {}

  get all(): readonly Breakpoint[] {
    return [...this.byNumber.values()];
  }

  add(request: BreakpointRequest, places: readonly StopPlace[]): Breakpoint {
    const added: Breakpoint = { ...request, number: ++this.count, hits: 0, places: [], value: new Uint8Array(0) };
    this.byNumber.set(added.number, added);
    for (const place of places) this.addPlace(added, place);
    this.noteValue(added);
    return added;
  }

  /** Arms a further place, unless it is armed. */
  addPlace(breakpoint: Breakpoint, place: StopPlace): void {
    const { kind, lengthBytes, places } = breakpoint;
    const { pid, address } = place;
    if (places.some((known) => known.address === address && known.pid === pid)) return;
    const request: StopRequest = { kind, lengthBytes, address, ...(pid !== undefined && { pid }) };
    places.push({ ...place, stop: this.target.addStop(request) });
  }

  /** Gives a breakpoint other places in a process. Those that it has already stay armed. */
  movePlacesIn(breakpoint: Breakpoint, pid: number, found: readonly StopPlace[]): void {
    const { places } = breakpoint;
    const isFound = ({ address }: StopPlace): boolean => found.some((place) => place.address === address);
    for (const place of places.filter((one) => one.pid === pid && !isFound(one))) {
      this.target.removeStop(place.stop);
      places.splice(places.indexOf(place), 1);
    }
    for (const place of found) this.addPlace(breakpoint, place);
  }

  /** Throws CommandError if there is none of that number. */
  remove(number: number): void {
    const removed = this.byNumber.get(number);
    if (!removed) throw new CommandError(`there is no breakpoint ${number}: info breakpoints lists them`);
    for (const { stop } of removed.places) this.target.removeStop(stop);
    this.byNumber.delete(number);
  }

  /** The breakpoint that a stop belongs to. */
  of(stop: Stop): Breakpoint | undefined {
    return this.all.find(({ places }) => places.some((place) => place.stop === stop));
  }

  /** The bytes that a watchpoint watches, as they are now. */
  bytesOf({ places, lengthBytes }: Breakpoint): Uint8Array {
    const { address, pid } = places[0]!;
    return this.target.readMemory(address, lengthBytes, pid);
  }

  /** Remembers the bytes of a watchpoint. */
  noteValue(breakpoint: Breakpoint): void {
    if (breakpoint.kind !== 'code') breakpoint.value = this.bytesOf(breakpoint);
  }
}
