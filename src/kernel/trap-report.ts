import { hex } from '../bits.js';
import { Vector, hasErrorCode, vectorName, type GuestException } from '../cpu/exceptions.js';
import { fromLinear, toLinear, type LinearAddress } from './linear-address.js';
import type { AddressSpace } from './address-space.js';
import type { MemoryAccess } from './mapping.js';
import type { ProcessTable } from './process.js';
import type { Thread } from './thread.js';
import type { UserMemory } from './user-memory.js';
import { FAULT_FETCH, FAULT_WRITE } from '../mmu/entry.js';

/** What lies at an address. */
export interface Surroundings {
  /** The process whose region it is in, and that region. */
  readonly pid: number;
  readonly name: string;
  readonly start: LinearAddress;
  readonly size: number;
  /** The mapping it is in; undefined where there is none. */
  readonly mapping:
    | {
        /** PROTECTION_ bits. */
        readonly protection: number;
        /** Identity of what the page was made from, and the offset of the address in it, in bytes; undefined for zeros. */
        readonly vmo: { readonly id: string; readonly offset: number } | undefined;
      }
    | undefined;
}

/** The access to memory that was refused. */
export interface RefusedAccess {
  readonly address: LinearAddress;
  readonly access: MemoryAccess;
  /** What lies there; undefined outside all regions. */
  readonly surroundings: Surroundings | undefined;
}

/** Why a thread was stopped, and its process with it. */
export interface TrapReport {
  readonly cause: 'exception' | 'out of memory';
  readonly pid: number;
  readonly name: string;
  readonly tid: number;
  /** The instruction that did it; the one behind it for the traps #BP, #OF and #DB, and for a kernel-call. */
  readonly rip: bigint;
  /** Up to 15 bytes at rip, as far as memory can be read there. */
  readonly code: Uint8Array;
  /** SDM Vol. 3A table 6-1. Undefined: no exception, but a kernel-call that found no frame. */
  readonly vector: number | undefined;
  readonly errorCode: number;
  readonly refused: RefusedAccess | undefined;
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

export function exitCodeOf(vector: number): number {
  return 128 + (SIGNALS[vector] ?? SIGSEGV);
}

/** Where a report finds what it tells. */
interface Machine {
  readonly memory: UserMemory;
  readonly space: AddressSpace;
  readonly processes: ProcessTable;
}

const LONGEST_INSTRUCTION = 15;

/** Reports on a thread whose registers are in the CPU. Without an exception, a kernel-call found no frame. */
export function makeTrapReport(
  machine: Machine,
  { tid, process: { pid, name } }: Thread,
  cause: TrapReport['cause'],
  rip: bigint,
  exception: GuestException | undefined,
): TrapReport {
  const code = fromLinear(rip);
  const vector = exception?.vector;
  const outOfMemory = cause === 'out of memory';
  return {
    cause,
    pid,
    name,
    tid,
    rip,
    code: code === undefined ? new Uint8Array(0) : machine.memory.peek(code, LONGEST_INSTRUCTION),
    vector,
    errorCode: exception?.errorCode ?? 0,
    refused: exception?.vector === Vector.PF ? refusedAccess(machine, exception) : undefined,
    exitCode: outOfMemory || vector === undefined ? OUT_OF_MEMORY_EXIT_CODE : exitCodeOf(vector),
  };
}

/** What a page fault wanted, by its error code. */
export function accessOf(errorCode: number): MemoryAccess {
  if (errorCode & FAULT_WRITE) return 'write';
  return errorCode & FAULT_FETCH ? 'execute' : 'read';
}

function refusedAccess(machine: Machine, { linear, errorCode }: GuestException): RefusedAccess {
  const address = fromLinear(linear);
  if (address === undefined) throw new Error(`a page fault at ${hex(linear)}, which is not canonical`);
  return { address, access: accessOf(errorCode), surroundings: surroundingsAt(machine, address) };
}

function surroundingsAt({ space, processes }: Machine, address: LinearAddress): Surroundings | undefined {
  const region = space.regionAt(address);
  const owner = region && processes.live().find((process) => process.regions.includes(region));
  if (!region || !owner) return undefined;
  const mapping = region.mappingAt(address);
  const backing = mapping?.backing;
  return {
    pid: owner.pid,
    name: owner.name,
    start: region.start,
    size: region.size,
    mapping: mapping && {
      protection: mapping.protection,
      vmo: backing && { id: backing.vmo.id, offset: backing.offset + address - mapping.start },
    },
  };
}

/** The report in words, one fact a line, without a newline at the end. */
export function describeTrap(report: TrapReport): string[] {
  const lines = [
    `process ${report.pid} (${report.name}), thread ${report.tid}: ${causeOf(report)}`,
    `at ${hex(report.rip, 16)}: ${[...report.code].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`,
  ];
  const { refused } = report;
  if (refused) {
    lines.push(`${refused.access} of ${hex(toLinear(refused.address), 16)}`);
    lines.push(surroundingsOf(refused));
  }
  return lines;
}

function causeOf({ cause, vector, errorCode }: TrapReport): string {
  if (cause === 'out of memory' || vector === undefined) return 'out of memory: no frame can be freed';
  return vectorName(vector) + (hasErrorCode(vector) ? `, error code ${hex(errorCode)}` : '');
}

function surroundingsOf({ surroundings }: RefusedAccess): string {
  if (!surroundings) return 'no region is there';
  const { pid, name, start, size, mapping } = surroundings;
  const region = `in the region of process ${pid} (${name}), ${hex(toLinear(start))} + ${hex(size)}`;
  if (!mapping) return `${region}, where nothing is mapped`;
  const allowed = ['read', 'write', 'execute'].filter((_, bit) => mapping.protection & (1 << bit)).join(', ');
  const content = mapping.vmo ? `byte ${mapping.vmo.offset} of VMO ${mapping.vmo.id}` : 'zeros';
  return `${region}: ${content}, which allows ${allowed || 'nothing'}`;
}
