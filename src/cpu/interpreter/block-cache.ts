import { PAGE_SIZE, isCanonical } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../fetch.js';
import type { OperandForm } from '../form.js';
import type { Instruction } from '../instruction.js';
import { GPR, SEGMENT_BASE, ZERO, gprAddress, xmmAddress } from '../state.js';
import { JumpTargets } from './jump-targets.js';
import { Field, Handler, RECORDS_END, RECORDS_START, RECORD_BYTES } from './record.js';

/** Instructions decoded in one go, at most. */
const LONGEST_RUN = 256;

/** Handler numbers of forms and of fused pairs of them, by form id. */
export interface HandlerNumbers {
  readonly handlerOfForm: readonly number[];
  readonly handlerOfPair: Readonly<Record<string, number>>;
}

/** Records of consecutive instructions, and the bytes of physical memory that they were decoded from. */
interface Run {
  readonly firstRecord: number;
  readonly records: number;
  readonly physical: number;
  readonly lengthBytes: number;
}

/**
 * Decoded records: finds or makes the record of an address, links direct branches, and forgets what was decoded from
 * bytes that change. Records are found by linear address; when page tables that fetches went through change, all go.
 */
export class BlockCache {
  private readonly view: DataView;
  private readonly recordOfRip = new Map<bigint, number>();
  private readonly runsOfFrame = new Map<number, Run[]>();
  /** Which field to link once the target that a stub stands for is decoded, by stub. */
  private readonly referrers = new Map<number, number>();
  private readonly pairHandlers: ReadonlySet<number>;
  private readonly jumps: JumpTargets;
  private end = RECORDS_START;
  /** Counts how often everything was dropped: record addresses of another generation mean nothing. */
  generation = 0;

  constructor(
    memory: GuestMemory,
    private readonly mmu: Mmu,
    private readonly fetcher: InstructionFetcher,
    private readonly handlers: HandlerNumbers,
    /** Whether somebody else has to hear of stores to the code in a frame. */
    private readonly isWatchedElse: (frame: number) => boolean,
  ) {
    this.view = memory.hostView;
    this.pairHandlers = new Set(Object.values(handlers.handlerOfPair));
    this.jumps = new JumpTargets(memory);
    this.dropAll();
  }

  /** The record of the instruction at `rip`, decoded now if need be; throws #GP or #PF as the fetch does. */
  find(rip: bigint): number {
    return this.recordOfRip.get(rip) ?? this.decodeRun(rip);
  }

  /** Whether the instruction at an address has been decoded. */
  has(rip: bigint): boolean {
    return this.recordOfRip.has(rip);
  }

  /** The record that an indirect branch to `rip` goes to; the jump cache will know it from now on. */
  findIndirect(rip: bigint): number {
    const record = this.find(rip);
    this.jumps.set(rip, record);
    return record;
  }

