import type { Emitter } from '../wasm/encoding/value.js';
import { CODE_VIEW } from '../state/layout.js';

/**
 * Code that is decoded and translated on its own, since what lies at an address differs from that for other code, or may not be
 * run. Each view has bits by which it changes addresses in the jump cache and in the table of region entries: bits 62 to 48, so
 * that no address of one view is an address of another.
 */
export type CodeView = bigint;

/** Code at CPL 3. */
export const USER_VIEW: CodeView = 0n;
/** Code at CPL 0 to 2, which only bare machines run. */
export const SUPERVISOR_VIEW: CodeView = 1n << 62n;

/** The address and the view of an address as the tables have it. */
export function outOfView(address: bigint): { readonly rip: bigint; readonly view: CodeView } {
  const rip = BigInt.asUintN(64, BigInt.asIntN(48, address));
  return { rip, view: address ^ rip };
}

/** Pushes the address in a local as the tables have it while the current view's code runs. */
export function pushInView(emitter: Emitter, pushAddress: () => void): void {
  pushAddress();
  emitter.code.i32(0).memory('i64.load', CODE_VIEW).op('i64.xor');
}
