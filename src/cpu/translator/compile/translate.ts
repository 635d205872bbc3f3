import { LEAST_WASM_PAGES } from '../../../memory.js';
import type { FlagsThunk } from '../../meaning/flags.js';
import type { Instruction } from '../../decode/instruction.js';
import { encodeThunk } from '../../interpreter/handler-context.js';
import type { Arithmetic } from '../../meaning/vocabulary.js';
import * as at from '../../state/layout.js';
import { Code, type Label } from '../../wasm/encoding/code.js';
import type { MidExit } from '../../wasm/compiling/meaning-compiler.js';
import { typeOfFunction, type CompiledFunction } from '../../wasm/functions/functions.js';
import { mayCross } from '../../wasm/functions/page-crossing.js';
import { WasmModule } from '../../wasm/encoding/module.js';
import { Emitter, localValue, type Origin, type WasmValue } from '../../wasm/encoding/value.js';
import { summarize, type BlockSummary } from './block-summary.js';
import { CodeBase } from './code-base.js';
import { FLAGS_VARY, Flow } from './flow.js';
import {
  MOST_REGIONS,
  REGION_ENTRY,
  REGION_TABLE,
  REGION_TYPE,
  emitCountOfUse,
  emitEntryLookup,
  emitFurtherLookup,
} from '../region-entries.js';
import { ALL_IN_STATE, RegionRegisters } from './region-registers.js';
import { directTarget, isDirectBranch, type Block } from './region.js';
import {
  EXIT_CODE_BITS,
  RegionExit,
  type CodeSource,
  type EmittedInstruction,
  type Translation,
} from './translation.js';
import { regionCompiler, type Knowledge, type RegionCompiler, type RegionContext } from './region-compiler.js';

/** Parameters of a region's function. */
const ENTRY = 0;
const BUDGET = 1;
const BASE = 2;
const SELF = 3;

/**
 * Compiles a region to a Wasm module that exports `run(entry, ticks, base, self) → RegionExit | site << 3`; ticks left are
 * in EXIT_BUDGET, where to go on in RIP. Nothing in it depends on where the code lies but the distances within the code.
 */
export function translate(source: CodeSource, compiles: (instruction: Instruction) => boolean): Translation {
  return new Translator(source, compiles).translate();
}

class Translator implements RegionContext {
  private readonly code = new Code(REGION_TYPE.parameters);
  private readonly emitter = new Emitter(this.code);
  private readonly module = new WasmModule();
  private readonly registers: RegionRegisters;
  private readonly kind = this.code.newLocal('i32');
  private readonly result = this.code.newLocal('i64');
  private readonly operand = this.code.newLocal('i64');
  private readonly exitValue = this.code.newLocal('i32');
  private readonly exitRip = this.code.newLocal('i64');
  private readonly compiler: RegionCompiler;
  private readonly summaries: readonly (BlockSummary | undefined)[];
  private readonly flow: Flow;
  /** Labels of the loops around the current code, and of the merges after it. */
  private readonly loops = new Map<number, Label>();
  private readonly merges = new Map<number, Label>();
  /** Origins of the registers on each path to a merge. */
  private readonly arrivals = new Map<number, (readonly Origin[])[]>();
  /** Knowledge at the end of each block. */
  private readonly departures = new Map<number, Knowledge>();
  private readonly instructions: EmittedInstruction[] = [];
  private sites = 0;
  private dispatch!: Label;
  private goOn!: Label;
  private leave!: Label;
  private node = 0;
  private rip = 0n;
  private nextRip = 0n;
  private instruction!: Instruction;
  /** Ticks of instructions that have run, and that the budget does not know of yet. */
  private pending = 0;
  private nextPlan = 0;
  /** Whether the last check covers more than its access; if not, whether there is other code for the access. */
  private check: 'wide' | 'single' | 'final' = 'final';

