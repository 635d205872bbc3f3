/** What a host lets a case start from and shows of its end, found out by running small cases. */
import { hex } from '../../src/bits.js';
import { makeCase, RFLAGS, RFLAGS_ALLOWED, RFLAGS_ALWAYS, type Oracle, type OracleCase } from './case.js';
import { HIGH_ARENA } from './layout.js';

export interface Surroundings {
  /** True if FS and GS can have this base, which is canonical in 48 bits. */
  acceptsBase(base: bigint): boolean;
  /** The bits of RFLAGS that an instruction can start with. */
  readonly startFlags: number;
  /** The bits of RFLAGS that reach the result. */
  readonly shownFlags: number;
  /** One line for a log. */
  readonly description: string;
}

/** Every base and every flag: bd0's own CPU. */
export const UNRESTRICTED: Surroundings = {
  acceptsBase: () => true,
  startFlags: RFLAGS_ALLOWED,
  shownFlags: -1,
  description: 'every FS and GS base, every flag of RFLAGS',
};

const NOP = [0x90];
const POPF = [0x9d];
const RSP = 4;
const RBX = 3;
const STACK = HIGH_ARENA + 0x1000n;

/**
 * Ends of what the lower half of the address space may offer: all of it (WRFSBASE), what Linux lets a process map
 * (arch_prctl refuses TASK_SIZE_MAX and above with EPERM), or no base but 0.
 */
const LOWER_ENDS = [1n << 47n, 0x7fff_ffff_f000n, 1n];
const UPPER_HALF = [0xffff_8000_0000_0000n, 0xffff_c000_0000_0000n, 0xffff_ffff_ffff_ffffn];

/**
 * Bits that a kernel or hypervisor may take away: NT, which some clear on the way into or out of a process, and AC and ID.
 * All others must reach the instruction and the result.
 */
const MAY_BE_LOST = [RFLAGS.NT, RFLAGS.AC, RFLAGS.ID];

/** Finds out the surroundings of cases. Throws an Error for a host that is none of the known kinds. */
export function probeSurroundings(oracle: Oracle): Surroundings {
  const [lowerEnd, hasUpperHalf] = probeBases(oracle);
  const startFlags = RFLAGS_ALLOWED & ~lostAtStart(oracle);
  const lost = lostInResult(oracle);
  const missing = Object.entries(RFLAGS).filter(([, bit]) => bit & ((RFLAGS_ALLOWED & ~startFlags) | lost));
  const flags = missing.length === 0 ? 'every flag' : `no ${missing.map(([name]) => name).join(', ')}`;
  return {
    acceptsBase: (base) => (base < 1n << 47n ? base < lowerEnd : hasUpperHalf),
    startFlags,
    shownFlags: ~lost,
    description: `FS and GS bases below ${hex(lowerEnd)}${hasUpperHalf ? ' and in the upper half' : ''}, ${flags} of RFLAGS`,
  };
}

function probeBases(oracle: Oracle): [lowerEnd: bigint, hasUpperHalf: boolean] {
  const accepted = (bases: readonly bigint[]): boolean =>
    oracle
      .ask(bases.map((base) => makeCase(NOP, { fsBase: base, gsBase: base })))
      .every((result, i) => result?.fsBase === bases[i] && result?.gsBase === bases[i]);
  const lowerEnd = LOWER_ENDS.find((end) => accepted([0n, end >> 16n, end >> 1n, end - 1n]));
  if (lowerEnd === undefined) throw new Error('FS and GS do not even keep a base of 0');
  return [lowerEnd, accepted(UPPER_HALF)];
}

/** Flags that PUSHF does not store although the case has them, and AC if it has no effect (CR0.AM is clear). */
function lostAtStart(oracle: Oracle): number {
  const rflags = RFLAGS_ALLOWED & ~RFLAGS.AC;
  const memory = { seed: 0, windows: [{ address: STACK - 8n, length: 8 }] };
  const pushed = oracle.ask([
    makeCase([0x9c], { rflags, memory, gpr: registers(RSP, STACK) }),
    makeCase([0x48, 0x8b, 0x03], { rflags: RFLAGS_ALWAYS | RFLAGS.AC, gpr: registers(RBX, STACK + 1n) }),
  ]);
  const stored = new DataView(pushed[0]!.windows[0]!.slice().buffer).getUint32(0, true);
  const checksAlignment = pushed[1]!.fault?.vector === 17;
  return checkLost(rflags & ~stored, 'at the start') | (checksAlignment ? 0 : RFLAGS.AC);
}

/** Flags that do not come back from an instruction that keeps or loads them. */
function lostInResult(oracle: Oracle): number {
  const windows = [{ address: STACK, length: 8 }];
  const patches = [{ address: STACK, bytes: new Uint8Array(BigUint64Array.of(BigInt(RFLAGS_ALLOWED)).buffer) }];
  const popped = { memory: { seed: 0, windows, patches }, gpr: registers(RSP, STACK) };
  const cases: OracleCase[] = [0, 1].flatMap((maxSteps) => [
    makeCase(NOP, { rflags: RFLAGS_ALLOWED, maxSteps }),
    makeCase(POPF, { ...popped, maxSteps }),
  ]);
  const shown = oracle.ask(cases).reduce((bits, result) => bits & result!.rflags, -1);
  return checkLost(RFLAGS_ALLOWED & ~shown, 'in the result');
}

function checkLost(lost: number, where: string): number {
  const allowed = MAY_BE_LOST.reduce((bits, bit) => bits | bit, 0);
  if (lost & ~allowed) throw new Error(`RFLAGS loses ${hex(lost)} ${where}: more than NT, AC and ID`);
  return lost;
}

function registers(index: number, value: bigint): BigUint64Array {
  const gpr = new BigUint64Array(16);
  gpr[index] = value;
  return gpr;
}
