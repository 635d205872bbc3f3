import { PAGE_SIZE } from '../../bits.js';
import { HOST_LAYOUT } from '../../memory.js';
import { kindCode, type FlagsThunk } from '../flags.js';
import type { Instruction } from '../instruction.js';
import { addFlagFunctions } from '../interpreter/flag-functions.js';
import { pushThunk, type SharedFunctions } from '../interpreter/handler-context.js';
import { Exit, type ExitCode } from '../interpreter/record.js';
import * as at from '../state.js';
import { Code, type Label } from '../wasm/code.js';
import type { CompilerContext, MidExit } from '../wasm/meaning-compiler.js';
import { WasmModule } from '../wasm/module.js';
import { Emitter, type WasmValue } from '../wasm/value.js';
import { directTarget, isDirectBranch, type Block, type Region } from './region.js';
import { regionCompiler, type RegionCompiler } from './region-compiler.js';
import { structureOf, type Structure } from './structure.js';

/** A place where a region is left: the instruction to go on at, and the ticks paid for and not used. */
export interface Site {
  readonly rip: bigint;
  readonly refund: number;
}

export interface Translation {
  readonly bytes: Uint8Array;
  readonly sites: readonly Site[];
  /** Number that selects an entry, by its address; 0 is none. */
  readonly entryNumbers: ReadonlyMap<bigint, number>;
  /** For each block, where the region is best entered to get to it: the innermost loop around it, else itself. */
  readonly bestEntries: ReadonlyMap<bigint, bigint>;
}

/** Parameters of the function: which entry, how many ticks. */
const ENTRY = 0;
const BUDGET = 1;

/** Bits of the result below the number of the site. */
export const EXIT_CODE_BITS = 3;

/**
 * Compiles a region to a Wasm module that exports `run(entry, budget) → exit code | site << 3`; ticks left are in
 * EXIT_BUDGET. `entryTable` is the host address of PAGE_SIZE bytes that tell the entry's number for each offset in the
 * page: indirect branches that stay in the region find it there. `compiles` says which instructions have a reading here.
 */
export function translate(
  region: Region,
  entryTable: number,
  compiles: (instruction: Instruction) => boolean,
): Translation {
  return new Translator(region, entryTable, compiles).translate();
}

class Translator implements CompilerContext {
  private readonly code = new Code(['i32', 'i32']);
  private readonly emitter = new Emitter(this.code);
  private readonly module = new WasmModule();
  private readonly shared: SharedFunctions;
  private readonly registers: number[];
  private readonly kind = this.code.newLocal('i32');
  private readonly result = this.code.newLocal('i64');
  private readonly operand = this.code.newLocal('i64');
  private readonly exitValue = this.code.newLocal('i32');
  private readonly compiler: RegionCompiler;
  private readonly structure: Structure;
  private readonly nodes: readonly (Block | undefined)[];
  private readonly nodeOfRip = new Map<bigint, number>();
  /** Labels of the loops that enclose what is being emitted. */
  private readonly loops = new Map<number, Label>();
  private readonly merges = new Map<number, Label>();
  private readonly sites: Site[] = [];
  private readonly siteNumbers = new Map<string, number>();
  private dispatch!: Label;
  private leave!: Label;
  private node = 0;
  /** The instruction being emitted, and the ticks that its block has paid for it and those behind it. */
  private rip = 0n;
  private ticksToEnd = 0;
  private nextRip = 0n;
  private instruction!: Instruction;

  constructor(
    private readonly region: Region,
    private readonly entryTable: number,
    private readonly compiles: (instruction: Instruction) => boolean,
  ) {
    this.shared = addFlagFunctions(this.module);
    this.registers = Array.from({ length: 16 }, () => this.code.newLocal('i64'));
    this.compiler = regionCompiler(this.emitter, this, this.registers);
    this.nodes = [undefined, ...region.blocks.values()];
    this.nodes.forEach((block, node) => block && this.nodeOfRip.set(block.rip, node));
    const edges = this.nodes.map((block) => (block?.successors ?? []).map((rip) => this.nodeOfRip.get(rip)!));
    edges[0] = region.entries.map((rip) => this.nodeOfRip.get(rip)!);
    this.structure = structureOf(edges);
  }