  constructor(
    private readonly source: CodeSource,
    private readonly compiles: (instruction: Instruction) => boolean,
  ) {
    const { region, base, missing, inState } = source;
    this.summaries = summarize(region, base, compiles, missing);
    this.flow = new Flow(region, this.summaries);
    this.registers = new RegionRegisters(this.code, inState);
    // Where registers are in locals, regions are small, and change seldom.
    const codeBase = new CodeBase(this.code, base, inState ? undefined : BASE);
    this.compiler = regionCompiler(this.emitter, this, codeBase, this.registers, ({ bytes }) => {
      const plan = this.summaries[this.node]!.plans[this.nextPlan++]!;
      const isWide = plan.before + plan.after > bytes;
      this.check = isWide ? 'wide' : !plan.crosses && mayCross(bytes) ? 'single' : 'final';
      return plan;
    });
  }

  translate(): Translation {
    const { code, flow } = this;
    const { region } = this.source;
    this.leave = code.block();
    this.dispatch = code.loop();
    this.goOn = code.block();
    const nothing = this.compiler.knowledge;
    this.departures.set(0, { ...nothing, flags: undefined, flagsStored: true });
    this.emitWithin(0, flow.structure.children[0]!, () => {
      const labels = flow.structure.entries.map((node) => this.merges.get(node)!);
      code.get(ENTRY).brTable(labels, labels[0]!);
    });
    code.op('unreachable').end();
    this.emitGoOn();
    code.end();
    code.op('unreachable').end();
    this.storeState();
    code.get(this.exitValue);
    const prologue = this.loadState();
    this.module.add(this.regionType, code, 'run', prologue);
    const bytes = this.module.encode(LEAST_WASM_PAGES);
    // The code is the last thing in the module, and an `end` of one byte the last in it.
    const start = bytes.length - 1 - code.writer.length;
    return {
      bytes,
      entries: flow.structure.entries.map((node) => region.nodes[node]!.rip - this.source.base),
      minimumTicks: flow.longestPath,
      bestEntries: flow.bestEntries(this.source.base),
      instructions: this.instructions.map((emitted) => ({ ...emitted, wasmOffset: start + emitted.wasmOffset })),
    };
  }

  /** The children that are merges nest as blocks around the node, each emitted behind its block's end. */
  private emitWithin(node: number, children: readonly number[], emitNode: () => void): void {
    const merges = children.filter((child) => this.flow.structure.isMerge(child));
    for (const merge of [...merges].reverse()) this.merges.set(merge, this.code.block());
    emitNode();
    for (const merge of merges) {
      this.code.end();
      this.meetAt(merge, node);
      this.emitTree(merge);
    }
  }

  /** Where ways meet, known is what all of them know, and what their common dominator knew of checked extents. */
  private meetAt(merge: number, dominator: number): void {
    const { compiler, flow } = this;
    const arrivals = this.arrivals.get(merge) ?? [];
    const fromOutside = flow.isEntry(merge);
    const origins = Array.from({ length: 16 }, (_, register) => {
      const first = fromOutside ? undefined : arrivals[0]?.[register];
      const agree = first && arrivals.every((known) => isSame(known[register]!, first));
      return agree ? first : compiler.freshOrigin();
    });
    const extents = fromOutside ? [] : this.departures.get(dominator)!.extents;
    compiler.knowledge = { origins, extents, flags: undefined, flagsStored: true, places: ALL_IN_STATE };
    this.adoptFlags(merge);
    this.pending = 0;
  }
  /** Takes the flags from their locals, where stores on all ways have put them. */
  private adoptFlags(node: number): void {
    const kind = this.flow.flagsAt(node);
    if (kind === FLAGS_VARY) {
      this.compiler.knowledge = { ...this.compiler.knowledge, flags: undefined, flagsStored: true };
      return;
    }
    this.code.i32(kind).set(this.kind);
    this.compiler.adoptFlags(kind, localValue('i64', this.result), localValue('i64', this.operand));
  }

  private emitTree(node: number): void {
    this.compiler.withinTree(() => this.emitNested(node));
  }

