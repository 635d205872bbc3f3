import { isCanonical } from '../../../bits.js';
import type { Instruction } from '../../decode/instruction.js';
import type { CodePage, CodeReader } from './code-reader.js';
import { MOST_INSTRUCTIONS, RegionGrowth, type BlockShape, type CodeHeat, type GrowthLimits } from './region-growth.js';

/** Instructions with the copies that inlining makes, at most. */
const MOST_COPIES = 1300;

/** Calls are inlined to this depth, if the callee has at most this number of instructions. */
const DEEPEST_INLINING = 2;
const LONGEST_INLINED = 40;

/** Where an inlined copy of a function returns to; the code of the region's own level has no context. */
export interface Context {
  readonly name: string;
  readonly parent: Context | undefined;
  readonly returnsTo: bigint;
  readonly depth: number;
}

/** Instructions that run one after another, entered at the first only. The numbers are those of nodes of the region. */
export interface Block {
  readonly rip: bigint;
  readonly context: Context | undefined;
  readonly instructions: readonly Instruction[];
  /** Address of the instruction behind the last one. */
  readonly end: bigint;
  /** Where control goes on behind the block, where a direct branch leads, and where an inlined copy returns. */
  readonly next: number | undefined;
  readonly target: number | undefined;
  readonly returnsTo: number | undefined;
}

/** Code that is compiled as one: the blocks reachable from its entries by direct branches, calls and returns. */
export interface Region {
  readonly pages: readonly CodePage[];
  /** By number; 0 stands for the dispatch to the entries. */
  readonly nodes: readonly (Block | undefined)[];
  /** Nodes at which it may be entered: those asked for, callees, and where calls return to. */
  readonly entries: readonly number[];
  /** The addresses that were asked for. */
  readonly wanted: readonly bigint[];
  /** Addresses that were left out because of a code stop. */
  readonly stops: readonly bigint[];
}

export type { CodeHeat } from './region-growth.js';

export interface RegionLimits extends GrowthLimits {
  /** Whether an indirect branch, or a region that was left, has led to an address. */
  isJumpedTo(rip: bigint): boolean;
  /** Whether there is a code stop at an address: its instruction is not part of any region. */
  hasStop(rip: bigint): boolean;
  /** Whether the translator can compile an instruction. */
  compiles(instruction: Instruction): boolean;
}

/** The block that begins at an address, up to a branch; without instructions if it cannot be read. */
export function shapeOf(reader: CodeReader, rip: bigint): BlockShape {
  let length = 0;
  let at = rip;
  while (length < MOST_INSTRUCTIONS) {
    const instruction = reader.read(at);
    if (!instruction) return { length, successors: [] };
    length++;
    at = after(at, instruction);
    if (!endsBlock(instruction)) continue;
    const target = directTarget(instruction, at);
    return { length, successors: [...(target === undefined ? [] : [target]), ...(goesOn(instruction) ? [at] : [])] };
  }
  return { length, successors: [at] };
}

/** Finds the region of the hot addresses `entries`. Returns undefined if the first of them cannot be compiled. */
export function findRegion(reader: CodeReader, entries: readonly bigint[], limits: RegionLimits): Region | undefined {
  return new RegionFinder(reader, limits).find(entries);
}

/** Instructions of a region, each copy counted. */
export function sizeOf({ nodes }: Region): number {
  return nodes.reduce((sum, node) => sum + (node?.instructions.length ?? 0), 0);
}

class RegionFinder {
  private readonly found = new Map<bigint, Instruction>();
  private readonly runs = new Map<bigint, Instruction[]>();
  private readonly inlinable = new Map<bigint, boolean>();
  private readonly nodes: (Block | undefined)[] = [undefined];
  private readonly nodeOfKey = new Map<string, number>();
  private readonly entries = new Set<number>();
  private readonly stops = new Set<bigint>();
  private readonly growth: RegionGrowth;
  private readonly waiting: { node: number; rip: bigint; context: Context | undefined }[] = [];
  private copies = 0;

  constructor(
    private readonly reader: CodeReader,
    private readonly limits: RegionLimits,
  ) {
    this.growth = new RegionGrowth(limits);
  }

  /** Where blocks begin. */
  private get leaders(): Set<bigint> {
    return this.growth.leaders;
  }

