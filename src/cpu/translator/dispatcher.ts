import { HOST_LAYOUT, LEAST_WASM_PAGES } from '../../memory.js';
import { addFlagBits } from '../interpreter/flag-functions.js';
import { generatedInterpreter } from '../interpreter/interpreter.js';
import { WAYS } from '../engine/address-places.js';
import { pushInView } from '../engine/code-view.js';
import { emitJumpCacheLookup } from '../engine/jump-cache.js';
import { Exit, Field, Handler, type ExitCode } from '../engine/record.js';
import * as at from '../state/layout.js';
import { Code, type Label } from '../wasm/encoding/code.js';
import { WasmModule } from '../wasm/encoding/module.js';
import { Emitter, localValue, type WasmValue } from '../wasm/encoding/value.js';
import {
  MOST_REGIONS,
  REGION_ENTRY,
  REGION_TABLE,
  REGION_TYPE,
  emitCountOfUse,
  emitEntryLookup,
  emitFurtherLookup,
} from './region-entries.js';
import { EXIT_CODE_BITS, RegionExit } from './compile/translation.js';

/** Most ticks per call of a region: before and after V8 is likely to have optimised it. */
const SHORT_SLICE = 250_000;
const LONG_SLICE = 2 ** 24;

/** Misses of a site whose check is wider than its access, after which the region is translated again without that. */
export const MOST_WIDE_MISSES = 4096;

const MISS_COUNTERS = HOST_LAYOUT.regionMissesBytes / 4;

/** Parameters and locals of `run`. */
const RECORD = 0;
const BUDGET = 1;

/**
 * What goes from interpreter to regions, from region to region and back, without TypeScript: a module that imports the
 * interpreter's `run` as `interpret`, and owns the table of regions. It exports `run(record, ticks) → exit`, `flagBits` for
 * the regions, and `regions`, the table. Exits are those of the interpreter and the further ones of `Exit`, for which RIP
 * says where to go on; ticks left are in EXIT_BUDGET.
 */
export function generateDispatcher(): Uint8Array {
  const module = new WasmModule();
  const interpret = module.importFunction('interpret', module.type(['i32', 'i32'], ['i32']));
  const region = module.type(REGION_TYPE.parameters, REGION_TYPE.results);
  addFlagBits(module, 'flagBits');
  module.exportTable(REGION_TABLE, MOST_REGIONS);
  module.add(module.type(['i32', 'i32'], ['i32']), new Dispatcher(interpret, region).emit(), 'run');
  return module.encode(LEAST_WASM_PAGES);
}

class Dispatcher {
  private readonly code = new Code(['i32', 'i32']);
  private readonly emitter = new Emitter(this.code);
  private readonly exit = this.code.newLocal('i32');
  private readonly slice = this.code.newLocal('i32');
  private readonly value = this.code.newLocal('i32');
  private readonly self = this.code.newLocal('i32');
  private readonly rip = this.code.newLocal('i64');
  private out!: Label;

  constructor(
    private readonly interpret: number,
    private readonly regionType: number,
  ) {}

  emit(): Code {
    const { code } = this;
    this.out = code.block();
    const interpret = code.loop();
    this.emitInterpret(interpret);
    const entered = code.block();
    const enter = code.loop();
    this.emitter.reuseLocals();
    const { emitter } = this;
    const isKnown = code.block();
    const found = emitEntryLookup(emitter, this.rip);
    code.brIf(isKnown);
    for (let way = 1; way < WAYS; way++) {
      const further = emitFurtherLookup(emitter, this.rip, found, way);
      code.if();
      emitter.push(further).code.set(found.local).br(isKnown).end();
    }
    code.br(entered).end();
    this.emitRegion(found);
    code
      .get(this.value)
      .i32((1 << EXIT_CODE_BITS) - 1)
      .op('i32.and')
      .op('i32.eqz')
      .brIf(enter)
      .end();
    this.emitOtherExits();
    code.end();
    this.emitFromCache(interpret);
    code.end().end();
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
    return code.get(this.exit);
  }

