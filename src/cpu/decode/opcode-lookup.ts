import { OPCODE_MAPS, type CodeSize, type EncodingPattern, type OpcodeMap, type Row } from './row.js';

/**
 * The legacy prefixes that select among rows, encoded as a number below 6: 66h, and the last of F3h and F2h. SDM Vol.
 * 2A 2.1.1 "Instruction Prefixes".
 */
export const PREFIX_66 = 1;
export const PREFIX_F3 = 2;
export const PREFIX_F2 = 4;
/** VEX.L, which selects among rows too. */
export const VEX_256 = 8;

/**
 * For each mandatory prefix, a bit set of the combinations of legacy prefixes that match it: F2h and F3h take
 * precedence over 66h.
 */
const ACCEPTED_PREFIXES: Record<EncodingPattern['prefix'], number> = {
  any: 0b11_1111,
  NP: 1 << 0,
  '66': 1 << PREFIX_66,
  F3: (1 << PREFIX_F3) | (1 << (PREFIX_F3 | PREFIX_66)),
  F2: (1 << PREFIX_F2) | (1 << (PREFIX_F2 | PREFIX_66)),
  NFx: (1 << 0) | (1 << PREFIX_66),
};

/** A row and the conditions that an instruction must meet to match it. */
interface Candidate {
  readonly row: Row;
  /** Accepted combinations of prefixes, one bit each. */
  readonly prefixes: number;
  /** Bit 0: REX.W may be 0; bit 1: it may be 1. */
  readonly rexW: number;
  readonly modRMMask: number;
  readonly modRMValue: number;
  /** True if ModRM.mod must not be 3. */
  readonly memoryOnly: boolean;
  /** REX.B must be 0: 90h is NOP, and F3 90 PAUSE, but with REX.B they are XCHG r8, rAX. */
  readonly withoutRexB: boolean;
}

/** The rows that share an opcode; those with a mandatory prefix come first. */
export interface OpcodeRows {
  readonly hasModRM: boolean;
  readonly candidates: readonly Candidate[];
}

/** Finds the rows of an instruction by its opcode map and opcode, among those that a mode has. */
export class OpcodeLookup {
  private readonly byOpcode: (Row[] | undefined)[];
  /** Built from `byOpcode` when an opcode is first used. */
  private readonly prepared: (OpcodeRows | undefined)[];

  constructor(
    rows: readonly Row[],
    private readonly mode: CodeSize = 64,
  ) {
    const size = 2 * OPCODE_MAPS.length * 256;
    this.byOpcode = new Array<undefined>(size).fill(undefined);
    this.prepared = new Array<undefined>(size).fill(undefined);
    for (const row of rows) {
      if (!row.modes.includes(mode)) continue;
      const { map, vex, opcode, plusRegister } = row.pattern;
      const first = tableIndex(map, vex, opcode);
      for (let i = first; i < first + (plusRegister ? 8 : 1); i++) (this.byOpcode[i] ??= []).push(row);
    }
  }

  /** The rows of an opcode; undefined if there are none. */
  rows(map: OpcodeMap, vex: boolean, opcode: number): OpcodeRows | undefined {
    return this.rowsAt(tableIndex(map, vex, opcode));
  }

  /** The rows at a place: the opcode, plus 256 for each map before its own, plus 1,024 with VEX. */
  rowsAt(index: number): OpcodeRows | undefined {
    const prepared = this.prepared[index];
    if (prepared) return prepared;
    const rows = this.byOpcode[index];
    return rows && (this.prepared[index] = prepare(rows, this.mode));
  }
}

function prepare(rows: readonly Row[], mode: CodeSize): OpcodeRows {
  const { hasModRM } = rows[0]!.pattern;
  const other = rows.find(({ pattern }) => pattern.hasModRM !== hasModRM);
  if (other) throw new Error(`'${other.encoding}' and '${rows[0]!.encoding}' differ in whether ModRM follows`);
  const general = rows.some(({ pattern }) => pattern.plusRegister);
  const candidates = [...rows].sort((a, b) => precedence(a.pattern) - precedence(b.pattern));
  return { hasModRM, candidates: candidates.map((row) => candidate(row, mode, general && !row.pattern.plusRegister)) };
}

/** The first of `rows` that matches; `prefixes` is a sum of PREFIX_66 and so on, `rexW` and `rexB` are 0 or 1. */
export function matchingRow(
  rows: OpcodeRows,
  prefixes: number,
  rexW: number,
  rexB: number,
  modRM: number,
): Row | undefined {
  const { candidates } = rows;
  for (let i = 0; i < candidates.length; i++) {
    const one = candidates[i]!;
    if (
      ((one.prefixes >> prefixes) & (one.rexW >> rexW) & 1) !== 0 &&
      (modRM & one.modRMMask) === one.modRMValue &&
      !(one.memoryOnly && modRM >= 0xc0) &&
      !(one.withoutRexB && rexB !== 0)
    )
      return one.row;
  }
  return undefined;
}

function tableIndex(map: OpcodeMap, vex: boolean, opcode: number): number {
  return ((vex ? OPCODE_MAPS.length : 0) + OPCODE_MAPS.indexOf(map)) * 256 + opcode;
}

/**
 * Order in which rows are tried: rows with a mandatory prefix first, and rows with a complete opcode before those with
 * `+r`.
 */
function precedence(pattern: EncodingPattern): number {
  return (pattern.prefix === 'any' ? 2 : 0) + (pattern.plusRegister ? 1 : 0);
}

function candidate(row: Row, mode: CodeSize, withoutRexB: boolean): Candidate {
  const { prefix, rexW, vexL, digit, fixedModRM } = row.pattern;
  const accepted = ACCEPTED_PREFIXES[prefix];
  const places = row.operands.map((operand) => operand.where);
  const registerOnly = places.includes('N');
  const mask = fixedModRM === undefined ? (digit === undefined ? 0 : 0x38) | (registerOnly ? 0xc0 : 0) : 0xff;
  return {
    row,
    prefixes: vexL === 1 ? accepted << VEX_256 : vexL === 0 ? accepted : accepted | (accepted << VEX_256),
    rexW: rexW === 'any' || (mode !== 64 && row.attributes.has('IGNORES_W')) ? 0b11 : 1 << rexW,
    modRMMask: mask,
    modRMValue: fixedModRM ?? ((digit ?? 0) << 3) | (registerOnly ? 0xc0 : 0),
    memoryOnly: places.includes('M'),
    withoutRexB,
  };
}