  /** What a record that left with RESOLVE stands for; links whoever came through it. */
  resolve(stub: number): number {
    const { generation } = this;
    const record = this.find(this.ripOf(stub));
    if (generation !== this.generation) return record;
    const referrer = this.referrers.get(stub);
    if (referrer !== undefined) this.view.setInt32(referrer, record, true);
    this.referrers.delete(stub);
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, record, true);
    return record;
  }

  /** Makes the record of an address, if there is one, leave for the region that is entered there. */
  markRegion(rip: bigint): void {
    const record = this.recordOfRip.get(rip);
    if (record === undefined || this.leadsToRegion(record)) return;
    this.view.setUint16(record + Field.handlerBefore, this.view.getUint16(record + Field.handler, true), true);
    this.view.setUint16(record + Field.handler, Handler.region, true);
  }
  leadsToRegion(record: number): boolean {
    return this.view.getUint16(record + Field.handler, true) === Handler.region;
  }
  /** Gives a record its own handler back, as its region is gone. */
  unmarkRegion(record: number): void {
    this.view.setUint16(record + Field.handler, this.view.getUint16(record + Field.handlerBefore, true), true);
  }

  /** Whether a record stands for an instruction, which has been fetched, rather than for the way to one. */
  isInstruction(record: number): boolean {
    const handler = this.view.getUint16(record + Field.handler, true);
    return handler !== Handler.goto && handler !== Handler.resolve;
  }

  private isEvaluated(record: number): boolean {
    return this.view.getUint16(record + Field.handler, true) === Handler.evaluate;
  }

  /** The address of the instruction that a record stands for. */
  ripOf(record: number): bigint {
    return BigInt.asUintN(64, this.nextRipOf(record) - BigInt(this.view.getUint8(record + Field.length)));
  }
  nextRipOf(record: number): bigint {
    return this.view.getBigUint64(record + Field.nextRip, true);
  }

  /** How many instructions from a record on, `most` at most, are less than its block and end with no half of a fused pair. */
  partOf(record: number, most: number): number {
    const count = Math.min(most, this.ticksToEnd(record) - 1);
    return count > 0 && this.isFused(record + (count - 1) * RECORD_BYTES) ? count - 1 : count;
  }
  private ticksToEnd(record: number): number {
    return this.view.getUint16(record + Field.ticksToEnd, true);
  }
  private isFused(record: number): boolean {
    const field = this.leadsToRegion(record) ? Field.handlerBefore : Field.handler;
    return this.pairHandlers.has(this.view.getUint16(record + field, true));
  }

  /**
   * Makes the first `count` instructions from a record on a block of their own, which leaves with RESOLVE at the next one;
   * answers how to undo it. `partOf` tells where that may be.
   */
  cut(record: number, count: number): () => void {
    const { view } = this;
    const last = record + count * RECORD_BYTES;
    const handler = view.getUint16(last + Field.handler, true);
    const ticks = this.ticksToEnd(record);
    const countFrom = (ticks: number): void => {
      for (let i = 0; i <= count; i++) view.setUint16(record + i * RECORD_BYTES + Field.ticksToEnd, ticks - i, true);
    };
    countFrom(count);
    view.setUint16(last + Field.handler, Handler.resolve, true);
    return () => {
      countFrom(ticks);
      view.setUint16(last + Field.handler, handler, true);
    };
  }

  /** Forgets what was decoded from bytes that have been stored to. */
  codeStored(physical: number, lengthBytes: number): void {
    const frame = Math.floor(physical / PAGE_SIZE);
    const runs = this.runsOfFrame.get(frame);
    if (!runs) return;
    const kept = runs.filter((run) => {
      const overlaps = physical < run.physical + run.lengthBytes && run.physical < physical + lengthBytes;
      if (overlaps) this.forget(run);
      return !overlaps;
    });
    if (kept.length > 0) this.runsOfFrame.set(frame, kept);
    else this.runsOfFrame.delete(frame);
  }

  /** Whether anything decoded from a frame is left. */
  holds(frame: number): boolean {
    return this.runsOfFrame.has(frame);
  }

  /** Forgets everything. */
  dropAll(): void {
    this.generation++;
    for (const frame of this.runsOfFrame.keys()) if (!this.isWatchedElse(frame)) this.mmu.unwatch(frame, WATCH_CODE);
    this.recordOfRip.clear();
    this.runsOfFrame.clear();
    this.referrers.clear();
    this.end = RECORDS_START;
    this.jumps.clear();
  }

  /** Its records say RESOLVE from now on, so that those who link to them, or stand in their midst, find the new bytes. */
  private forget(run: Run): void {
    for (let i = 0; i < run.records; i++) {
      const record = run.firstRecord + i * RECORD_BYTES;
      const rip = this.ripOf(record);
      if (this.recordOfRip.get(rip) === record) this.recordOfRip.delete(rip);
      this.view.setUint16(record + Field.handler, Handler.resolve, true);
      this.view.setUint16(record + Field.ticksToEnd, 0, true);
      this.jumps.delete(rip, record);
    }
  }

  /**
   * Decodes from `rip` to an unconditional jump, a known instruction, or the end of the page. An instruction that crosses
   * into the next page is a run of its own, since its fetch may fault.
   */
  private decodeRun(rip: bigint): number {
    if (this.end + (LONGEST_RUN * 2 + 2) * RECORD_BYTES > RECORDS_END) this.dropAll();
    const physical = this.fetcher.translate(rip);
    const instructions: Instruction[] = [];
    let at = physical;
    let next = rip;
    while (instructions.length < LONGEST_RUN && !(instructions.length > 0 && this.recordOfRip.has(next))) {
      const decoded = this.fetcher.decodeInPage(at);
      if (typeof decoded === 'string') break;
      instructions.push(decoded);
      at += decoded.length;
      next = BigInt.asUintN(64, next + BigInt(decoded.length));
      if (endsRun(decoded) || at % PAGE_SIZE === 0) break;
    }
    if (instructions.length === 0) return this.decodeSingle(rip, physical);
    return this.write(rip, physical, at - physical, instructions);
  }

  /** What does not decode within its page: an instruction that crosses, or none at all, which the evaluator finds out. */
  private decodeSingle(rip: bigint, physical: number): number {
    if (this.fetcher.decodeInPage(physical) !== 'end') {
      const record = this.writeStub(rip);
      this.view.setUint16(record + Field.handler, Handler.evaluate, true);
      this.view.setUint16(record + Field.ticksToEnd, 1, true);
      this.remember(rip, record, {
        firstRecord: record,
        records: 1,
        physical,
        lengthBytes: PAGE_SIZE - (physical % PAGE_SIZE),
      });
      return record;
    }
    const { instruction, second } = this.fetcher.fetchCrossing(rip);
    const inFirst = PAGE_SIZE - (physical % PAGE_SIZE);
    const record = this.write(rip, physical, inFirst, [instruction]);
    const inSecond: Run = {
      firstRecord: record,
      records: 1,
      physical: second,
      lengthBytes: instruction.length - inFirst,
    };
    this.watchRun(inSecond);
    return record;
  }

  private write(rip: bigint, physical: number, lengthBytes: number, instructions: readonly Instruction[]): number {
    const first = this.end;
    this.end += instructions.length * RECORD_BYTES;
    const stubs: number[] = [];
    let nextRip = rip;
    instructions.forEach((instruction, i) => {
      const record = first + i * RECORD_BYTES;
      this.recordOfRip.set(nextRip, record);
      nextRip = BigInt.asUintN(64, nextRip + BigInt(instruction.length));
      this.writeRecord(record, instruction, nextRip);
      if (isDirectBranch(instruction) && !goesNowhere(instruction, nextRip)) stubs.push(record);
    });
    this.writeGoOn(nextRip);
    this.countTicks(first, instructions);
    this.fusePairs(first, instructions);
    for (const record of stubs) this.link(record, instructions[(record - first) / RECORD_BYTES]!);
    this.watchRun({ firstRecord: first, records: instructions.length, physical, lengthBytes });
    return first;
  }

  private writeRecord(record: number, instruction: Instruction, nextRip: bigint): void {
    const { view } = this;
    const { form } = instruction;
    const displacement = instruction.ripRelative ? nextRip + instruction.displacement : instruction.displacement;
    const handler = goesNowhere(instruction, nextRip) ? undefined : this.handlers.handlerOfForm[form.id];
    view.setUint16(record + Field.handler, handler ?? Handler.evaluate, true);
    form.operands.forEach((operand, slot) => {
      const address = registerAddress(operand, instruction);
      const field = Field.operands[slot];
      if (address !== undefined && field !== undefined) view.setUint16(record + field, address, true);
    });
    view.setUint16(record + Field.base, instruction.base < 0 ? ZERO : GPR + instruction.base * 8, true);
    view.setUint16(record + Field.index, instruction.index < 0 ? ZERO : GPR + instruction.index * 8, true);
    view.setUint16(record + Field.segmentBase, SEGMENT_BASE + instruction.segment * 8, true);
    view.setBigInt64(record + Field.immediate, instruction.immediate, true);
    view.setBigInt64(record + Field.displacement, displacement, true);
    view.setBigUint64(record + Field.nextRip, nextRip, true);
    view.setUint8(record + Field.scale, instruction.scale);
    view.setUint8(record + Field.length, instruction.length);
  }

  /** The record behind a run: goes on where the next instruction is known, else finds out when it is reached. */
  private writeGoOn(rip: bigint): void {
    const stub = this.writeStub(rip);
    const known = this.recordOfRip.get(rip);
    if (known === undefined) return;
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, known, true);
  }

  /** A record that says RESOLVE. */
  private writeStub(rip: bigint): number {
    const stub = this.end;
    this.end += RECORD_BYTES;
    this.view.setUint16(stub + Field.handler, Handler.resolve, true);
    this.view.setUint16(stub + Field.ticksToEnd, 0, true);
    this.view.setBigUint64(stub + Field.nextRip, rip, true);
    this.view.setUint8(stub + Field.length, 0);
    return stub;
  }

  /** Links a direct branch to its target, or to a stub that will. */
  private link(record: number, instruction: Instruction): void {
    const target = targetOf(instruction, this.nextRipOf(record));
    const known = this.recordOfRip.get(target);
    const goal = known ?? this.writeStub(target);
    if (known === undefined) this.referrers.set(goal, record + Field.target);
    this.view.setInt32(record + Field.target, goal, true);
  }

  /** Blocks end at branches and at REP, which gives up its tick between iterations. */
  private countTicks(first: number, instructions: readonly Instruction[]): void {
    let ticks = 0;
    for (let i = instructions.length - 1; i >= 0; i--) {
      ticks = endsBlock(instructions[i]!) ? 1 : ticks + 1;
      this.view.setUint16(first + i * RECORD_BYTES + Field.ticksToEnd, ticks, true);
    }
  }

  /** From the end backwards, so that a branch goes with its comparison rather than that with what stands before it. */
  private fusePairs(first: number, instructions: readonly Instruction[]): void {
    let nextIsFused = false;
    for (let i = instructions.length - 2; i >= 0; i--) {
      const pair = `${instructions[i]!.form.id},${instructions[i + 1]!.form.id}`;
      const nextStandsAlone: boolean = nextIsFused || this.isEvaluated(first + (i + 1) * RECORD_BYTES);
      const handler: number | undefined = nextStandsAlone ? undefined : this.handlers.handlerOfPair[pair];
      nextIsFused = handler !== undefined;
      if (handler !== undefined) this.view.setUint16(first + i * RECORD_BYTES + Field.handler, handler, true);
    }
  }

  private remember(rip: bigint, record: number, run: Run): void {
    this.recordOfRip.set(rip, record);
    this.watchRun(run);
  }

  private watchRun(run: Run): void {
    const frame = Math.floor(run.physical / PAGE_SIZE);
    const runs = this.runsOfFrame.get(frame);
    if (runs) runs.push(run);
    else this.runsOfFrame.set(frame, [run]);
    this.mmu.watch(frame, WATCH_CODE);
  }
}

