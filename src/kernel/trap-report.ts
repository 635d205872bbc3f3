import { hex } from '../bits.js';
import { Vector, hasErrorCode, vectorName } from '../cpu/exceptions.js';
import { toLinear, type LinearAddress } from './linear-address.js';
import type { MemoryAccess } from './mapping.js';

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
  /** The instruction that did it; past it for #BP and #OF, as the manual has it. */
  readonly rip: bigint;
  /** Up to 15 bytes at rip, as far as memory can be read there. */
  readonly code: Uint8Array;
  /** Of an exception: SDM Vol. 3A table 6-1. */
  readonly vector: number;
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
  if (cause === 'out of memory') return 'out of memory: no frame can be freed';
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
