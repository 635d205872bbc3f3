import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/bits.js';
import {
  FREE_RUN,
  makeCase,
  MXCSR_DEFAULT,
  RFLAGS,
  RFLAGS_ALLOWED,
  RFLAGS_ALWAYS,
  type OracleCase,
  type OracleState,
} from './case.js';
import { formatDifference, sameState } from './difference.js';
import { describeHost, missingFeatures } from './host.js';
import {
  ARENA_BYTES,
  CODE,
  CODE_BYTES,
  HIGH_ARENA,
  initialWindows,
  LOW_ARENA,
  READ_ONLY_PAGE,
  READ_ONLY_PAGES,
  type OracleMemory,
} from './layout.js';
import { NativeOracle, NOT_AVAILABLE } from './native.js';
import { refusal } from './refusals.js';

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 2, 3, 4, 5, 6, 7];
const MIDDLE = HIGH_ARENA + 0x1000n;
const READ_ONLY = HIGH_ARENA + BigInt(READ_ONLY_PAGE * 4096);
const WRITABLE_AGAIN = READ_ONLY + BigInt(READ_ONLY_PAGES * 4096);
const END = HIGH_ARENA + BigInt(ARENA_BYTES);
/** Not canonical, with 48-bit and with 57-bit linear addresses. */
const NON_CANONICAL = 0x0100_0000_0000_0000n;
const ALL_FLAGS = RFLAGS_ALLOWED & ~RFLAGS.NT;

function registers(values: Record<number, bigint>): BigUint64Array {
  const gpr = new BigUint64Array(16);
  for (const [index, value] of Object.entries(values)) gpr[Number(index)] = value;
  return gpr;
}

/** Little-endian 64-bit words. */
function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

/** Windows over every border of the high arena and the start of the low one, with `patches`. */
function memory(...patches: { address: bigint; bytes: Uint8Array }[]): OracleMemory {
  const around = (border: bigint) => ({ address: border - 64n, length: 128 });
  const windows = [
    { address: HIGH_ARENA, length: 64 },
    around(MIDDLE),
    around(READ_ONLY),
    around(WRITABLE_AGAIN),
    { address: END - 64n, length: 64 },
    { address: LOW_ARENA, length: 64 },
  ];
  return { seed: 1, windows, patches };
}

/** The state that `c` starts with, rip after the instruction, and `changes` over that. */
function after(c: OracleCase, changes: Partial<OracleState> = {}): OracleState {
  return {
    gpr: c.gpr,
    rip: CODE + BigInt(c.codeOffset + c.bytes.length),
    rflags: c.rflags | RFLAGS_ALWAYS,
    xmm: c.xmm,
    mxcsr: c.mxcsr,
    fsBase: c.fsBase,
    gsBase: c.gsBase,
    windows: initialWindows(c.memory),
    ...changes,
  };
}

/** What the windows of `c` hold once `bytes` are stored at `address`. */
function stored(c: OracleCase, address: bigint, bytes: Uint8Array): Uint8Array[] {
  return initialWindows({ ...c.memory, patches: [...(c.memory.patches ?? []), { address, bytes }] });
}

function assertState(t: Tap.Test, name: string, c: OracleCase, expected: OracleState, actual: OracleState): void {
  const message = formatDifference(expected, actual, { windows: c.memory.windows });
  t.ok(sameState(expected, actual), name, sameState(expected, actual) ? {} : { diagnostic: message });
}
