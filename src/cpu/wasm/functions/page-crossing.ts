import { PAGE_SIZE } from '../../../bits.js';
import { TLB_ADDEND_OFFSET, TLB_INDEX_MASK, TLB_INDEX_SHIFT, TLB_READ, TLB_SET, TLB_WRITE } from '../../../mmu/tlb.js';
import { CROSSINGS } from '../../state/layout.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from './expression.js';

/*
 * Accesses that cross a page. Compiled code works on a copy of the bytes, in one of a few places in the shared memory, and
 * has it copied back after each store. Up to eight bytes are put together, and taken apart, in one number.
 *
 *     +0  i32  host address of the bytes on the first page     +4  of those on the second
 *     +8  i32  bytes on the first page     +12 bytes of the access
 *     +16 the copy
 */
const PLACE_BYTES = 128;
const COPY = 16;
const MOST_BYTES = 64;
export const CROSSING_PLACES = 4;

/** Whether an access of so many bytes can be made in a copy. */
export function mayCross(bytes: number): boolean {
  return bytes > 1 && bytes <= MOST_BYTES;
}

/** The upper limit of the host addresses of copies, which are below all guest memory. */
export const COPIES_END = CROSSINGS + CROSSING_PLACES * PLACE_BYTES;

/**
 * Adds (linear, bytes << 8 | write, place) → host address of the copy, or 0 if the access does not cross a page, or the TLB
 * has not both pages.
 */
export function addCross(module: WasmModule, exportName: string): number {
  const code = new Code(['i64', 'i32', 'i32']);
  const to = new Statements(code);
  const [linear, access, number] = [to.parameter('i64', 0), to.parameter('i32', 1), to.parameter('i32', 2)];
  const bytes = to.let(access.shr(8));
  const first = to.let(constant('i32', PAGE_SIZE).sub(linear.low().and(PAGE_SIZE - 1)));
  to.if(first.atLeast(bytes), () => to.return(constant('i32', 0)));
  const table = to.let(select(access.and(1), constant('i32', TLB_WRITE), constant('i32', TLB_READ)));
  const none = (): void => to.return(constant('i32', 0));
  const start = hostOf(to, table, linear, none);
  const rest = hostOf(to, table, to.let(linear.add(first.wide())), none);
  const place = to.let(number.mul(PLACE_BYTES).add(CROSSINGS));
  [start, rest, first, bytes].forEach((value, i) => storeAt(to, place, 4 * i, value));
  const copy = to.let(place.add(COPY));
  to.if(bytes.below(9), () => {
    const bits = to.let(first.shl(3).wide());
    const low = start.add(first).sub(8).loaded('i64', 0).shr(constant('i64', 64).sub(bits));
    storeWide(to, copy, low.or(rest.loaded('i64', 0).shl(bits)));
    to.return(copy);
  });
  copyBytes(to, copy, start, first);
  copyBytes(to, copy.add(first), rest, bytes.sub(first));
  copy.push(code);
  return module.add(module.type(['i64', 'i32', 'i32'], ['i32']), code, exportName);
}

/** Adds (place): copies the bytes back. */
export function addUncross(module: WasmModule, exportName: string): number {
  const code = new Code(['i32']);
  const to = new Statements(code);
  const place = to.let(to.parameter('i32', 0).mul(PLACE_BYTES).add(CROSSINGS));
  const [start, rest, first, bytes] = [0, 1, 2, 3].map((i) => to.let(place.loaded('i32', 4 * i)));
  to.if(bytes!.below(9), () => {
    const copy = to.let(place.loaded('i64', COPY));
    const bits = to.let(first!.shl(3).wide());
    const shift = to.let(constant('i64', 64).sub(bits));
    const end = to.let(start!.add(first!).sub(8));
    // The bytes before those at the end of the first page, and behind those on the second, stay.
    const before = constant('i64', 1).shl(shift).sub(1);
    storeWide(to, end, end.loaded('i64', 0).and(before).or(copy.shl(shift)));
    const written = constant('i64', 1).shl(bytes!.sub(first!).shl(3).wide()).sub(1);
    const behind = rest!.loaded('i64', 0).and(written.xor(-1));
    storeWide(to, rest!, behind.or(copy.shr(bits).and(written)));
    to.return();
  });
  copyBytes(to, start!, place.add(COPY), first!);
  copyBytes(to, rest!, place.add(COPY).add(first!), bytes!.sub(first!));
  return module.add(module.type(['i32'], []), code, exportName);
}

function storeWide(to: Statements, address: Expression, value: Expression): void {
  address.push(to.code);
  value.push(to.code);
  to.code.memory('i64.store', 0);
}

/** The host address of a linear address, of which the page must be in the TLB. */
function hostOf(to: Statements, table: Expression, linear: Expression, otherwise: () => void): Variable {
  const entry = to.let(
    linear.low().shr(TLB_INDEX_SHIFT).and(TLB_INDEX_MASK).add(table).add(constant('i32', 0).loaded('i32', TLB_SET)),
  );
  to.if(entry.loaded('i64', 0).differs(linear.and(-4096n)), otherwise);
  return to.let(entry.loaded('i32', TLB_ADDEND_OFFSET).add(linear.low()));
}

function copyBytes(to: Statements, target: Expression, source: Expression, count: Expression): void {
  const [left, into, from] = [to.let(count), to.let(target), to.let(source)];
  to.loop(() => {
    into.push(to.code);
    from.push(to.code);
    to.code.memory('i32.load8_u', 0).memory('i32.store8', 0);
    for (const address of [into, from]) address.set(address.add(1));
    left.set(left.sub(1));
    return left;
  });
}

function storeAt(to: Statements, address: Expression, offset: number, value: Expression): void {
  address.push(to.code);
  value.push(to.code);
  to.code.memory('i32.store', offset);
}
