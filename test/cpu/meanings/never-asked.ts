/** Cases that are not run on the host's CPU, and why. */
import { RSP } from '../../../src/cpu/state/layout.js';
import { RFLAGS, type Oracle, type OracleCase } from '../../oracle/case.js';
import type { HostCpu } from '../../oracle/host.js';
import { refusal } from '../../oracle/refusals.js';
import { hasDefinedResult } from './defined.js';
import { memoryAt, MIDDLE, probe, words } from './differences/probes.js';
import type { MeaningCase } from './generate.js';

/** What this host must be spared. */
export interface Hazards {
  /** IRET of a misaligned frame that sets AC never ends. */
  readonly endlessIret: boolean;
}

const FRAME = MIDDLE + 1n;
/** IRETQ of a misaligned frame to user mode with AC set. */
const IRET: OracleCase = probe([0x48, 0xcf], { [RSP]: FRAME }, memoryAt(MIDDLE, iretFrame()));

function iretFrame(): Uint8Array {
  const bytes = new Uint8Array(48);
  bytes.set(words(MIDDLE, 0x33n, BigInt(RFLAGS.AC | 0x202), MIDDLE, 0x2bn), 1);
  return bytes;
}

/** Finds out the hazards. */
export function probeHazards(oracle: Oracle): Hazards {
  // On Intel the loaded AC already applies to the frame, and a Linux that detects split locks by #AC restarts the IRET.
  return { endlessIret: !oracle.ends(IRET) };
}

/** Why a case is not run on this host; undefined if it is. */
export function whyNotAsked(c: MeaningCase, host: HostCpu, hazards: Hazards): string | undefined {
  const { row, width } = c.form;
  const reason = refusal(c.oracle.bytes);
  if (reason !== undefined) return reason;
  if (!hasFeature(host, row.feature)) return `this host lacks ${row.feature}`;
  if (hazards.endlessIret && row.mnemonic === 'IRET' && c.oracle.gpr[RSP]! % BigInt(width / 8) !== 0n)
    return 'Linux restarts an IRET of a misaligned frame endlessly';
  if (maySplitLock(c)) return 'Linux and hypervisors hold up, or refuse, a LOCK across two cache lines';
  return hasDefinedResult(c) ? undefined : 'the manual leaves the result undefined';
}

const CACHE_LINE_BYTES = 64n;

/** Such a lock takes from 10 ms to 50 s where it is metered (split lock detection, bus lock exits), so it is never tried. */
function maySplitLock({ form, address }: MeaningCase): boolean {
  if (address === undefined || !(form.lock || form.row.mnemonic === 'XCHG')) return false;
  const bytes = BigInt(form.width / 8);
  // A bit string starts at the address and goes on by whole operands; the address of all others is the operand's.
  if (form.row.mnemonic.startsWith('BT') && form.src.kind === 'gpr') return address % bytes !== 0n;
  const most = form.row.mnemonic.startsWith('CMPXCHG') ? 16n : bytes;
  return address % most !== 0n && (address % CACHE_LINE_BYTES) + most > CACHE_LINE_BYTES;
}

/** True if the host has the CPUID feature of a row and Linux has turned it on; '' stands for those of every x86-64 CPU. */
export function hasFeature(host: HostCpu, feature: string): boolean {
  if (feature === '') return true;
  if (feature === 'FSGSBASE' && !host.fsgsbaseEnabled) return false;
  return host.features.has(feature);
}