  translate(): Translation {
    const { code, structure } = this;
    this.leave = code.block();
    this.dispatch = code.loop();
    this.emitWithin(0, structure.children[0]!, () => {
      const labels = structure.entries.map((node) => this.merges.get(node)!);
      code.get(ENTRY).brTable([labels[0]!, ...labels], labels[0]!);
    });
    code.end();
    code.op('unreachable').end();
    this.storeState();
    code.get(this.exitValue);
    const type = this.module.type(['i32', 'i32'], ['i32']);
    this.module.add(type, code, 'run', this.loadState());
    return {
      bytes: this.module.encode((HOST_LAYOUT.ram + 65536) / 65536),
      sites: this.sites,
      entryNumbers: new Map(structure.entries.map((node, i) => [this.nodes[node]!.rip, i + 1])),
      bestEntries: this.bestEntries(),
    };
  }

  private bestEntries(): Map<bigint, bigint> {
    const { structure, nodes } = this;
    const best = new Map<bigint, bigint>();
    const visit = (node: number, loop: number): void => {
      const around = structure.isLoop(node) ? node : loop;
      if (node !== 0) best.set(nodes[node]!.rip, nodes[around === 0 ? node : around]!.rip);
      for (const child of structure.children[node]!) visit(child, around);
    };
    visit(0, 0);
    return best;
  }

  /** The children that are merges nest as blocks around the node, each emitted behind its block's end. */
  private emitWithin(node: number, children: readonly number[], emitNode: () => void): void {
    const last = children.filter((child) => this.structure.isMerge(child)).at(-1);
    if (last === undefined) return emitNode();
    const label = this.code.block();
    this.merges.set(last, label);
    this.emitWithin(node, children.slice(0, children.indexOf(last)), emitNode);
    this.code.end();
    this.compiler.knownFlags = undefined;
    this.emitTree(last);
  }

  private emitTree(node: number): void {
    const { code, structure } = this;
    const isLoop = structure.isLoop(node);
    if (isLoop) {
      this.loops.set(node, code.loop());
      this.compiler.knownFlags = undefined;
    }
    this.emitWithin(node, structure.children[node]!, () => this.emitBlock(node));
    if (!isLoop) return;
    code.end();
    this.loops.delete(node);
  }

  private emitBlock(node: number): void {
    const block = this.nodes[node]!;
    const { instructions } = block;
    this.takeTicks(block);
    let rip = block.rip;
    for (let i = 0; i < instructions.length; i++) {
      const instruction = instructions[i]!;
      this.node = node;
      this.rip = rip;
      this.instruction = instruction;
      this.ticksToEnd = instructions.length - i;
      rip += BigInt(instruction.length);
      this.nextRip = rip;
      const goesNowhere = isDirectBranch(instruction) && directTarget(instruction, rip) === undefined;
      if (goesNowhere || !this.compiles(instruction)) return this.exit('evaluate');
      if (!this.compiler.emit(instruction, rip)) return;
    }
    this.node = node;
    this.goTo(block.end);
  }

  private takeTicks(block: Block): void {
    const { code } = this;
    const ticks = block.instructions.length;
    code.get(BUDGET).i32(ticks).op('i32.sub').set(BUDGET);
    code.get(BUDGET).i32(0).op('i32.lt_s').if();
    this.leaveAt(Exit.ticks, block.rip, ticks);
    code.end();
  }

