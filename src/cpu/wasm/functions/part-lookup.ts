import { PAGE_SIZE } from '../../../bits.js';
import { PART, PARTS, PARTS_START, PART_BYTES, PART_WRITE } from '../../../mmu/partial-entries.js';
import * as at from '../../state/layout.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';

const LINEAR = 0;
const ACCESS = 1;
const PAGE_MASK = ~BigInt(PAGE_SIZE - 1);

/**
 * Adds the function (linear address, access as in EXIT_ACCESS) → host address of an access that has missed the TLB: of one that
 * touches no data stop on a page with some (mmu/partial-entries.ts). For all others it sets EXIT_LINEAR and EXIT_ACCESS, and
 * returns 0.
 */
export function addPartLookup(module: WasmModule, name: string): number {
  const code = new Code(['i64', 'i32']);
  const entry = code.newLocal('i32');
  const offset = code.newLocal('i32');
  const bytes = code.newLocal('i32');
  const missed = code.block();
  code.i32(PARTS_START).set(entry).get(ACCESS).i32(8).op('i32.shr_u').set(bytes);
  code
    .get(LINEAR)
    .op('i32.wrap_i64')
    .i32(PAGE_SIZE - 1)
    .op('i32.and')
    .set(offset);
  code.i32(PAGE_SIZE).get(offset).get(bytes).op('i32.add').op('i32.lt_u').brIf(missed);
  const search = code.loop();
  code.get(entry).i32(0).memory('i32.load', PARTS).op('i32.ge_u').brIf(missed);
  const next = code.block();
  code.get(entry).memory('i64.load', PART.tag).get(LINEAR).i64(PAGE_MASK).op('i64.and').op('i64.ne').brIf(next);
  code.get(entry).memory('i32.load', PART.access).get(ACCESS).i32(PART_WRITE).op('i32.and').op('i32.ne').brIf(next);
  // The access lies before the part that is left out, or behind it.
  code.get(entry).memory('i32.load', PART.low).get(offset).get(bytes).op('i32.add').op('i32.lt_u');
  code.get(offset).get(entry).memory('i32.load', PART.high).op('i32.lt_u').op('i32.and').brIf(missed);
  code.get(entry).memory('i32.load', PART.addend).get(LINEAR).op('i32.wrap_i64').op('i32.add').op('return');
  code.end();
  code.get(entry).i32(PART_BYTES).op('i32.add').set(entry).br(search).end();
  code.op('unreachable').end();
  code.i32(0).get(LINEAR).memory('i64.store', at.EXIT_LINEAR);
  code.i32(0).get(ACCESS).memory('i32.store', at.EXIT_ACCESS);
  return module.add(module.type(['i64', 'i32'], ['i32']), code.i32(0), name);
}