function registerAddress(operand: OperandForm, instruction: Instruction): number | undefined {
  if (operand.kind !== 'gpr' && operand.kind !== 'xmm') return undefined;
  const register = typeof operand.field === 'number' ? operand.field : instruction[operand.field];
  return operand.kind === 'gpr' ? gprAddress(register) : xmmAddress(register);
}

function isDirectBranch(instruction: Instruction): boolean {
  return instruction.form.operands.some((operand) => operand.kind === 'relative');
}

function targetOf(instruction: Instruction, nextRip: bigint): bigint {
  return BigInt.asUintN(64, nextRip + instruction.immediate);
}

/** Whether it is a direct branch to an address that is not canonical: one for the evaluator. */
function goesNowhere(instruction: Instruction, nextRip: bigint): boolean {
  return isDirectBranch(instruction) && !isCanonical(targetOf(instruction, nextRip));
}

function endsBlock(instruction: Instruction): boolean {
  return instruction.form.row.attributes.has('BRANCH') || instruction.form.repeat !== 'none';
}

/** What lies behind an unconditional jump is likely no code, or code reached from elsewhere. */
function endsRun(instruction: Instruction): boolean {
  const { mnemonic } = instruction.form.row;
  return instruction.form.row.attributes.has('BRANCH') && (mnemonic === 'JMP' || mnemonic.startsWith('RET'));
}
