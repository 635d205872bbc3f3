import { TLB_ADDEND_OFFSET, TLB_INDEX_MASK, TLB_INDEX_SHIFT, TLB_READ, TLB_SET, TLB_WRITE } from '../../../mmu/tlb.js';
import type { Emitter, WasmValue } from '../encoding/value.js';

/** Where the distance of the current set of tables from the first is, if there are several: in a local, or in the shared memory. */
export type TlbSetPlace = number | 'state';

/** The TLB entry of a linear address, as looked up by generated code. See mmu/tlb.ts for the layout. */
export interface TlbLookup {
  /** Pushes an i32 that is nonzero unless the entry holds the page of all bytes of the access. */
  pushMiss(): void;
  /** Pushes the host address of the byte at the linear address as an i32; meaningless after a miss. */
  pushHost(): void;
}

/**
 * Looks up `bytes` bytes at a linear address (i64). A single comparison detects misses, accesses that cross a page, and
 * non-canonical addresses: in these cases (linear + bytes - 1) & ~4095 does not match the entry's tag.
 */
export function lookUpTlb(
  emitter: Emitter,
  linear: WasmValue,
  bytes: number,
  access: 'read' | 'write',
  set?: TlbSetPlace,
): TlbLookup {
  const { code } = emitter;
  const table = access === 'write' ? TLB_WRITE : TLB_READ;
  emitter.push(linear).code.op('i32.wrap_i64').i32(TLB_INDEX_SHIFT).op('i32.shr_u').i32(TLB_INDEX_MASK).op('i32.and');
  if (set === 'state') emitter.code.i32(0).memory('i32.load', TLB_SET).op('i32.add');
  else if (set !== undefined) emitter.code.get(set).op('i32.add');
  const entry = emitter.pop('i32');
  return {
    pushMiss: () => {
      emitter.push(linear);
      if (bytes > 1) code.i64(BigInt(bytes - 1)).op('i64.add');
      code.i64(-4096n).op('i64.and');
      emitter.push(entry).code.memory('i64.load', table).op('i64.ne');
    },
    pushHost: () => {
      emitter.push(entry).code.memory('i32.load', table + TLB_ADDEND_OFFSET);
      emitter.push(linear).code.op('i32.wrap_i64').op('i32.add');
    },
  };
}
