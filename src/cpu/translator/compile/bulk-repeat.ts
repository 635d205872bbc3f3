import type { CompilerContext } from '../../wasm/compiling/meaning-compiler.js';
import { lookUpTlb } from '../../wasm/compiling/tlb-lookup.js';
import { PAGE_SIZE } from '../../../bits.js';
import { DF } from '../../meaning/flags.js';
import type { Form } from '../../meaning/form.js';
import type { Machine } from '../../meaning/vocabulary.js';
import { RAX, RCX, RDI, RSI } from '../../state/layout.js';
import type { Emitter, WasmValue } from '../../wasm/encoding/value.js';

type V = WasmValue;

/** What the iterations of REP MOVS and REP STOS do together. */
export type BulkKind = 'move' | 'fill';

/** Fewer iterations than this are not worth a call of the host's memory copy. */
const FEWEST_ITERATIONS = 16n;

/** Most iterations at a time: those of a page. */
const MOST_ITERATIONS = BigInt(PAGE_SIZE);

export interface BulkTicks {
  /** Pushes the number of ticks that may be used here, as an i32; negative for none. */
  pushSpare(): void;
  /** Uses the ticks in an i32 local. */
  take(local: number): void;
}

export interface BulkContext extends Pick<CompilerContext, 'tlbSet'> {
  readonly bulkTicks: BulkTicks;
}

/**
 * Emits, before one iteration of REP, as many of them as can be done at once: all but the last, as far as the pages and the
 * ticks suffice, if both pages are in the TLB, DF is clear, and the operands do not overlap so that the order matters.
 * Registers and ticks are then as after single iterations.
 */
export function emitBulkRepeat(
  m: Machine<V>,
  emitter: Emitter,
  kind: BulkKind,
  form: Form,
  context: BulkContext,
): void {
  const { bulkTicks: ticks, tlbSet } = context;
  const { code } = emitter;
  const size = form.width / 8;
  const constant = (value: bigint | number): V => m.constant(64, value);
  const smaller = (x: V, y: V, less: 'i64.lt_u' | 'i64.lt_s'): V => {
    emitter.push(x).push(y).push(x).push(y).code.op(less).op('select');
    return emitter.pop('i64');
  };
  const [from, to, count] = [m.gpr(RSI, 64), m.gpr(RDI, 64), m.gpr(RCX, 64)];
  const goesUp = m.isZero(64, m.and(64, m.systemFlags(), constant(DF)));
  emitter
    .push(m.lessUnsigned(64, constant(FEWEST_ITERATIONS), count))
    .push(goesUp)
    .code.op('i32.and');
  if (kind === 'fill' && size > 1) emitter.push(allBytesAlike(m, form)).code.op('i32.and');
  code.if();
  ticks.pushSpare();
  code.op('i64.extend_i32_s');
  const spare = emitter.pop('i64');
  const inPage = (address: V): V => {
    const rest = m.sub(64, constant(PAGE_SIZE), m.and(64, address, constant(PAGE_SIZE - 1)));
    return m.shr(64, rest, constant(Math.log2(size)));
  };
  let times = smaller(m.sub(64, count, constant(1)), constant(MOST_ITERATIONS), 'i64.lt_u');
  times = smaller(smaller(times, spare, 'i64.lt_s'), inPage(to), 'i64.lt_s');
  if (kind === 'move') times = smaller(times, inPage(from), 'i64.lt_s');
  emitter.push(m.lessSigned(64, constant(FEWEST_ITERATIONS), times)).code.if();
  const target = lookUp(emitter, to, 'write', tlbSet);
  const source = kind === 'move' ? lookUp(emitter, from, 'read', tlbSet) : undefined;
  const bytes = m.truncate(64, 32, m.mul(64, times, constant(size)));
  emitter.push(target.hit);
  if (source) {
    const distance = m.sub(32, target.host, source.host);
    emitter.push(source.hit).code.op('i32.and');
    emitter.push(distance).push(bytes).code.op('i32.lt_u').op('i32.eqz').op('i32.and');
  }
  code.if();
  emitter.push(target.host);
  if (source) emitter.push(source.host).push(bytes).code.memoryCopy();
  else
    emitter
      .push(m.truncate(64, 8, m.gpr(RAX, 64)))
      .push(bytes)
      .code.memoryFill();
  const moved = m.mul(64, times, constant(size));
  m.setGpr(RDI, 64, m.add(64, to, moved));
  if (source) m.setGpr(RSI, 64, m.add(64, from, moved));
  m.setGpr(RCX, 64, m.sub(64, count, times));
  ticks.take(m.truncate(64, 32, times).local);
  code.end().end().end();
}

function allBytesAlike(m: Machine<V>, { width }: Form): V {
  const value = m.gpr(RAX, width);
  const low = m.and(width, value, m.constant(width, 0xff));
  return m.equal(width, m.mul(width, low, m.constant(width, 0x0101_0101_0101_0101n)), value);
}

/** The host address of a byte, and whether the TLB has its page. */
function lookUp(
  emitter: Emitter,
  linear: V,
  access: 'read' | 'write',
  tlbSet: BulkContext['tlbSet'],
): { hit: V; host: V } {
  const found = lookUpTlb(emitter, linear, 1, access, tlbSet);
  found.pushMiss();
  emitter.code.op('i32.eqz');
  const hit = emitter.pop('i32');
  found.pushHost();
  return { hit, host: emitter.pop('i32') };
}
