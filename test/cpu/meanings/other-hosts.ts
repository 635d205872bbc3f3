/** Simulated hosts that differ from this one: bd0's evaluator as a host, and modified results of another host. */
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Instruction } from '../../../src/cpu/decode/instruction.js';
import { isPrivileged } from '../../support/privileged-rows.js';
import { Vector } from '../../../src/cpu/state/exceptions.js';
import { FS, GS, RDI } from '../../../src/cpu/state/layout.js';
import { RFLAGS, type Oracle, type OracleCase, type OracleResult } from '../../oracle/case.js';
import type { HostCpu } from '../../oracle/host.js';
import { CODE, CODE_BYTES, initialWindows, MAX_INSTRUCTION_BYTES } from '../../oracle/layout.js';
import { MIDDLE } from './differences/probes.js';
import { Guest } from './guest.js';

/** bd0's evaluator in the place of a host's CPU, with every feature that bd0 has. */
export class EmulatedOracle implements Oracle {
  readonly host: HostCpu;
  private readonly guest = new Guest('evaluator');

  constructor({ fsgsbaseEnabled = true } = {}) {
    const rows = new Decoder().forms.map(({ row }) => row.feature);
    this.host = {
      vendor: 'bd0',
      brand: 'evaluator',
      family: 0,
      model: 0,
      stepping: 0,
      features: new Set(rows),
      mxcsrMask: 0xffff,
      fsgsbaseEnabled,
      interceptsSystemCalls: true,
      cs: 0x33,
      ss: 0x2b,
    };
  }

  ask(cases: readonly OracleCase[]): OracleResult[] {
    return cases.map((oracle) => {
      const contents = initialWindows(oracle.memory);
      const state = this.guest.step({ number: 0, oracle, contents, ticks: oracle.maxSteps || 1, cold: false });
      return { ...state, steps: state.ticks, stray: this.guest.takeStray() };
    });
  }

  ends(): boolean {
    return true;
  }
}

/** A case with its instruction, if the bytes are one. */
export interface DecodedCase {
  readonly c: OracleCase;
  readonly instruction: Instruction | undefined;
  readonly mnemonic: string | undefined;
}

/** A way in which a host differs from another one. */
export interface Alteration {
  /** True if the host refuses the bases of a case. */
  readonly refuses?: (c: OracleCase) => boolean;
  /** The case that the host really starts. */
  readonly start?: (decoded: DecodedCase) => OracleCase;
  /** The answer that it gives instead. */
  readonly answer?: (result: OracleResult, decoded: DecodedCase, inner: Oracle) => OracleResult;
}

/** Another host with alterations, the first of them nearest to it. */
export class AlteredOracle implements Oracle {
  readonly host: HostCpu;
  private readonly decoder = new Decoder();

  constructor(
    private readonly inner: Oracle,
    private readonly alterations: readonly Alteration[],
    host: Partial<HostCpu> = {},
  ) {
    this.host = { ...inner.host, ...host };
  }

  ask(cases: readonly OracleCase[]): (OracleResult | undefined)[] {
    const decoded = cases.map((c) => this.decode(c));
    const started = decoded.map((one) => this.alterations.reduce((c, { start }) => start?.({ ...one, c }) ?? c, one.c));
    return this.inner.ask(started).map((result, i) => {
      if (!result || this.alterations.some(({ refuses }) => refuses?.(cases[i]!))) return undefined;
      return this.alterations.reduce((last, { answer }) => answer?.(last, decoded[i]!, this.inner) ?? last, result);
    });
  }

  ends(c: OracleCase): boolean {
    return this.inner.ends(c);
  }

  private decode(c: OracleCase): DecodedCase {
    // Bytes behind the instruction, for one that is not whole.
    const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
    bytes.set(c.bytes);
    const decoded = this.decoder.decode(bytes, 0, bytes.length);
    const instruction = typeof decoded === 'string' ? undefined : decoded;
    return { c, instruction, mnemonic: instruction?.form.row.mnemonic };
  }
}

const USER_END = 0x7fff_ffff_f000n;

/** arch_prctl sets the bases. */
const REFUSED_BASES: Alteration = { refuses: ({ fsBase, gsBase }) => fsBase >= USER_END || gsBase >= USER_END };

/** Something clears NT on the way into the process and out of it. */
const CLEARED_NT: Alteration = {
  start: ({ c }) => ({ ...c, rflags: c.rflags & ~RFLAGS.NT }),
  answer: (result) => ({ ...result, rflags: result.rflags & ~RFLAGS.NT }),
};

/** Privileged instructions and UD0 are #UD before anything else, even when the page ends within them. */
const UNDEFINED_FIRST: Alteration = {
  answer: (result, { c, instruction }) => {
    const row = instruction?.form.row;
    if (!row || (!isPrivileged(row) && row.mnemonic !== 'UD0' && row.mnemonic !== 'UD1')) return result;
    const fetch = result.fault?.vector === Vector.PF && result.fault.cr2 === CODE + BigInt(CODE_BYTES);
    if (!fetch && result.fault?.vector !== Vector.GP) return result;
    // Without a byte there is nothing to be undefined.
    if (c.codeOffset + 2 > CODE_BYTES || row.mnemonic === 'RDPMC') return result;
    return { ...result, fault: { vector: Vector.UD, errorCode: 0, cr2: 0n } };
  },
};

/** CMPS reads the operand at RSI first. */
const RSI_FIRST: Alteration = {
  answer: (result, { c, mnemonic }, inner) => {
    if (mnemonic !== 'CMPS' || !result.fault || result.rip !== CODE + BigInt(c.codeOffset)) return result;
    const gpr = result.gpr.slice();
    gpr[RDI] = MIDDLE;
    const fault = inner.ask([{ ...c, gpr, maxSteps: 1 }])[0]?.fault;
    return fault ? { ...result, fault } : result;
  },
};

/** A null selector leaves the base as it was. */
const NULL_KEEPS_BASE: Alteration = {
  answer: (result, { c, instruction, mnemonic }) => {
    const loads = instruction?.form.dest.kind === 'segment' || ['POP', 'LFS', 'LGS'].includes(mnemonic ?? '');
    if (!loads || result.fault) return result;
    const fsBase = result.selectors[FS]! < 4 ? c.fsBase : result.fsBase;
    const gsBase = result.selectors[GS]! < 4 ? c.gsBase : result.gsBase;
    return { ...result, fsBase, gsBase };
  },
};

/** LOOPE and LOOPNE take their condition from F2h and F3h. */
const LOOP_BY_PREFIX: Alteration = {
  start: ({ c, mnemonic }) => {
    if (mnemonic !== 'LOOPE' && mnemonic !== 'LOOPNE') return c;
    const prefix = [...c.bytes].reverse().find((byte) => byte === 0xf2 || byte === 0xf3);
    const opcode = prefix === 0xf2 ? 0xe0 : prefix === 0xf3 ? 0xe1 : undefined;
    return opcode ? { ...c, bytes: c.bytes.map((byte, i) => (i === c.bytes.length - 2 ? opcode : byte)) } : c;
  },
};

/** A processor of the other vendor under a Linux without FSGSBASE. */
export const OTHER_HOST: readonly Alteration[] = [
  REFUSED_BASES,
  CLEARED_NT,
  UNDEFINED_FIRST,
  RSI_FIRST,
  NULL_KEEPS_BASE,
  LOOP_BY_PREFIX,
];