  find(asked: readonly bigint[]): Region | undefined {
    const { heat } = this.limits;
    this.growth.begin(asked);
    this.discover();
    if (!this.found.has(asked[0]!)) return undefined;
    for (const rip of asked) this.addEntry(rip);
    if (heat) this.addJumpTargets(heat);
    this.connectAll();
    if (heat) this.addUnreached(heat);
    return {
      pages: this.reader.pages,
      nodes: this.nodes,
      entries: [...this.entries],
      wanted: asked,
      stops: [...this.stops],
    };
  }

  /** Adds entries at hot code to which the host knows ways from elsewhere than through direct branches. */
  private addJumpTargets(heat: CodeHeat): void {
    for (const rip of this.found.keys())
      if (heat.samplesAt(rip) > 0 && this.limits.isJumpedTo(rip)) {
        this.leaders.add(rip);
        this.addEntry(rip);
      }
  }

  /** Adds entries at hot blocks that no way from the others leads to. */
  private addUnreached({ sampled }: CodeHeat): void {
    const add = (rip: bigint): void => {
      if (!this.leaders.has(rip) || !this.found.has(rip) || this.nodeOfKey.has(keyOf(rip, undefined))) return;
      this.addEntry(rip);
      this.connectAll();
    };
    for (const rip of sampled) if (!this.limits.predecessorsOf(rip).some((before) => this.found.has(before))) add(rip);
    for (const rip of sampled) add(rip);
  }

  private connectAll(): void {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift())
      this.nodes[next.node] = this.connect(next.rip, next.context);
  }

  /** Reads the instructions of the leaders and of what they are connected to, and notes where blocks begin. */
  private discover(): void {
    const { growth } = this;
    for (let next = growth.next(); next && this.found.size < MOST_INSTRUCTIONS; next = growth.next()) {
      const { rip } = next;
      const run = this.readRun(rip);
      const rate = growth.rateOf(rip, run.length);
      if (rate === undefined || run.length === 0) continue;
      this.leaders.add(rip);
      let at = rip;
      for (const instruction of run) {
        this.found.set(at, instruction);
        for (const before of this.limits.predecessorsOf(at)) growth.lead(before, rate);
        at = after(at, instruction);
      }
      const last = run.at(-1)!;
      if (!this.endsBlock(last)) continue;
      growth.lead(directTarget(last, at), rate);
      if (goesOn(last)) growth.lead(at, rate);
    }
  }

  /**
   * The instructions from an address up to a branch, or to one that the region has; none if they are more than it has room
   * for: what is cut off would be reached each time that the block runs.
   */
  private readRun(leader: bigint): Instruction[] {
    const run: Instruction[] = [];
    for (let rip = leader; !this.found.has(rip);) {
      const instruction = this.read(rip);
      if (!instruction) break;
      if (this.found.size + run.length >= MOST_INSTRUCTIONS) return this.found.size > 0 ? [] : run;
      run.push(instruction);
      rip = after(rip, instruction);
      if (this.endsBlock(instruction)) break;
    }
    return run;
  }

  private read(rip: bigint): Instruction | undefined {
    if (!this.limits.hasStop(rip)) return this.reader.read(rip);
    this.stops.add(rip);
    return undefined;
  }

  private endsBlock(instruction: Instruction): boolean {
    return endsBlock(instruction) || !this.limits.compiles(instruction);
  }

  private addEntry(rip: bigint): number | undefined {
    const node = this.nodeAt(rip, undefined);
    if (node !== undefined) this.entries.add(node);
    return node;
  }

  /** The node of an address in a context, made now if need be; undefined where the region does not have that code. */
  private nodeAt(rip: bigint, context: Context | undefined): number | undefined {
    if (!this.found.has(rip) || !this.leaders.has(rip)) return undefined;
    const key = keyOf(rip, context);
    const known = this.nodeOfKey.get(key);
    if (known !== undefined) return known;
    const node = this.nodes.push(undefined) - 1;
    this.nodeOfKey.set(key, node);
    this.waiting.push({ node, rip, context });
    return node;
  }

  private connect(rip: bigint, context: Context | undefined): Block {
    const instructions = this.runAt(rip);
    this.copies += instructions.length;
    const end = instructions.reduce(after, rip);
    const last = instructions.at(-1)!;
    const edges: { next?: number | undefined; target?: number | undefined; returnsTo?: number | undefined } = {};
    if (!this.endsBlock(last)) edges.next = this.nodeAt(end, context);
    else if (!this.limits.compiles(last)) this.addEntry(end);
    else if (isCall(last)) edges.target = this.connectCall(last, end, context);
    else {
      const target = directTarget(last, end);
      if (target !== undefined) edges.target = this.nodeAt(target, context);
      if (goesOn(last)) edges.next = this.nodeAt(end, context);
      if (isReturn(last) && context) edges.returnsTo = this.nodeAt(context.returnsTo, context.parent);
    }
    return { rip, context, instructions, end, next: edges.next, target: edges.target, returnsTo: edges.returnsTo };
  }

  /** A call goes to a copy of the callee, or to the callee itself, which then returns through the dispatch. */
  private connectCall(call: Instruction, end: bigint, context: Context | undefined): number | undefined {
    const target = directTarget(call, end);
    const depth = (context?.depth ?? 0) + 1;
    const hasRoom = depth <= DEEPEST_INLINING && this.copies < MOST_COPIES;
    if (target !== undefined && hasRoom && this.found.has(end) && this.isInlinable(target)) {
      const name = `${context?.name ?? ''}/${end}`;
      return this.nodeAt(target, { name, parent: context, returnsTo: end, depth });
    }
    this.addEntry(end);
    return target === undefined ? undefined : this.addEntry(target);
  }

  /** Whether a function is short, known whole, and without loops and indirect jumps. */
  private isInlinable(callee: bigint): boolean {
    const known = this.inlinable.get(callee);
    if (known !== undefined) return known;
    const answer = this.found.has(callee) && this.leaders.has(callee) && this.isShort(callee);
    this.inlinable.set(callee, answer);
    return answer;
  }

  private isShort(callee: bigint): boolean {
    const blocks = new Set([callee]);
    const waiting = [callee];
    let length = 0;
    for (let rip = waiting.pop(); rip !== undefined; rip = waiting.pop()) {
      const run = this.runAt(rip);
      const end = run.reduce(after, rip);
      const last = run.at(-1)!;
      length += run.length;
      if (length > LONGEST_INLINED) return false;
      if (isReturn(last)) continue;
      const successors: bigint[] = [];
      const target = isCall(last) ? undefined : directTarget(last, end);
      if (target === undefined && !goesOn(last)) return false;
      if (target !== undefined) successors.push(target);
      if (goesOn(last)) successors.push(end);
      for (const successor of successors) {
        if (successor <= rip) return false;
        if (!this.found.has(successor) || blocks.has(successor)) continue;
        blocks.add(successor);
        waiting.push(successor);
      }
    }
    return true;
  }

  /** The instructions of the block that begins at a leader. */
  private runAt(leader: bigint): Instruction[] {
    const known = this.runs.get(leader);
    if (known) return known;
    const run: Instruction[] = [];
    let rip = leader;
    for (let next = this.found.get(rip); next; next = this.leaders.has(rip) ? undefined : this.found.get(rip)) {
      run.push(next);
      rip = after(rip, next);
      if (this.endsBlock(next)) break;
    }
    this.runs.set(leader, run);
    return run;
  }
}

