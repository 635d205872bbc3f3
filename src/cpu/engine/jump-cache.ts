import type { Emitter, WasmValue } from '../wasm/encoding/value.js';
import { JUMP_CACHE, JUMP_CACHE_ENTRIES, JUMP_CACHE_ENTRY_SHIFT } from './record.js';

/**
 * Emits a lookup in the jump cache. On a hit, the code emitted by `found` runs, with the record's address in a local; it must
 * lead elsewhere.
 */
export function emitJumpCacheLookup(emitter: Emitter, target: WasmValue, found: (record: number) => void): void {
  const { code } = emitter;
  emitter
    .push(target)
    .code.op('i32.wrap_i64')
    .i32(JUMP_CACHE_ENTRIES - 1)
    .op('i32.and')
    .i32(JUMP_CACHE_ENTRY_SHIFT)
    .op('i32.shl');
  const first = emitter.pop('i32');
  const lookUp = (entry: WasmValue): void => {
    emitter.push(entry).code.memory('i64.load', JUMP_CACHE);
    emitter.push(target).code.op('i64.eq').if();
    emitter.push(entry).code.memory('i32.load', JUMP_CACHE + 8);
    found(emitter.pop('i32').local);
    code.end();
  };
  lookUp(first);
  emitter
    .push(first)
    .code.i32(1 << JUMP_CACHE_ENTRY_SHIFT)
    .op('i32.xor');
  lookUp(emitter.pop('i32'));
}
