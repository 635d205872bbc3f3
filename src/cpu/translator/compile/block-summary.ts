import { COMMON_KINDS, FLAGS_KINDS, kindCode } from '../../meaning/flag-slots.js';
import { type FlagsThunk } from '../../meaning/flags.js';
import type { Instruction } from '../../decode/instruction.js';
import { Code } from '../../wasm/encoding/code.js';
import type { CompilerContext } from '../../wasm/compiling/meaning-compiler.js';
import { Emitter, localValue, type WasmValue } from '../../wasm/encoding/value.js';
import { planChecks, type CheckPlan, type PlannedAccess } from './check-groups.js';
import { CodeBase } from './code-base.js';
import { isDirectBranch, directTarget, type Block, type Region } from './region.js';
import type { MissingCheck } from './translation.js';
import { regionCompiler, type RegionCompiler } from './region-compiler.js';
import { ALL_IN_STATE, GENERAL_REGISTERS, RegionRegisters } from './region-registers.js';

/** Which kind of thunk the flags are, where that is the same on every way: a kind code, or one of these. */
export const FLAGS_UNCHANGED = -1;
export const FLAGS_VARY = -2;

/** What there is to know of a block before code is made for it. */
export interface BlockSummary {
  readonly plans: readonly CheckPlan[];
  /** The kind code of the flags it leaves, FLAGS_UNCHANGED or FLAGS_VARY. */
  readonly flags: number;
  /** Bit n is set where it writes general-purpose register n. */
  readonly writes: number;
}

/**
 * Evaluates the meanings of every block once, discarding the code. `missing` has the instructions whose checks miss
 * often.
 */
export function summarize(
  region: Region,
  base: bigint,
  compiles: (instruction: Instruction) => boolean,
  missing: ReadonlyMap<bigint, MissingCheck>,
): (BlockSummary | undefined)[] {
  const ofRip = new Map<bigint, BlockSummary>();
  const summarizer = new Summarizer(base, compiles, missing);
  return region.nodes.map((block) => {
    if (!block) return undefined;
    let summary = ofRip.get(block.rip);
    if (!summary) ofRip.set(block.rip, (summary = summarizer.summarize(block)));
    return summary;
  });
}

class Summarizer {
  private readonly code = new Code([]);
  private readonly registers: RegionRegisters;
  private readonly compiler: RegionCompiler;
  private readonly before: FlagsThunk<WasmValue>;
  private accesses: PlannedAccess[] = [];
  /** What becomes of the checks of the instruction, if they miss. */
  private own: MissingCheck | undefined;
  /**
   * What the accesses of such instructions are relative to: those that follow are likely to lie across the same end of a page,
   * so their checks cover their own access only, too.
   */
  private readonly ownRoots = new Map<number, MissingCheck>();

  constructor(
    base: bigint,
    private readonly compiles: (instruction: Instruction) => boolean,
    private readonly missing: ReadonlyMap<bigint, MissingCheck>,
  ) {
    this.registers = new RegionRegisters(this.code, false);
    const some = localValue('i64', this.code.newLocal('i64'));
    this.before = { kind: 'add', width: 64, x: some, y: some, result: some };
    const emitter = new Emitter(this.code);
    const code = { emitter, base: new CodeBase(this.code, base, undefined), registers: this.registers };
    this.compiler = regionCompiler(code, new NoContext(this.code), (access) => {
      const { origin } = access;
      if (this.own && origin) this.ownRoots.set(origin.root, this.own);
      const own = origin ? this.ownRoots.get(origin.root) : this.own;
      const crosses = own === 'crosses';
      this.accesses.push({ ...access, origin: own ? undefined : origin, crosses });
      return { before: 0, after: access.bytes, writes: access.access === 'write', crosses };
    });
  }

  summarize(block: Block): BlockSummary {
    const { compiler, before, registers } = this;
    this.accesses = [];
    this.ownRoots.clear();
    registers.written.clear();
    const origins = compiler.freshOrigins();
    compiler.knowledge = { origins, extents: [], flags: before, flagsStored: true, places: ALL_IN_STATE };
    let rip = block.rip;
    for (const instruction of block.instructions) {
      this.code.writer.length = 0;
      this.own = this.missing.get(rip);
      rip += BigInt(instruction.length);
      const goesNowhere = isDirectBranch(instruction) && directTarget(instruction, rip) === undefined;
      if (goesNowhere || !this.compiles(instruction) || !compiler.emit(instruction, rip)) break;
    }
    let writes = 0;
    for (const register of registers.written) if (register < GENERAL_REGISTERS) writes |= 1 << register;
    return { plans: planChecks(this.accesses), flags: flagsLeft(before, compiler.knowledge.flags), writes };
  }
}

function flagsLeft(before: FlagsThunk<WasmValue>, after: FlagsThunk<WasmValue> | undefined): number {
  if (after === before) return FLAGS_UNCHANGED;
  return after && isStatic(after) ? kindCode(after) : FLAGS_VARY;
}

/** Whether the kind code alone determines FLAGS_KIND. */
function isStatic({ kind }: FlagsThunk<WasmValue>): boolean {
  return FLAGS_KINDS.indexOf(kind) < COMMON_KINDS || kind === 'inc' || kind === 'dec' || kind === 'product';
}

/** Where nothing is left and nothing stored. */
class NoContext implements CompilerContext {
  constructor(private readonly code: Code) {}

  jumpDirect(): void {}
  jumpIndirect(): void {}
  exit(): void {}
  exitIf(): void {}
  tickOrExit(): void {}
  storeFlags(): void {}
  callCondition(): void {
    this.code.i32(0);
  }
  callFlagBits(): void {
    this.code.i32(0);
  }
  pushTime(): void {
    this.code.i64(0n);
  }
  callFunction(): void {}
}