function keyOf(rip: bigint, context: Context | undefined): string {
  return `${rip} ${context?.name ?? ''}`;
}

function after(rip: bigint, instruction: Instruction): bigint {
  return BigInt.asUintN(64, rip + BigInt(instruction.length));
}

/** Whether control may go elsewhere than to the next instruction, or comes back to this one. */
export function endsBlock(instruction: Instruction): boolean {
  return instruction.form.row.attributes.has('BRANCH') || instruction.form.repeat !== 'none';
}

export function isDirectBranch({ form }: Instruction): boolean {
  return form.operands.some((operand) => operand.kind === 'relative');
}

/** The target of a direct branch whose next instruction lies at `nextRip`; undefined for others, or if not canonical. */
export function directTarget(instruction: Instruction, nextRip: bigint): bigint | undefined {
  if (!isDirectBranch(instruction)) return undefined;
  const target = BigInt.asUintN(64, nextRip + instruction.immediate);
  return isCanonical(target) ? target : undefined;
}

function isCall({ form }: Instruction): boolean {
  return form.row.mnemonic === 'CALL';
}

function isReturn({ form }: Instruction): boolean {
  return form.row.mnemonic === 'RET';
}

/** Whether control may go on, now or after a call, at the next instruction. */
function goesOn({ form }: Instruction): boolean {
  return form.row.mnemonic !== 'JMP' && form.row.mnemonic !== 'RET';
}