  private emitNested(node: number): void {
    const { code, flow } = this;
    const isLoop = flow.structure.isLoop(node);
    if (isLoop) this.enterLoop(node);
    this.emitWithin(node, flow.structure.children[node]!, () => this.emitBlock(node));
    if (!isLoop) return;
    code.end();
    this.loops.delete(node);
  }

  private enterLoop(node: number): void {
    const { code, compiler, flow } = this;
    this.settle(node);
    this.loops.set(node, code.loop());
    const { knowledge } = compiler;
    const written = flow.writtenInLoop(node);
    const origins = knowledge.origins.map((origin, register) =>
      (written >> register) & 1 ? compiler.freshOrigin() : origin,
    );
    compiler.knowledge = { ...knowledge, origins, places: ALL_IN_STATE };
    this.adoptFlags(node);
    this.leaveUnlessTicks(this.source.region.nodes[node]!.rip);
  }

  private emitBlock(node: number): void {
    const block = this.source.region.nodes[node]!;
    let rip = block.rip;
    this.nextPlan = 0;
    for (const instruction of block.instructions) {
      this.node = node;
      this.rip = rip;
      this.instruction = instruction;
      this.instructions.push({ rip, instruction, wasmOffset: this.code.writer.length });
      rip += BigInt(instruction.length);
      this.nextRip = rip;
      const goesNowhere = isDirectBranch(instruction) && directTarget(instruction, rip) === undefined;
      if (goesNowhere || !this.compiles(instruction)) return this.exit('evaluate');
      if (!this.compiler.emit(instruction, rip)) return;
      this.pending++;
    }
    this.node = node;
    this.goTo(block.next, block.end);
  }

  /** Goes on at a node, or leaves for its address where the region has none. */
  private goTo(target: number | undefined, rip: bigint): void {
    const { code, node } = this;
    const { structure } = this.flow;
    this.departures.set(node, this.compiler.knowledge);
    if (target === undefined) return this.leaveFor(rip);
    if (structure.isBack(node, target)) {
      this.settle(target);
      const loop = this.loops.get(target);
      if (loop) return void code.br(loop);
      this.leaveUnlessTicks(rip);
      code.i32(structure.entries.indexOf(target)).set(ENTRY).br(this.dispatch);
    } else if (structure.isMerge(target)) {
      this.settle(target);
      this.noteArrival(target);
      code.br(this.merges.get(target)!);
    } else this.emitTree(target);
  }

  private noteArrival(target: number): void {
    const known = this.arrivals.get(target);
    const { origins } = this.compiler.knowledge;
    if (known) known.push(origins);
    else this.arrivals.set(target, [origins]);
  }

  /** Before ways meet: ticks go to the budget, flags to their locals. */
  private settle(target: number | undefined): void {
    this.takePending();
    this.registers.settle();
    const { flags } = this.compiler.knowledge;
    const kind = target === undefined ? FLAGS_VARY : this.flow.flagsAt(target);
    if (flags && kind !== FLAGS_VARY) this.flow.requireKind(flags, kind);
    this.compiler.storeFlags();
  }
  private takePending(): void {
    if (this.pending === 0) return;
    this.code.get(BUDGET).i32(this.pending).op('i32.sub').set(BUDGET);
    this.pending = 0;
  }
  /** Leaves if the ticks might not last to where they are looked at next. */
  private leaveUnlessTicks(rip: bigint): void {
    this.code.get(BUDGET).i32(this.flow.longestPath).op('i32.lt_s').if();
    this.leaveFor(rip);
    this.code.end();
  }

