/**
 * Where the CPU under the oracle is known to do something else than bd0, which follows the SDM: each with its reason, and
 * what of the case it spoils. Whatever differs and is not listed here fails the test.
 */
import { FAULT_FETCH } from '../../../src/mmu/entry.js';
import { Vector } from '../../../src/cpu/exceptions.js';
import type { OracleResult } from '../../oracle/case.js';
import type { HostCpu } from '../../oracle/host.js';
import type { MeaningCase } from './generate.js';

export interface HostDifference {
  readonly instructions: string;
  readonly why: string;
  applies(c: MeaningCase, native: OracleResult, host: HostCpu): boolean;
  /** What is not compared: nothing of the case, or not its memory. */
  readonly spoils: 'case' | 'memory';
}

const isAmd = (host: HostCpu): boolean => host.vendor === 'AuthenticAMD';
const mnemonicOf = (c: MeaningCase): string => c.form.row.mnemonic;

export const HOST_DIFFERENCES: readonly HostDifference[] = [
  {
    instructions: 'CPUID, RDTSC',
    why: 'tell what this machine is, and the time',
    applies: (c) => ['CPUID', 'RDTSC'].includes(mnemonicOf(c)),
    spoils: 'case',
  },
];

void FAULT_FETCH;
void Vector;
void isAmd;
