import type { FlagsThunk } from '../../meaning/flags.js';
import type { Instruction } from '../../decode/instruction.js';
import type { Arithmetic } from '../../meaning/vocabulary.js';
import type { MidExit } from '../../wasm/compiling/meaning-compiler.js';
import type { CompiledFunction } from '../../wasm/functions/functions.js';
import { mayCross } from '../../wasm/functions/page-crossing.js';
import type { WasmValue } from '../../wasm/encoding/value.js';
import { summarize } from './block-summary.js';
import type { BulkTicks } from './bulk-repeat.js';
import { FLAGS_VARY, Flow } from './flow.js';
import { ENTRY } from './parameters.js';
import { RegionFunction } from './region-function.js';
import { RegionPaths } from './region-paths.js';
import { ALL_IN_STATE } from './region-registers.js';
import { directTarget, isDirectBranch, type Block } from './region.js';
import { RegionExit, type CodeSource, type EmittedInstruction, type Translation } from './translation.js';
import { regionCompiler, type RegionCompiler, type RegionContext } from './region-compiler.js';

/**
 * Compiles a region to a Wasm module that exports `run(entry, ticks, base, self) → RegionExit | site << 3`; ticks left are
 * in EXIT_BUDGET, where to go on in RIP. Nothing in it depends on where the code lies but the distances within the code.
 */
export function translate(source: CodeSource, compiles: (instruction: Instruction) => boolean): Translation {
  return new Translator(source, compiles).translate();
}

/** A place in the region: code is being made for this instruction of this node. */
interface Cursor {
  readonly node: number;
  instruction: Instruction;
  rip: bigint;
  nextRip: bigint;
  /** Number of accesses of the block that code has been made for. */
  accesses: number;
  /** Whether the last check covers more than its access; if not, whether there is other code for the access. */
  check: 'wide' | 'single' | 'final';
}

class Translator implements RegionContext {
  private readonly flow: Flow;
  private readonly function: RegionFunction;
  private readonly compiler: RegionCompiler;
  private readonly paths = new RegionPaths();
  private readonly instructions: EmittedInstruction[] = [];
  /** Code that a branch leads to may be made within the branch: after that, this is the branch again. */
  private at!: Cursor;

  constructor(
    private readonly source: CodeSource,
    private readonly compiles: (instruction: Instruction) => boolean,
  ) {
    const { region, base, missing } = source;
    const summaries = summarize(region, base, compiles, missing);
    this.flow = new Flow(region, summaries);
    this.function = new RegionFunction(source, this.flow.longestPath);
    this.compiler = regionCompiler(this.function, this, ({ bytes }) => {
      const { at } = this;
      const plan = summaries[at.node]!.plans[at.accesses++]!;
      const isWide = plan.before + plan.after > bytes;
      at.check = isWide ? 'wide' : !plan.crosses && mayCross(bytes) ? 'single' : 'final';
      return plan;
    });
  }

  translate(): Translation {
    const { flow, paths } = this;
    const { region } = this.source;
    const nothing = this.compiler.knowledge;
    paths.departures.set(0, { ...nothing, flags: undefined, flagsStored: true });
    const { bytes, start } = this.function.make(() =>
      this.emitWithin(0, flow.structure.children[0]!, () => {
        const labels = flow.structure.entries.map((node) => paths.merges.get(node)!);
        this.function.code.get(ENTRY).brTable(labels, labels[0]!);
      }),
    );
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
    for (const merge of [...merges].reverse()) this.paths.merges.set(merge, this.function.code.block());
    emitNode();
    for (const merge of merges) {
      this.function.code.end();
      this.meetAt(merge, node);
      this.emitTree(merge);
    }
  }

  /** Where ways meet, known is what all of them know, and what their common dominator knew of checked extents. */
  private meetAt(merge: number, dominator: number): void {
    const { compiler, paths } = this;
    const fromOutside = this.flow.isEntry(merge);
    const origins = fromOutside ? compiler.freshOrigins() : paths.originsAt(merge, () => compiler.freshOrigin());
    const extents = fromOutside ? [] : paths.departures.get(dominator)!.extents;
    compiler.knowledge = { origins, extents, flags: undefined, flagsStored: true, places: ALL_IN_STATE };
    this.adoptFlags(merge);
    this.function.ticks.pending = 0;
  }
  /** Takes the flags from their locals, where stores on all ways have put them. */
  private adoptFlags(node: number): void {
    const kind = this.flow.flagsAt(node);
    if (kind === FLAGS_VARY) {
      this.compiler.knowledge = { ...this.compiler.knowledge, flags: undefined, flagsStored: true };
      return;
    }
    this.function.flags.setKind(kind);
    this.compiler.adoptFlags(kind, ...this.function.flags.values);
  }

  private emitTree(node: number): void {
    this.compiler.withinTree(() => this.emitNested(node));
  }

  private emitNested(node: number): void {
    const { flow } = this;
    const isLoop = flow.structure.isLoop(node);
    if (isLoop) this.enterLoop(node);
    this.emitWithin(node, flow.structure.children[node]!, () => this.emitBlock(node));
    if (!isLoop) return;
    this.function.code.end();
    this.paths.loops.delete(node);
  }