  jumpDirect(): void {
    const { pending } = this;
    const target = directTarget(this.instruction, this.nextRip);
    if (target === undefined) throw new Error("a direct branch without a canonical target is the evaluator's");
    this.pending++;
    const [node, rip, nextRip, instruction, nextPlan] = [
      this.node,
      this.rip,
      this.nextRip,
      this.instruction,
      this.nextPlan,
    ];
    this.goTo(this.source.region.nodes[node]!.target, target);
    this.pending = pending;
    [this.node, this.rip, this.nextRip, this.instruction, this.nextPlan] = [node, rip, nextRip, instruction, nextPlan];
  }
  jumpIndirect(target: WasmValue): void {
    const { code, emitter, compiler } = this;
    const block = this.source.region.nodes[this.node]!;
    const local = this.exitRip;
    emitter.push(target).code.set(local);
    this.pending++;
    if (block.returnsTo !== undefined) this.returnToCaller(block, local);
    this.departures.set(this.node, compiler.knowledge);
    this.settle(undefined);
    code.br(this.goOn);
  }
  /** The end of an inlined function: almost always the address popped is the one that its call pushed. */
  private returnToCaller(block: Block, target: number): void {
    const { code, emitter, compiler, pending } = this;
    const { returnsTo } = block;
    const rip = this.source.region.nodes[returnsTo!]!.rip;
    const expected = compiler.addressOfCode(rip);
    code.get(target);
    emitter.push(expected).code.op('i64.eq').if();
    const { knowledge } = compiler;
    const { node } = this;
    this.goTo(returnsTo, rip);
    this.node = node;
    compiler.knowledge = knowledge;
    this.pending = pending;
    code.end();
  }
  exit(why: MidExit): void {
    const isCounted = why === 'miss' && this.check !== 'final';
    if (isCounted)
      this.code
        .i32(0)
        .i32(this.check === 'single' ? 1 : 0)
        .memory('i32.store', at.SINGLE_MISS);
    this.leaveWith(isCounted ? RegionExit.wideMiss : RegionExit[why], this.rip);
  }
  exitIf(why: MidExit): void {
    this.code.if();
    this.exit(why);
    this.code.end();
  }
  tickOrExit(): void {
    const { code } = this;
    code.get(BUDGET).i32(1).op('i32.sub').set(BUDGET);
    // One more for the last iteration, which is the instruction's own tick.
    code
      .get(BUDGET)
      .i32(this.flow.longestPath + 1)
      .op('i32.lt_s')
      .if();
    this.leaveWith(RegionExit.go, this.rip);
    code.end();
  }
  get tlbSet(): 'state' | undefined {
    return this.source.hasTlbSets ? 'state' : undefined;
  }
  readonly bulkTicks = {
    pushSpare: (): void => {
      this.code
        .get(BUDGET)
        .i32(this.flow.longestPath + 1)
        .op('i32.sub');
    },
    take: (local: number): void => {
      this.code.get(BUDGET).get(local).op('i32.sub').set(BUDGET);
    },
  };
  storeFlags(m: Arithmetic<WasmValue>, thunk: FlagsThunk<WasmValue>): void {
    const encoded = encodeThunk(m, this.emitter, thunk);
    encoded.pushResult();
    this.code.set(this.result);
    encoded.pushOperand();
    this.code.set(this.operand);
    encoded.pushKind();
    this.code.set(this.kind);
  }
  callCondition(): void {
    throw new Error('conditions of unknown flags are made from their bits');
  }
  callFlagBits(): void {
    const flagBits = this.module.importFunction('flagBits', this.module.type(['i32', 'i64', 'i64'], ['i32']));
    this.code.get(this.kind).get(this.result).get(this.operand).call(flagBits);
  }
  pushTime(): void {
    const { code } = this;
    code.i32(0).memory('i64.load', at.TICKS_END).op('f64.reinterpret_i64').op('i64.trunc_f64_s');
    code.get(BUDGET).i32(0).memory('i32.load', at.TICKS_WITHHELD).op('i32.add');
    code
      .i32(this.pending + 1)
      .op('i32.sub')
      .op('i64.extend_i32_s')
      .op('i64.sub');
  }
  callFunction(name: CompiledFunction): void {
    const { parameters, results } = typeOfFunction(name);
    this.code.call(this.module.importFunction(name, this.module.type(parameters, results)));
  }