  /** Runs the interpreter; goes on where it has met the entry of a region. */
  private emitInterpret(interpret: Label): void {
    const { code, emitter } = this;
    code.i32(0).memory('i32.load', at.SAMPLE_TICKS);
    const sample = emitter.pop('i32');
    emitter.push(sample).code.get(BUDGET).get(BUDGET);
    emitter.push(sample).code.op('i32.gt_s').op('select').set(this.slice);
    this.noteWithheld();
    code.get(RECORD).get(this.slice).call(this.interpret).set(this.exit);
    code.get(this.slice).i32(0).memory('i32.load', at.EXIT_BUDGET).op('i32.sub');
    const used = emitter.pop('i32');
    code.get(BUDGET);
    emitter.push(used).code.op('i32.sub').set(BUDGET);
    code.i32(0);
    emitter.push(sample).push(used).code.op('i32.sub').memory('i32.store', at.SAMPLE_TICKS);
    code.i32(0).memory('i32.load', at.EXIT_RECORD);
    const record = emitter.pop('i32');
    emitter.push(record).code.memory('i64.load', Field.nextRip);
    emitter.push(record).code.memory('i64.load8_u', Field.length).op('i64.sub').set(this.rip);
    code.get(this.exit).i32(Exit.region).op('i32.ne').if();
    const atRegion = code.block();
    this.takeSample(record, interpret, atRegion);
    code.br(this.out).end().end();
    // If the entry is not to be found, it is not a region's fault that the interpreter has to go on.
    code.i32(RegionExit.evaluate).set(this.value);
    code.i32(Exit.unknown).set(this.exit);
  }

  /** Notes where the interpreter is, if it has stopped for that, and goes on there unless enough has been noted. */
  private takeSample(record: WasmValue, interpret: Label, atRegion: Label): void {
    const { code, emitter } = this;
    const taken = emitter.local('i32');
    code.get(this.exit).i32(Exit.ticks).op('i32.eq');
    code.i32(0).memory('i32.load', at.SAMPLE_TICKS).get(BUDGET).op('i32.lt_s').op('i32.and').if();
    // A block that a region is entered at does not run here: the sample is taken where the interpreter goes on.
    emitter.push(record).code.memory('i32.load16_u', Field.handler).i32(Handler.region).op('i32.eq');
    code.i32(0).memory('i32.load', at.IGNORES_REGIONS).op('i32.eqz').op('i32.and').brIf(atRegion);
    code.i32(0).i32(0).memory('i32.load', at.SAMPLE_PERIOD).memory('i32.store', at.SAMPLE_TICKS);
    emitter.push(record).code.set(RECORD);
    code.i32(0).memory('i32.load', at.SAMPLES_TAKEN).set(taken);
    code.get(taken).i32(3).op('i32.shl');
    pushInView(emitter, () => code.get(this.rip));
    code.memory('i64.store', HOST_LAYOUT.samples);
    code.i32(0).get(taken).i32(1).op('i32.add').set(taken).get(taken).memory('i32.store', at.SAMPLES_TAKEN);
    code.get(taken).i32(0).memory('i32.load', at.SAMPLES_WANTED).op('i32.lt_s').brIf(interpret).end();
  }

  /** Calls a region and takes what it has used off the ticks. */
  private emitRegion(entry: WasmValue): void {
    const { code, emitter } = this;
    const load = (offset: number): void => void emitter.push(entry).code.memory('i32.load', offset);
    code.get(BUDGET);
    load(REGION_ENTRY.minimumTicks);
    code.op('i32.lt_s').if();
    this.leave(Exit.tail);
    code.end();
    this.chooseSlice(entry);
    load(REGION_ENTRY.index);
    code.set(this.self);
    emitCountOfUse(code, this.self);
    this.noteWithheld();
    load(REGION_ENTRY.entry);
    code.get(this.slice);
    emitter.push(entry).code.memory('i64.load', REGION_ENTRY.base);
    code.get(this.self).get(this.self).callIndirect(this.regionType, 0).set(this.value);
    code.get(BUDGET).get(this.slice).op('i32.sub').i32(0).memory('i32.load', at.EXIT_BUDGET).op('i32.add').set(BUDGET);
    code.i32(0).memory('i64.load', at.RIP).set(this.rip);
    code.i32(Exit.unknown).set(this.exit);
  }

  /** Chooses the ticks of one call, at most those that are left. */
  private chooseSlice(entry: WasmValue): void {
    const { code, emitter } = this;
    emitter.push(entry).code.memory('i32.load', REGION_ENTRY.shortSlices);
    const left = emitter.pop('i32');
    code.i32(LONG_SLICE).set(this.slice);
    emitter.push(left).code.if();
    emitter.push(entry).push(left).code.i32(1).op('i32.sub').memory('i32.store', REGION_ENTRY.shortSlices);
    code.i32(SHORT_SLICE).set(this.slice).end();
    code.get(BUDGET).get(this.slice).get(BUDGET).get(this.slice).op('i32.lt_s').op('select').set(this.slice);
  }

