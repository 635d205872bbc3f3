/** Branches and the prefixes that they see. */
import { RCX, RSP } from '../../../../src/cpu/state/layout.js';
import { RFLAGS, RFLAGS_ALWAYS } from '../../../oracle/case.js';
import { CODE } from '../../../oracle/layout.js';
import type { HostDifference } from '../host-differences.js';
import { hasMnemonic, leftOut, memoryAt, MIDDLE, probe, words } from './probes.js';

const TARGET = CODE + 0x13n;

export const BRANCHES: readonly HostDifference[] = [
  {
    instructions: 'near branches with 66h',
    why: 'SDM Vol. 2A "Jcc", "CALL": 66h is ignored in 64-bit mode; AMD: an operand size of 16 bits (APM Vol. 3 "JMP")',
    probes: [
      probe([0x66, 0xeb, 0x10], {}),
      probe([0x66, 0x75, 0x10], {}),
      probe([0x66, 0xc3], { [RSP]: MIDDLE }, memoryAt(MIDDLE, words(TARGET))),
    ],
    alternatives: [
      { name: '66h is ignored', shows: ({ rip }) => rip === TARGET },
      {
        name: 'rip has 16 bits',
        shows: ({ rip }) => rip === BigInt.asUintN(16, TARGET),
        maps: (answers) => {
          const { attributes } = answers.c.form.row;
          const isNear = attributes.has('BRANCH') && attributes.has('F64');
          return isNear && answers.c.oracle.bytes.includes(0x66) ? leftOut(answers) : undefined;
        },
      },
    ],
  },
  {
    instructions: 'LOOPE, LOOPNE with F2h or F3h',
    why: 'SDM Vol. 2A 2.1.1 reserves the prefixes here; AMD takes the condition from them, as of REPNE and REPE',
    probes: [
      probe([0xf2, 0xe1, 0x10], { [RCX]: 2n }, { rflags: RFLAGS_ALWAYS | RFLAGS.ZF }),
      probe([0xf3, 0xe0, 0x10], { [RCX]: 2n }),
    ],
    alternatives: [
      { name: 'the prefix is ignored', shows: ({ rip }) => rip === TARGET },
      {
        name: 'the prefix decides',
        shows: ({ rip }) => rip === CODE + 3n,
        maps: (answers) =>
          hasMnemonic(answers, 'LOOPE', 'LOOPNE') &&
          answers.c.oracle.bytes.some((byte) => byte === 0xf2 || byte === 0xf3)
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
];
