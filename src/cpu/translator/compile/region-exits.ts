import * as at from '../../state/layout.js';
import type { Code, Label } from '../../wasm/encoding/code.js';
import type { WasmModule } from '../../wasm/encoding/module.js';
import type { Emitter, WasmValue } from '../../wasm/encoding/value.js';
import {
  MOST_REGIONS,
  REGION_ENTRY,
  REGION_TABLE,
  REGION_TYPE,
  emitCountOfUse,
  emitEntryLookup,
  emitFurtherLookup,
} from '../region-entries.js';
import { BUDGET, ENTRY, SELF } from './parameters.js';
import { EXIT_CODE_BITS, RegionExit } from './translation.js';

/**
 * The ways out of a region's code. Its body lies in three blocks: branches go to the end of the inner one to go on at
 * an address, to the start of the middle one to enter the region anew, and to the end of the outer one to return.
 */
export class RegionExits {
  /** The local of the address to go on at. */
  readonly rip: number;
  /** The local of what the function returns. */
  private readonly value: number;
  /** Number of exits that count their misses. */
  private sites = 0;
  private leave!: Label;
  private dispatch!: Label;
  private goOn!: Label;

  constructor(
    private readonly emitter: Emitter,
    private readonly module: WasmModule,
  ) {
    this.value = emitter.code.newLocal('i32');
    this.rip = emitter.code.newLocal('i64');
  }

  private get code(): Code {
    return this.emitter.code;
  }

  /** Opens the blocks around the body. */
  begin(): void {
    this.leave = this.code.block();
    this.dispatch = this.code.loop();
    this.goOn = this.code.block();
  }

  /** Goes on at the address in the local `rip`. */
  branchOn(): void {
    this.code.br(this.goOn);
  }

  /** Enters the region anew, by the entry of this number. */
  enter(entry: number): void {
    this.code.i32(entry).set(ENTRY).br(this.dispatch);
  }

  /** Notes in the CPU's state what the check that has missed covers: more than its access, or that alone. */
  noteMiss(check: 'wide' | 'single'): void {
    this.code
      .i32(0)
      .i32(check === 'single' ? 1 : 0)
      .memory('i32.store', at.SINGLE_MISS);
  }

  /** Returns, for a reason of RegionExit other than `go`, with the address in the local `rip`. */
  return(exit: number): void {
    const site = exit === RegionExit.wideMiss ? this.sites++ : 0;
    this.code
      .i32(exit | (site << EXIT_CODE_BITS))
      .set(this.value)
      .br(this.leave);
  }

  /**
   * Closes the blocks. Where the body goes on at an address, it goes on in this region, in another one, or elsewhere.
   * `storeRegisters` is called before another region is called in this one's place; if not given, the dispatcher calls it.
   */
  end(storeRegisters: (() => void) | undefined): void {
    const { code } = this;
    code.op('unreachable').end();
    this.emitGoOn(storeRegisters);
    code.end();
    code.op('unreachable').end();
  }

  /** Stores where and why the region was left, and pushes what its function returns. */
  pushResult(): void {
    const { code } = this;
    code.i32(0).get(SELF).memory('i32.store', at.LEFT_REGION);
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
    code.i32(0).get(this.rip).memory('i64.store', at.RIP);
    code.get(this.value);
  }

  private emitGoOn(storeRegisters: (() => void) | undefined): void {
    const { code, emitter } = this;
    emitter.reuseLocals();
    const next = emitter.local('i32');
    code.i32(RegionExit.go).set(this.value);
    const entry = emitEntryLookup(emitter, this.rip);
    code.op('i32.eqz').if();
    const second = emitFurtherLookup(emitter, this.rip, entry, 1);
    code.op('i32.eqz').brIf(this.leave);
    emitter.push(second).code.set(entry.local).end();
    const load = (offset: number): Code => emitter.push(entry).code.memory('i32.load', offset);
    load(REGION_ENTRY.index).set(next);
    code.get(BUDGET);
    load(REGION_ENTRY.minimumTicks).op('i32.lt_s').brIf(this.leave);
    code.get(next).get(SELF).op('i32.eq').if();
    load(REGION_ENTRY.entry).set(ENTRY).br(this.dispatch).end();
    if (!storeRegisters) return void code.br(this.leave);
    emitCountOfUse(code, next);
    storeRegisters();
    this.callNext(entry, next);
  }

  /** Calls the region of an entry in place of this one. Its place in the table of regions is in the local `next`. */
  private callNext(entry: WasmValue, next: number): void {
    const { code, emitter, module } = this;
    module.importTable(REGION_TABLE, MOST_REGIONS);
    emitter.push(entry).code.memory('i32.load', REGION_ENTRY.entry).get(BUDGET);
    emitter.push(entry).code.memory('i64.load', REGION_ENTRY.base).get(next).get(next);
    code.returnCallIndirect(module.type(REGION_TYPE.parameters, REGION_TYPE.results), 0);
  }
}
