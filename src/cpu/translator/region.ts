import { PAGE_SIZE, isCanonical } from '../../bits.js';
import type { InstructionFetcher } from '../fetch.js';
import type { Instruction } from '../instruction.js';

/** Instructions of a region, at most: code beyond is reached by leaving. */
const MOST_INSTRUCTIONS = 400;

/** Instructions that run one after another, entered at the first only. */
export interface Block {
  readonly rip: bigint;
  readonly instructions: readonly Instruction[];
  /** Where control goes on in the region, twice where both ways of a branch lead there; what is not there leaves it. */
  readonly successors: readonly bigint[];
  /** Address of the instruction behind the last one. */
  readonly end: bigint;
}

/** Code of one page that is compiled as one: the blocks reachable from its entries by direct branches. */
export interface Region {
  /** Linear and physical address of the page. */
  readonly page: bigint;
  readonly physicalPage: number;
  /** Addresses at which it may be entered: the hot ones, and where its calls return to. */
  readonly entries: readonly bigint[];
  readonly blocks: ReadonlyMap<bigint, Block>;
  /** Whether it has the most instructions that a region may have, so that some may be left out. */
  readonly isFull: boolean;
}

/** Finds the region of the hot addresses `entries`, all in one page that lies at `physicalPage`. */
export function findRegion(fetcher: InstructionFetcher, entries: readonly bigint[], physicalPage: number): Region {
  const page = entries[0]! - (entries[0]! % BigInt(PAGE_SIZE));
  const found = new Map<bigint, Instruction>();
  const leaders = new Set<bigint>(entries);
  const returns = new Set<bigint>(entries);
  const inPage = (rip: bigint): boolean => rip >= page && rip < page + BigInt(PAGE_SIZE);
  const waiting = [...entries];
  for (let rip = waiting.shift(); rip !== undefined; rip = waiting.shift()) {
    while (inPage(rip) && !found.has(rip) && found.size < MOST_INSTRUCTIONS) {
      const instruction = fetcher.decodeInPage(physicalPage + Number(rip - page));
      if (typeof instruction === 'string') break;
      found.set(rip, instruction);
      rip += BigInt(instruction.length);
      if (!endsBlock(instruction)) continue;
      const target = directTarget(instruction, rip);
      const { goesOn, returnsHere } = afterBranch(instruction);
      if (target !== undefined && inPage(target)) leaders.add(target) && waiting.push(target);
      if (inPage(rip) && (goesOn || returnsHere)) leaders.add(rip) && waiting.push(rip);
      if (returnsHere && inPage(rip)) returns.add(rip);
      break;
    }
  }
  const blocks = new Map<bigint, Block>();
  for (const leader of leaders) if (found.has(leader)) blocks.set(leader, blockAt(leader, found, leaders));
  const isFull = found.size === MOST_INSTRUCTIONS;
  return { page, physicalPage, entries: [...returns].filter((rip) => blocks.has(rip)), blocks, isFull };
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

function afterBranch({ form }: Instruction): { goesOn: boolean; returnsHere: boolean } {
  const { mnemonic } = form.row;
  if (mnemonic === 'CALL') return { goesOn: false, returnsHere: true };
  return { goesOn: mnemonic !== 'JMP' && mnemonic !== 'RET', returnsHere: false };
}

function blockAt(leader: bigint, found: ReadonlyMap<bigint, Instruction>, leaders: ReadonlySet<bigint>): Block {
  const instructions: Instruction[] = [];
  let rip = leader;
  for (let next = found.get(rip); next; next = leaders.has(rip) ? undefined : found.get(rip)) {
    instructions.push(next);
    rip += BigInt(next.length);
    if (endsBlock(next)) break;
  }
  const last = instructions.at(-1)!;
  const successors: bigint[] = [];
  if (!endsBlock(last) || afterBranch(last).goesOn) successors.push(rip);
  const target = endsBlock(last) ? directTarget(last, rip) : undefined;
  if (target !== undefined) successors.push(target);
  return {
    rip: leader,
    instructions,
    successors: successors.filter((successor) => leaders.has(successor) && found.has(successor)),
    end: rip,
  };
}