  /** Goes on at an address: in the region if it is there. */
  private goTo(rip: bigint): void {
    const target = this.nodeOfRip.get(rip);
    if (target === undefined) return this.leaveAt(Exit.resolve, rip, 0);
    const { structure, code, node } = this;
    if (structure.isBack(node, target)) {
      const loop = this.loops.get(target);
      if (loop) code.br(loop);
      else
        code
          .i32(structure.entries.indexOf(target) + 1)
          .set(ENTRY)
          .br(this.dispatch);
    } else if (structure.isMerge(target)) code.br(this.merges.get(target)!);
    else this.emitTree(target);
  }

  jumpDirect(): void {
    const flags = this.compiler.knownFlags;
    const target = directTarget(this.instruction, this.nextRip);
    if (target === undefined) throw new Error("a direct branch without a canonical target is the evaluator's");
    this.goTo(target);
    this.compiler.knownFlags = flags;
  }
  jumpIndirect(target: WasmValue): void {
    const { code, emitter } = this;
    emitter.push(target).code.i64(this.region.page).op('i64.sub');
    const offset = emitter.pop('i64');
    emitter.push(offset).code.i64(BigInt(PAGE_SIZE)).op('i64.lt_u').if();
    emitter.push(offset).code.op('i32.wrap_i64').memory('i32.load8_u', this.entryTable).set(ENTRY);
    code.get(ENTRY).brIf(this.dispatch).end();
    code.i32(0);
    emitter.push(target).code.memory('i64.store', at.RIP);
    this.leaveAt(Exit.indirect, 0n, 0);
  }
  exit(why: MidExit): void {
    this.leaveAt(Exit[why], this.rip, this.ticksToEnd);
  }
  exitIf(why: MidExit): void {
    this.code.if();
    this.exit(why);
    this.code.end();
  }
  tickOrExit(): void {
    const { code } = this;
    code.get(BUDGET).i32(1).op('i32.sub').set(BUDGET);
    code.get(BUDGET).i32(0).op('i32.lt_s').if();
    this.leaveAt(Exit.ticks, this.rip, 1);
    code.end();
  }
  storeFlags(thunk: FlagsThunk<WasmValue>): void {
    pushThunk(this.emitter, thunk, 'result');
    this.code.set(this.result);
    pushThunk(this.emitter, thunk, 'operand');
    this.code.set(this.operand);
    this.code.i32(kindCode(thunk)).set(this.kind);
  }
  callCondition(even: number): void {
    this.pushFlags().call(this.shared.conditions[even]!);
  }
  callFlagBits(): void {
    this.pushFlags().call(this.shared.flagBits);
  }

  private pushFlags(): Code {
    return this.code.get(this.kind).get(this.result).get(this.operand);
  }
  private leaveAt(exit: ExitCode, rip: bigint, refund: number): void {
    const key = `${rip} ${refund}`;
    let site = this.siteNumbers.get(key);
    if (site === undefined) {
      site = this.sites.push({ rip, refund }) - 1;
      this.siteNumbers.set(key, site);
    }
    this.code
      .i32(exit | (site << EXIT_CODE_BITS))
      .set(this.exitValue)
      .br(this.leave);
  }
  private storeState(): void {
    const { code } = this;
    for (const register of this.compiler.written)
      code.i32(0).get(this.registers[register]!).memory('i64.store', at.gprAddress(register));
    code.i32(0).get(this.kind).memory('i32.store', at.FLAGS_KIND);
    code.i32(0).get(this.result).memory('i64.store', at.FLAGS_RESULT);
    code.i32(0).get(this.operand).memory('i64.store', at.FLAGS_OPERAND);
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
  }
  /** What runs first: written last, when it is known which registers are used. */
  private loadState(): Code {
    const code = new Code([]);
    for (const register of this.compiler.used)
      code.i32(0).memory('i64.load', at.gprAddress(register)).set(this.registers[register]!);
    code.i32(0).memory('i32.load', at.FLAGS_KIND).set(this.kind);
    code.i32(0).memory('i64.load', at.FLAGS_RESULT).set(this.result);
    code.i32(0).memory('i64.load', at.FLAGS_OPERAND).set(this.operand);
    return code;
  }
}
