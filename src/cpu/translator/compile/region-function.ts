import { LEAST_WASM_PAGES } from '../../../memory.js';
import { Code } from '../../wasm/encoding/code.js';
import { typeOfFunction, type CompiledFunction } from '../../wasm/functions/functions.js';
import { WasmModule } from '../../wasm/encoding/module.js';
import { Emitter } from '../../wasm/encoding/value.js';
import { REGION_TYPE } from '../region-entries.js';
import { CodeBase } from './code-base.js';
import { FlagLocals } from './flag-locals.js';
import { BASE } from './parameters.js';
import { RegionExits } from './region-exits.js';
import { RegionRegisters } from './region-registers.js';
import { RegionTicks } from './region-ticks.js';
import type { CodeSource } from './translation.js';

/** The function of a region and its module: what it keeps in locals, and how it is entered and left. */
export class RegionFunction {
  readonly code = new Code(REGION_TYPE.parameters);
  readonly emitter = new Emitter(this.code);
  private readonly module = new WasmModule();
  readonly flags = new FlagLocals(this.code);
  readonly exits = new RegionExits(this.emitter, this.module);
  readonly registers: RegionRegisters;
  readonly ticks: RegionTicks;
  readonly base: CodeBase;

  constructor(
    private readonly source: CodeSource,
    /** Ticks from one place where the budget is looked at to the next, at most. */
    longestPath: number,
  ) {
    const { base, inState } = source;
    this.registers = new RegionRegisters(this.code, inState);
    // Where registers are in locals, regions are small, and change seldom.
    this.base = new CodeBase(this.code, base, inState ? undefined : BASE);
    this.ticks = new RegionTicks(this.code, longestPath);
  }

  /** Makes the function with the code that `emitBody` emits. Returns the module, and where the code begins in it. */
  make(emitBody: () => void): { readonly bytes: Uint8Array; readonly start: number } {
    const { code, exits, module } = this;
    exits.begin();
    emitBody();
    exits.end(this.source.tailCalls ? () => this.storeRegisters() : undefined);
    this.storeRegisters();
    exits.pushResult();
    module.add(module.type(REGION_TYPE.parameters, REGION_TYPE.results), code, 'run', this.loadState());
    const bytes = module.encode(LEAST_WASM_PAGES);
    // The code is the last thing in the module, and an `end` of one byte the last in it.
    return { bytes, start: bytes.length - 1 - code.writer.length };
  }

  /** Calls the function that makes the flags' bits of their locals. */
  callFlagBits(): void {
    const flagBits = this.module.importFunction('flagBits', this.module.type(['i32', 'i64', 'i64'], ['i32']));
    this.flags.push().call(flagBits);
  }

  /** Calls one of the functions of wasm/functions, whose parameters are on the stack. */
  call(name: CompiledFunction): void {
    const { parameters, results } = typeOfFunction(name);
    this.code.call(this.module.importFunction(name, this.module.type(parameters, results)));
  }

  /** Stores what regions keep in locals, flags among it, where all code finds it. */
  private storeRegisters(): void {
    this.registers.storeWritten();
    this.flags.store();
  }

  /** What runs first: written last, when it is known which registers are used. */
  private loadState(): Code {
    const code = new Code([]);
    if (this.source.inState) CodeBase.store(code, BASE);
    this.registers.loadInto(code);
    this.flags.loadInto(code);
    return code;
  }
}
