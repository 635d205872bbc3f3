/** Branches and the prefixes that they see. */
import * as vendors from '../../../../src/cpu/meaning/opcodes/vendor-differences.js';
import { RCX, RSP } from '../../../../src/cpu/state/layout.js';
import { RFLAGS, RFLAGS_ALWAYS } from '../../../oracle/case.js';
import { CODE } from '../../../oracle/layout.js';
import type { HostDifference } from '../host-differences.js';
import { hasMnemonic, leftOut, memoryAt, MIDDLE, ofVendors, probe, words } from './probes.js';

const TARGET = CODE + 0x13n;

export const BRANCHES: readonly HostDifference[] = [
  {
    ...ofVendors(vendors.nearBranch),
    probes: [
      probe([0x66, 0xeb, 0x10], {}),
      probe([0x66, 0x75, 0x10], {}),
      probe([0x66, 0xc3], { [RSP]: MIDDLE }, memoryAt(MIDDLE, words(TARGET))),
    ],
    alternatives: [
      { name: vendors.nearBranch.Intel, shows: ({ rip }) => rip === TARGET },
      {
        name: vendors.nearBranch.AMD,
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
    ...ofVendors(vendors.conditionalLoop),
    probes: [
      probe([0xf2, 0xe1, 0x10], { [RCX]: 2n }, { rflags: RFLAGS_ALWAYS | RFLAGS.ZF }),
      probe([0xf3, 0xe0, 0x10], { [RCX]: 2n }),
    ],
    alternatives: [
      { name: vendors.conditionalLoop.Intel, shows: ({ rip }) => rip === TARGET },
      {
        name: vendors.conditionalLoop.AMD,
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
