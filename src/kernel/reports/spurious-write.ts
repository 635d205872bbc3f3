import { hex } from '../../bits.js';
import type { RefusedStore } from '../../cpu/state/events.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';
import { stoppedThread, type StoppedThread } from './stopped-thread.js';
import {
  describeSurroundings,
  surroundingsAt,
  type Neighbourhood,
  type Surroundings,
  type SymbolAt,
} from './surroundings.js';
import type { Thread } from '../tasks/thread.js';

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
export interface SpuriousWrite extends StoppedThread {
  /** The kernel-call that makes the store for the thread; undefined for an instruction. */
  readonly call: string | undefined;
  readonly tick: number;
  /** What was refused, ascending; bytes that the same instruction may store are not among it. */
  readonly stores: readonly SpuriousBytes[];
}

/** Bytes that are shown of a store, at most. */
const MOST_SHOWN = 16;

/** Where a report finds what it tells. */
export interface Scene extends Neighbourhood {
  readonly rip: bigint;
  readonly tick: number;
}

export function reportSpuriousWrite(
  scene: Scene,
  thread: Thread,
  stores: readonly RefusedStore[],
  call?: string,
): SpuriousWrite {
  const { rip, tick } = scene;
  return {
    ...stoppedThread(scene, thread, rip),
    ...{ call, tick },
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
