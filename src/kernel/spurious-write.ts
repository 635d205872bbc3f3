import { hex } from '../bits.js';
import type { RefusedStore } from '../cpu/events.js';
import { fromLinear, toLinear, type LinearAddress } from './linear-address.js';
import {
  describeSurroundings,
  surroundingsAt,
  type Neighbourhood,
  type Surroundings,
  type SymbolAt,
} from './surroundings.js';
import type { Thread } from './thread.js';

/** What becomes of it: its bytes are left out, or stored all the same, or the process ends. */
export type SpuriousWriteVerdict = 'skip' | 'allow' | 'kill';

/** Bytes that a thread in debug mode was about to store to what is not its own. */
export interface SpuriousBytes {
  readonly address: LinearAddress;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly surroundings: Surroundings | undefined;
}

/** A store that debug mode has stopped before it changed anything. */
export interface SpuriousWrite {
  readonly pid: number;
  readonly name: string;
  readonly tid: number;
  /** The instruction; for a kernel-call the one behind it. */
  readonly rip: bigint;
  /** Up to 15 bytes at rip, as far as memory can be read there. */
  readonly code: Uint8Array;
  /** What lies at rip. */
  readonly place: Surroundings | undefined;
  /** The kernel-call that makes the store for the thread; undefined for an instruction. */
  readonly call: string | undefined;
  readonly tick: number;
  /** What was refused, ascending; bytes that the same instruction may store are not among it. */
  readonly stores: readonly SpuriousBytes[];
}

const LONGEST_INSTRUCTION = 15;

/** Bytes that are shown of a store, at most. */
const MOST_SHOWN = 16;

/** Where a report finds what it tells. */
export interface Scene extends Neighbourhood {
  readonly rip: bigint;
  readonly tick: number;
}

export function reportSpuriousWrite(
  scene: Scene,
  { tid, process: { pid, name } }: Thread,
  stores: readonly RefusedStore[],
  call?: string,
): SpuriousWrite {
  const { memory, rip, tick } = scene;
  const code = fromLinear(rip);
  return {
    ...{ pid, name, tid, rip, call, tick },
    code: code === undefined ? new Uint8Array(0) : memory.peek(code, LONGEST_INSTRUCTION),
    place: code === undefined ? undefined : surroundingsAt(scene, code),
    stores: stores.map(({ start, before, after }) => ({
      ...{ address: start, before, after },
      surroundings: surroundingsAt(scene, start),
    })),
  };
}

/**
 * What was to be stored where, and whose memory that is: lines without the instruction that did it. `symbolAt` names what
 * an image has at an address.
 */
export function describeStores({ stores }: SpuriousWrite, symbolAt?: SymbolAt): string[] {
  return stores.flatMap(({ address, before, after, surroundings }) => [
    `write of ${hex(toLinear(address), 16)}: ${bytesText(before)} would become ${bytesText(after)}`,
    describeSurroundings(address, surroundings, symbolAt?.(address, surroundings)),
  ]);
}

/** Why it was stopped. */
export function describeSpuriousWrite({ call }: SpuriousWrite): string {
  return `spurious write${call === undefined ? '' : ` by kernel-call ${call}`}`;
}

function bytesText(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, MOST_SHOWN)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > MOST_SHOWN ? `${shown} ... (${bytes.length} bytes)` : shown;
}
