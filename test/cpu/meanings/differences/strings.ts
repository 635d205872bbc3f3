/** String instructions and REP. */
import * as vendors from '../../../../src/cpu/meaning/opcodes/vendor-differences.js';
import { RCX, RDI, RSI } from '../../../../src/cpu/state/layout.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import { RFLAGS, RFLAGS_ALWAYS, type OracleResult } from '../../../oracle/case.js';
import { CODE } from '../../../oracle/layout.js';
import type { Answers, HostDifference } from '../host-differences.js';
import { hasMnemonic, isRepeated, memoryAt, MIDDLE, ofVendors, probe, UNMAPPED } from './probes.js';
import { eitherFault } from './tolerances.js';

const COUNTED = [RCX, RSI, RDI];
const UPPER = 5n << 32n;
const FAR_AWAY = UNMAPPED + 0x1000n;
const CMPS = [[0xa6], [0x66, 0xa7], [0xa7], [0x48, 0xa7], [0xf3, 0xa6], [0xf2, 0x48, 0xa7]];

export const STRINGS: readonly HostDifference[] = [
  {
    instructions: 'CMPS where both operands fault',
    why: 'SDM Vol. 3A 6.9: the order of the faults of one instruction depends on the implementation; seen both ways on AMD',
    probes: CMPS.map((bytes) => probe(bytes, { [RSI]: UNMAPPED, [RDI]: FAR_AWAY, [RCX]: 2n })),
    alternatives: [
      { name: 'RDI first', shows: faultsAt(FAR_AWAY), maps: (answers) => eitherFault(answers, 'CMPS', RDI) },
      { name: 'RSI first', shows: faultsAt(UNMAPPED), maps: (answers) => eitherFault(answers, 'CMPS', RDI) },
    ],
  },
  {
    ...ofVendors(vendors.noIteration),
    probes: [
      probe([0xf3, 0x67, 0xa4], { [RCX]: UPPER, [RSI]: UPPER, [RDI]: UPPER }),
      probe([0xf3, 0x67, 0xa4], { [RCX]: UPPER + 1n, [RSI]: UPPER, [RDI]: UPPER }),
    ],
    alternatives: [
      { name: vendors.noIteration.AMD, shows: ({ gpr }) => COUNTED.every((register) => gpr[register]! >> 32n === 5n) },
      {
        name: vendors.noIteration.Intel,
        shows: ({ gpr }) => COUNTED.some((register) => gpr[register]! >> 32n === 0n) && keptOrCleared(gpr),
        maps: (answers) =>
          hasMnemonic(answers, 'MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS') &&
          isRepeated(answers.c) &&
          answers.c.form.addressWidth === 32
            ? withUpperHalves(answers)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.betweenIterations),
    probes: [
      [0xf3, 0xa6],
      [0xf3, 0xae],
    ].map((bytes) =>
      probe(
        bytes,
        { [RCX]: 3n, [RSI]: MIDDLE, [RDI]: MIDDLE },
        {
          rflags: RFLAGS_ALWAYS | RFLAGS.CF,
          ...memoryAt(MIDDLE, new Uint8Array(8)),
        },
      ),
    ),
    alternatives: [
      {
        name: vendors.betweenIterations.AMD,
        shows: ({ rflags }) => rflags === (RFLAGS_ALWAYS | RFLAGS.ZF | RFLAGS.PF),
      },
      {
        name: vendors.betweenIterations.Intel,
        shows: ({ rflags }) => rflags === (RFLAGS_ALWAYS | RFLAGS.CF),
        maps: (answers) =>
          hasMnemonic(answers, 'CMPS', 'SCAS') && isRepeated(answers.c) && isAtInstruction(answers)
            ? { rflags: answers.c.oracle.rflags | RFLAGS_ALWAYS }
            : undefined,
      },
    ],
  },
];

function faultsAt(address: bigint): (result: OracleResult) => boolean {
  return ({ fault }) => fault?.vector === Vector.PF && fault.cr2 === address;
}

function keptOrCleared(gpr: BigUint64Array): boolean {
  return COUNTED.every((register) => [0n, 5n].includes(gpr[register]! >> 32n));
}

/** Each upper half is bd0's or zero. */
function withUpperHalves({ native, ours }: Answers): { gpr: BigUint64Array } {
  const gpr = ours.gpr.slice();
  for (const register of COUNTED)
    if (native.gpr[register]! >> 32n === 0n) gpr[register] = BigInt.asUintN(32, gpr[register]!);
  return { gpr };
}

/** The instruction has not ended: a REP with iterations to come, or a fault. */
function isAtInstruction({ c, native }: Answers): boolean {
  return native.rip === CODE + BigInt(c.oracle.codeOffset);
}