  private enterLoop(node: number): void {
    const { compiler, flow } = this;
    this.settle(node);
    this.paths.loops.set(node, this.function.code.loop());
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
    const { rip, instructions } = block;
    const at: Cursor = { node, instruction: instructions[0]!, rip, nextRip: rip, accesses: 0, check: 'final' };
    this.at = at;
    for (const instruction of instructions) {
      const rip = at.nextRip;
      const nextRip = rip + BigInt(instruction.length);
      Object.assign(at, { instruction, rip, nextRip });
      this.instructions.push({ rip, instruction, wasmOffset: this.function.code.writer.length });
      const goesNowhere = isDirectBranch(instruction) && directTarget(instruction, nextRip) === undefined;
      if (goesNowhere || !this.compiles(instruction)) return this.exit('evaluate');
      if (!this.compiler.emit(instruction, nextRip)) return;
      this.function.ticks.pending++;
    }
    this.goTo(block.next, block.end);
  }

  /** Goes on at a node, or leaves for its address where the region has none. */
  private goTo(target: number | undefined, rip: bigint): void {
    const { paths } = this;
    const { code } = this.function;
    const { node } = this.at;
    const { structure } = this.flow;
    paths.departures.set(node, this.compiler.knowledge);
    if (target === undefined) return this.leaveFor(rip);
    if (structure.isBack(node, target)) {
      this.settle(target);
      const loop = paths.loops.get(target);
      if (loop) return void code.br(loop);
      this.leaveUnlessTicks(rip);
      this.function.exits.enter(structure.entries.indexOf(target));
    } else if (structure.isMerge(target)) {
      this.settle(target);
      paths.noteArrival(target, this.compiler.knowledge);
      code.br(paths.merges.get(target)!);
    } else this.emitTree(target);
  }

  /** Before ways meet: ticks go to the budget, flags to their locals. */
  private settle(target: number | undefined): void {
    this.function.ticks.takePending();
    this.function.registers.settle();
    const { flags } = this.compiler.knowledge;
    const kind = target === undefined ? FLAGS_VARY : this.flow.flagsAt(target);
    if (flags && kind !== FLAGS_VARY) this.flow.requireKind(flags, kind);
    this.compiler.storeFlags();
  }
  /** Leaves if the ticks might not last to where they are looked at next. */
  private leaveUnlessTicks(rip: bigint): void {
    this.function.ticks.pushIsShort().if();
    this.leaveFor(rip);
    this.function.code.end();
  }

  jumpDirect(): void {
    const { at } = this;
    const { ticks } = this.function;
    const { pending } = ticks;
    const target = directTarget(at.instruction, at.nextRip);
    if (target === undefined) throw new Error("a direct branch without a canonical target is the evaluator's");
    ticks.pending++;
    this.goTo(this.source.region.nodes[at.node]!.target, target);
    ticks.pending = pending;
    this.at = at;
  }
  jumpIndirect(target: WasmValue): void {
    const { emitter, exits } = this.function;
    const { node } = this.at;
    const block = this.source.region.nodes[node]!;
    emitter.push(target).code.set(exits.rip);
    this.function.ticks.pending++;
    if (block.returnsTo !== undefined) this.returnToCaller(block, exits.rip);
    this.paths.departures.set(node, this.compiler.knowledge);
    this.settle(undefined);
    exits.branchOn();
  }
  /** The end of an inlined function: almost always the address popped is the one that its call pushed. */
  private returnToCaller(block: Block, target: number): void {
    const { compiler, at } = this;
    const { code, emitter, ticks } = this.function;
    const { pending } = ticks;
    const { returnsTo } = block;
    const rip = this.source.region.nodes[returnsTo!]!.rip;
    const expected = compiler.addressOfCode(rip);
    code.get(target);
    emitter.push(expected).code.op('i64.eq').if();
    const { knowledge } = compiler;
    this.goTo(returnsTo, rip);
    this.at = at;
    compiler.knowledge = knowledge;
    ticks.pending = pending;
    code.end();
  }
  exit(why: MidExit): void {
    const { check, rip } = this.at;
    const isCounted = why === 'miss' && check !== 'final';
    if (isCounted) this.function.exits.noteMiss(check);
    this.leaveWith(isCounted ? RegionExit.wideMiss : RegionExit[why], rip);
  }
  exitIf(why: MidExit): void {
    this.function.code.if();
    this.exit(why);
    this.function.code.end();
  }
  tickOrExit(): void {
    this.function.ticks.takeOne();
    // One more for the last iteration, which is the instruction's own tick.
    this.function.ticks.pushIsShort(1).if();
    this.leaveFor(this.at.rip);
    this.function.code.end();
  }
  get bulkTicks(): BulkTicks {
    return this.function.ticks.bulk;
  }
  get tlbSet(): 'state' | undefined {
    return this.source.hasTlbSets ? 'state' : undefined;
  }
  storeFlags(m: Arithmetic<WasmValue>, thunk: FlagsThunk<WasmValue>): void {
    this.function.flags.set(m, this.function.emitter, thunk);
  }
  callCondition(): void {
    throw new Error('conditions of unknown flags are made from their bits');
  }
  callFlagBits(): void {
    this.function.callFlagBits();
  }
  pushTime(): void {
    this.function.ticks.pushTime();
  }
  callFunction(name: CompiledFunction): void {
    this.function.call(name);
  }

  private leaveFor(rip: bigint): void {
    this.leaveWith(RegionExit.go, rip);
  }
  /** Leaves with all state where it is looked for; what is known stays as it was. */
  private leaveWith(exit: number, rip: bigint): void {
    const { compiler } = this;
    const { code, exits, registers, ticks } = this.function;
    const { pending } = ticks;
    const { knowledge } = compiler;
    compiler.storeFlags();
    registers.storeAll();
    compiler.knowledge = knowledge;
    ticks.takePending();
    ticks.pending = pending;
    compiler.pushCodeAddress(rip);
    code.set(exits.rip);
    if (exit === RegionExit.go) exits.branchOn();
    else exits.return(exit);
  }
}