  private leaveFor(rip: bigint): void {
    this.leaveWith(RegionExit.go, rip);
  }
  /** Leaves with all state where it is looked for; what is known stays as it was. */
  private leaveWith(exit: number, rip: bigint): void {
    const { code, compiler, pending } = this;
    const { knowledge } = compiler;
    compiler.storeFlags();
    this.registers.storeAll();
    compiler.knowledge = knowledge;
    this.takePending();
    this.pending = pending;
    compiler.pushCodeAddress(rip);
    code.set(this.exitRip);
    if (exit === RegionExit.go) return void code.br(this.goOn);
    const site = exit === RegionExit.wideMiss ? this.sites++ : 0;
    code
      .i32(exit | (site << EXIT_CODE_BITS))
      .set(this.exitValue)
      .br(this.leave);
  }

  /** Goes on at the address in `exitRip`: in this region, in another one, or elsewhere. */
  private emitGoOn(): void {
    const { code, emitter } = this;
    emitter.reuseLocals();
    const next = emitter.local('i32');
    code.i32(RegionExit.go).set(this.exitValue);
    const entry = emitEntryLookup(emitter, this.exitRip);
    code.op('i32.eqz').if();
    const second = emitFurtherLookup(emitter, this.exitRip, entry, 1);
    code.op('i32.eqz').brIf(this.leave);
    emitter.push(second).code.set(entry.local).end();
    const load = (offset: number): Code => emitter.push(entry).code.memory('i32.load', offset);
    load(REGION_ENTRY.index).set(next);
    code.get(BUDGET);
    load(REGION_ENTRY.minimumTicks).op('i32.lt_s').brIf(this.leave);
    code.get(next).get(SELF).op('i32.eq').if();
    load(REGION_ENTRY.entry).set(ENTRY).br(this.dispatch).end();
    if (this.source.tailCalls) this.callNext(entry, next);
    else code.br(this.leave);
  }

  /** Calls the region of an entry in place of this one. Its place in the table of regions is in the local `next`. */
  private callNext(entry: WasmValue, next: number): void {
    const { code, emitter, module } = this;
    emitCountOfUse(code, next);
    this.storeRegisters();
    module.importTable(REGION_TABLE, MOST_REGIONS);
    emitter.push(entry).code.memory('i32.load', REGION_ENTRY.entry).get(BUDGET);
    emitter.push(entry).code.memory('i64.load', REGION_ENTRY.base).get(next).get(next);
    code.returnCallIndirect(this.regionType, 0);
  }

  private get regionType(): number {
    return this.module.type(REGION_TYPE.parameters, REGION_TYPE.results);
  }

  /** Stores what regions keep in locals, flags among it, where all code finds it. */
  private storeRegisters(): void {
    const { code } = this;
    this.registers.storeWritten();
    code.i32(0).get(this.kind).memory('i32.store', at.FLAGS_KIND);
    code.i32(0).get(this.result).memory('i64.store', at.FLAGS_RESULT);
    code.i32(0).get(this.operand).memory('i64.store', at.FLAGS_OPERAND);
  }
  private storeState(): void {
    const { code } = this;
    this.storeRegisters();
    code.i32(0).get(SELF).memory('i32.store', at.LEFT_REGION);
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
    code.i32(0).get(this.exitRip).memory('i64.store', at.RIP);
  }
  /** What runs first: written last, when it is known which registers are used. */
  private loadState(): Code {
    const code = new Code([]);
    if (this.source.inState) CodeBase.store(code, BASE);
    this.registers.loadInto(code);
    code.i32(0).memory('i32.load', at.FLAGS_KIND).set(this.kind);
    code.i32(0).memory('i64.load', at.FLAGS_RESULT).set(this.result);
    code.i32(0).memory('i64.load', at.FLAGS_OPERAND).set(this.operand);
    return code;
  }
}

function isSame(a: Origin, b: Origin): boolean {
  return a.root === b.root && a.offset === b.offset;
}
