import { LONGEST_INSTRUCTION } from '../../cpu/decode/code-bytes.js';
import type { Decoder } from '../../cpu/decode/decoder.js';
import type { Instruction } from '../../cpu/decode/instruction.js';

/** How control flow continues after an instruction. */
export type FlowKind =
  | 'next'
  /** A direct jump, conditional or not. */
  | 'jump'
  | 'call'
  | 'return'
  | 'indirect jump'
  /** REP: the instruction may be executed several times. */
  | 'repeat';

/** An instruction in memory. */
export interface CodePlace {
  readonly rip: bigint;
  readonly next: bigint;
  readonly kind: FlowKind;
  /** The target of a direct jump or call. */
  readonly target: bigint | undefined;
  /** Whether execution may continue at `next`. */
  readonly continues: boolean;
  /** Whether a block ends here: whether it is a branch, taken or not. */
  readonly isBranch: boolean;
}

/** Where control flow can leave a set of instructions. */
export interface FlowExits {
  /** Calls, returns and indirect jumps in the set, whose targets are known only when they are executed. */
  readonly transfers: ReadonlyMap<bigint, CodePlace>;
  /** Addresses outside of the set to which its instructions lead directly. */
  readonly outside: ReadonlySet<bigint>;
}

/** Instructions that are followed at a time, at most; those beyond count as outside. */
const MOST_FOLLOWED = 4096;

/** Reads guest code. */
export class CodeFlow {
  constructor(
    private readonly readMemory: (linear: bigint, lengthBytes: number, pid: number) => Uint8Array,
    private readonly decoder: () => Decoder,
  ) {}

  /** The instruction at an address of a process; undefined if it cannot be read or is invalid. */
  at(rip: bigint, pid: number): CodePlace | undefined {
    const bytes = this.readMemory(rip, LONGEST_INSTRUCTION, pid);
    const found = this.decoder().decode(bytes, 0, bytes.length);
    return typeof found === 'string' ? undefined : placeOf(found, rip);
  }

  /** Follows direct control flow from an address, as far as `isInside` is true; calls are not followed. */
  exitsFrom(rip: bigint, pid: number, isInside: (rip: bigint) => boolean): FlowExits {
    const transfers = new Map<bigint, CodePlace>();
    const outside = new Set<bigint>();
    const seen = new Set<bigint>([rip]);
    const waiting = [rip];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const place = seen.size <= MOST_FOLLOWED && isInside(at) ? this.at(at, pid) : undefined;
      if (!place) {
        outside.add(at);
        continue;
      }
      if (place.kind === 'call' || place.kind === 'return' || place.kind === 'indirect jump') transfers.set(at, place);
      const successors = [place.kind === 'jump' ? place.target : undefined, place.continues ? place.next : undefined];
      for (const successor of successors) {
        if (successor === undefined || seen.has(successor)) continue;
        seen.add(successor);
        waiting.push(successor);
      }
    }
    return { transfers, outside };
  }
}

function placeOf({ form, length, immediate }: Instruction, rip: bigint): CodePlace {
  const next = BigInt.asUintN(64, rip + BigInt(length));
  const { mnemonic, attributes } = form.row;
  const isDirect = form.operands.some(({ kind }) => kind === 'relative');
  const isBranch = attributes.has('BRANCH');
  const kind = kindOf(mnemonic, isDirect, form.repeat !== 'none');
  const continues = kind !== 'return' && kind !== 'indirect jump' && mnemonic !== 'JMP';
  return { rip, next, kind, continues, isBranch, target: isDirect ? BigInt.asUintN(64, next + immediate) : undefined };
}

/** Other branches (VMCALL, INT3, UD2) end blocks as well, but execution continues after them or not at all. */
function kindOf(mnemonic: string, isDirect: boolean, isRepeated: boolean): FlowKind {
  if (isRepeated) return 'repeat';
  if (mnemonic === 'CALL') return 'call';
  if (['RET', 'RETF', 'IRET'].includes(mnemonic)) return 'return';
  if (isDirect) return 'jump';
  return mnemonic === 'JMP' ? 'indirect jump' : 'next';
}
