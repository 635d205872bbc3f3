import { hex } from '../../bits.js';
import { Vector, hasErrorCode, vectorName, type GuestException } from '../../cpu/state/exceptions.js';
import { fromLinear, toLinear, type LinearAddress } from '../memory/linear-address.js';
import type { MemoryAccess } from '../memory/mapping.js';
import { pidText } from '../tasks/process-table.js';
import { describeSpuriousWrite, describeStores, type SpuriousWrite } from './spurious-write.js';
import { stoppedThread, type StoppedThread } from './stopped-thread.js';
import { homeOf } from '../memory/view.js';
import { describeSurroundings, surroundingsAt, type Neighbourhood, type Surroundings } from './surroundings.js';
import type { Thread } from '../tasks/thread.js';
import { FAULT_FETCH, FAULT_WRITE } from '../../mmu/entry.js';

/** The access to memory that was refused. */
export interface RefusedAccess {
  readonly address: LinearAddress;
  readonly access: MemoryAccess;
  /** What lies there; undefined outside all regions. */
  readonly surroundings: Surroundings | undefined;
}

/** Why a thread was stopped, and its process with it. */
export interface TrapReport extends StoppedThread {
  readonly cause: 'exception' | 'out of memory' | 'spurious write';
  /** SDM Vol. 3A table 6-1. Undefined: no exception, but a kernel-call that found no frame. */
  readonly vector: number | undefined;
  readonly errorCode: number;
  readonly refused: RefusedAccess | undefined;
  /** Where debug mode has killed the process. */
  readonly spuriousWrite?: SpuriousWrite;
  /** What the process ends with: 128 + the number of Linux's signal. */
  readonly exitCode: number;
}

const SIGILL = 4;
const SIGTRAP = 5;
const SIGBUS = 7;
const SIGFPE = 8;
const SIGKILL = 9;
const SIGSEGV = 11;

/** The signal that Linux sends for an exception of user mode; all others are SIGSEGV. */
const SIGNALS: Record<number, number> = {
  [Vector.DE]: SIGFPE,
  [Vector.DB]: SIGTRAP,
  [Vector.BP]: SIGTRAP,
  [Vector.UD]: SIGILL,
  [Vector.MF]: SIGFPE,
  [Vector.AC]: SIGBUS,
  [Vector.XM]: SIGFPE,
};

export const OUT_OF_MEMORY_EXIT_CODE = 128 + SIGKILL;
/** An access to a mapping of a file, behind the end of that. */
const BUS_ERROR_EXIT_CODE = 128 + SIGBUS;
export const SPURIOUS_WRITE_EXIT_CODE = 128 + SIGSEGV;

export function exitCodeOf(vector: number): number {
  return 128 + (SIGNALS[vector] ?? SIGSEGV);
}

/** Reports on a thread whose registers are in the CPU. Without an exception, a kernel-call found no frame. */
export function makeTrapReport(
  machine: Neighbourhood,
  thread: Thread,
  cause: TrapReport['cause'],
  rip: bigint,
  exception: GuestException | undefined,
): TrapReport {
  const vector = exception?.vector;
  const outOfMemory = cause === 'out of memory';
  const refused = exception?.vector === Vector.PF ? refusedAccess(machine, thread, exception) : undefined;
  const isBusError = refused !== undefined && machine.space.isBeyondEnd(refused.address, refused.access);
  const exitCode = outOfMemory || vector === undefined ? OUT_OF_MEMORY_EXIT_CODE : exitCodeOf(vector);
  return {
    cause,
    ...stoppedThread(machine, thread, rip),
    vector,
    errorCode: exception?.errorCode ?? 0,
    refused,
    exitCode: isBusError ? BUS_ERROR_EXIT_CODE : exitCode,
  };
}

/** What a page fault wanted, by its error code. */
export function accessOf(errorCode: number): MemoryAccess {
  if (errorCode & FAULT_WRITE) return 'write';
  return errorCode & FAULT_FETCH ? 'execute' : 'read';
}

function refusedAccess(
  machine: Neighbourhood,
  { process }: Thread,
  { linear, errorCode }: GuestException,
): RefusedAccess {
  const address = fromLinear(linear);
  if (address === undefined) throw new Error(`a page fault at ${hex(linear)}, which is not canonical`);
  return { address, access: accessOf(errorCode), surroundings: surroundingsAt(machine, homeOf(process.view, address)) };
}

/** The report on a process that is killed for a store. */
export function trapOfSpuriousWrite(write: SpuriousWrite): TrapReport {
  const { pid, name, tid, rip, code, place } = write;
  return {
    cause: 'spurious write',
    ...{ pid, name, tid, rip, code, place },
    vector: undefined,
    errorCode: 0,
    refused: undefined,
    spuriousWrite: write,
    exitCode: SPURIOUS_WRITE_EXIT_CODE,
  };
}

/** The report in words, one fact a line, without a newline at the end. */
export function describeTrap(report: TrapReport): string[] {
  const lines = [
    `process ${pidText(report.pid)} (${report.name}), thread ${report.tid}: ${describeCause(report)}`,
    `at ${hex(report.rip, 16)}: ${[...report.code].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`,
  ];
  const { refused, spuriousWrite } = report;
  if (refused) {
    lines.push(`${refused.access} of ${hex(toLinear(refused.address), 16)}`);
    lines.push(describeSurroundings(refused.address, refused.surroundings));
  }
  if (spuriousWrite) lines.push(...describeStores(spuriousWrite));
  return lines;
}

/** Why, in a few words. */
export function describeCause({ cause, vector, errorCode, spuriousWrite }: TrapReport): string {
  if (spuriousWrite) return describeSpuriousWrite(spuriousWrite);
  if (cause === 'out of memory' || vector === undefined) return 'out of memory: no frame can be freed';
  return vectorName(vector) + (hasErrorCode(vector) ? `, error code ${hex(errorCode)}` : '');
}
