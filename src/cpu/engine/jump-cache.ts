import type { Emitter, WasmValue } from '../wasm/encoding/value.js';
import { WAYS, emitPlaceOf } from './address-places.js';
import { pushInView } from './code-view.js';
import { JUMP_CACHE, JUMP_CACHE_ENTRY_SHIFT, JUMP_CACHE_PLACES } from './record.js';

/**
 * Emits a lookup in the jump cache. On a hit, the code emitted by `found` runs, with the record's address in a local; it must
 * lead elsewhere.
 */
export function emitJumpCacheLookup(emitter: Emitter, target: WasmValue, found: (record: number) => void): void {
  const { code } = emitter;
  emitter.push(target).code.op('i32.wrap_i64');
  const first = emitPlaceOf(emitter, emitter.pop('i32'), JUMP_CACHE_PLACES);
  const lookUp = (entry: WasmValue): void => {
    emitter.push(entry).code.memory('i64.load', JUMP_CACHE);
    pushInView(emitter, () => emitter.push(target));
    code.op('i64.eq').if();
    emitter.push(entry).code.memory('i32.load', JUMP_CACHE + 8);
    found(emitter.pop('i32').local);
    code.end();
  };
  lookUp(first);
  for (let way = 1; way < WAYS; way++) {
    emitter
      .push(first)
      .code.i32(way << JUMP_CACHE_ENTRY_SHIFT)
      .op('i32.xor');
    lookUp(emitter.pop('i32'));
  }
}