  /** Stores how many ticks of the budget the slice leaves, from which the code that it is for can tell the time. */
  private noteWithheld(): void {
    this.code.i32(0).get(BUDGET).get(this.slice).op('i32.sub').memory('i32.store', at.TICKS_WITHHELD);
  }

  /** A region has been left otherwise than for another place. */
  private emitOtherExits(): void {
    const { code } = this;
    const is = (exit: number): Code =>
      code
        .get(this.value)
        .i32((1 << EXIT_CODE_BITS) - 1)
        .op('i32.and')
        .i32(exit)
        .op('i32.eq');
    is(RegionExit.evaluate).if();
    this.leave(Exit.evaluateRip);
    code.end();
    is(RegionExit.wideMiss).if();
    this.countMiss();
    code.end();
  }

  private countMiss(): void {
    const { code, emitter } = this;
    code
      .i32(0)
      .memory('i32.load', at.LEFT_REGION)
      .i32(67)
      .op('i32.mul')
      .get(this.value)
      .i32(EXIT_CODE_BITS)
      .op('i32.shr_u')
      .op('i32.add');
    code
      .i32(MISS_COUNTERS - 1)
      .op('i32.and')
      .i32(2)
      .op('i32.shl');
    const counter = emitter.pop('i32');
    emitter.push(counter).code.memory('i32.load', HOST_LAYOUT.regionMisses).i32(1).op('i32.add');
    const count = emitter.pop('i32');
    emitter.push(counter).push(count).code.memory('i32.store', HOST_LAYOUT.regionMisses);
    emitter.push(count).code.i32(MOST_WIDE_MISSES).op('i32.ge_s').if();
    emitter.push(counter).code.i32(0).memory('i32.store', HOST_LAYOUT.regionMisses);
    this.leave(Exit.wideMisses);
    code.end();
  }

  /** Goes on in the interpreter where it knows the address. */
  private emitFromCache(interpret: Label): void {
    const { code, emitter } = this;
    const isGo = (): Code =>
      code
        .get(this.value)
        .i32((1 << EXIT_CODE_BITS) - 1)
        .op('i32.and')
        .op('i32.eqz');
    // The interpreter itself has come here for a region that is gone; or everything is to be translated.
    code.get(this.value).i32(RegionExit.evaluate).op('i32.eq');
    isGo().i32(0).memory('i32.load', at.TRANSLATES_AT_ONCE).op('i32.and').op('i32.or').if();
    this.leave(Exit.unknown);
    code.end();
    emitJumpCacheLookup(emitter, localValue('i64', this.rip), (record) => {
      code.get(record).set(RECORD);
      // What has missed in a region does so again at its entry: there the interpreter has to do it.
      isGo().op('i32.eqz').get(record).memory('i32.load16_u', Field.handler).i32(Handler.region).op('i32.eq');
      code.op('i32.and').if();
      code.i32(0).i32(at.IGNORES_NEXT_REGION).memory('i32.store', at.IGNORES_REGIONS).end();
      code.br(interpret);
    });
    this.leave(Exit.unknown);
  }

  private leave(exit: number): void {
    const { code } = this;
    code.i32(0).get(this.rip).memory('i64.store', at.RIP);
    code.i32(exit).set(this.exit).br(this.out);
  }
}

let compiled: WebAssembly.Module | undefined;

/** The dispatcher of a machine. */
export interface StartedDispatcher {
  /** Runs from a record, for at most so many ticks. */
  readonly run: (record: number, ticks: number) => ExitCode;
  /** The table of the regions' functions. */
  readonly regions: WebAssembly.Table;
  /** What regions import of it. */
  readonly imports: WebAssembly.ModuleImports;
}

/** Makes a dispatcher for a machine; the module is compiled once for all machines of the process. */
export function startDispatcher(
  memory: WebAssembly.Memory,
  interpret: (record: number, ticks: number) => number,
): StartedDispatcher {
  compiled ??= new WebAssembly.Module(Uint8Array.from(generatedInterpreter().dispatcher));
  const { exports } = new WebAssembly.Instance(compiled, { bd0: { memory, interpret } });
  const regions = exports[REGION_TABLE] as WebAssembly.Table;
  const flagBits = exports['flagBits'] as WebAssembly.ExportValue;
  return { run: exports['run'] as StartedDispatcher['run'], regions, imports: { flagBits, [REGION_TABLE]: regions } };
}
