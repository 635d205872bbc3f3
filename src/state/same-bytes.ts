/**
 * Compares bytes in WebAssembly. The arrays of a large machine are some megabytes, which each snapshot compares with the one
 * before: a loop in TypeScript takes 60 ms for them until V8 has optimised it, and on a busy machine that is several snapshots.
 */

type View = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | BigUint64Array;

/** Bytes of each of the two pieces that are compared. */
const MAX_BYTES = 32768;
const WORD_BYTES = 8;

/**
 * (module
 *   (memory (export "m") 1)
 *   (func (export "f") (param $at i32) (result i32)      ;; the place of the last word; the pieces begin at 0 and at MAX_BYTES
 *     (loop $next
 *       (if (i64.ne (i64.load (local.get $at)) (i64.load offset=32768 (local.get $at))) (then (return (i32.const 0))))
 *       (br_if $next (i32.ge_s (local.tee $at (i32.sub (local.get $at) (i32.const 8))) (i32.const 0))))
 *     (i32.const 1)))
 */
const MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x05, 0x03, 0x01, 0x00, 0x01],
  ...[0x07, 0x09, 0x02, 0x01, 0x6d, 0x02, 0x00, 0x01, 0x66, 0x00, 0x00],
  ...[0x0a, 0x28, 0x01, 0x26, 0x00, 0x03, 0x40],
  ...[0x20, 0x00, 0x29, 0x03, 0x00, 0x20, 0x00, 0x29, 0x03, 0x80, 0x80, 0x02, 0x52, 0x04, 0x40, 0x41, 0x00, 0x0f, 0x0b],
  ...[0x20, 0x00, 0x41, 0x08, 0x6b, 0x22, 0x00, 0x41, 0x00, 0x4e, 0x0d, 0x00, 0x0b],
  ...[0x41, 0x01, 0x0b],
);

interface Comparer {
  readonly bytes: Uint8Array;
  readonly areSame: (lastWordAt: number) => number;
}

let made: Comparer | undefined;

function comparer(): Comparer {
  if (made) return made;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE));
  const { m, f } = exports as { m: WebAssembly.Memory; f: Comparer['areSame'] };
  return (made = { bytes: new Uint8Array(m.buffer), areSame: f });
}

/** Whether two arrays consist of the same bytes. */
export function hasSameBytes(a: View, b: View): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const { bytes, areSame } = comparer();
  for (let at = 0; at < a.byteLength; at += MAX_BYTES) {
    const length = Math.min(MAX_BYTES, a.byteLength - at);
    bytes.set(new Uint8Array(a.buffer, a.byteOffset + at, length), 0);
    bytes.set(new Uint8Array(b.buffer, b.byteOffset + at, length), MAX_BYTES);
    const end = Math.ceil(length / WORD_BYTES) * WORD_BYTES;
    bytes.fill(0, length, end);
    bytes.fill(0, MAX_BYTES + length, MAX_BYTES + end);
    if (!areSame(end - WORD_BYTES)) return false;
  }
  return true;
}
