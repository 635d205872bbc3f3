/** Where memory accesses are aimed: mostly into the oracle's arenas, with every border of theirs, and beyond. */
import { PAGE_SIZE } from '../../../src/bits.js';
import {
  ARENAS,
  ARENA_BYTES,
  CODE,
  CODE_BYTES,
  DATA_PAGES,
  HIGH_ARENA,
  LOW_ARENA,
  READ_ONLY_PAGE,
  READ_ONLY_PAGES,
  type Window,
} from '../../oracle/layout.js';
import type { Random } from '../../support/random.js';

const READ_ONLY_END = READ_ONLY_PAGE + READ_ONLY_PAGES;
const page = (number: number): bigint => BigInt(number * PAGE_SIZE);

/** Canonical addresses that Linux never maps, and the borders of the canonical ones (of 48 bits). */
const UNMAPPED = [0n, 8n, 0xfffn, 0x7fff_ffff_fff0n, 0xffff_8000_0000_0000n, 0xffff_ffff_ffff_f000n];
const NOT_CANONICAL = [0x0100_0000_0000_0000n, 0x8000_0000_0000n, 0xffff_7fff_ffff_fff0n, 0x7fff_ffff_ffff_ffffn];

/** An address for `bytes` bytes; `low`: below 4 GiB, for 32-bit addresses. The instruction is at `codeOffset`. */
export function randomTarget(
  random: Random,
  codeOffset: number,
  bytes: number,
  alignment: number,
  low: boolean,
): bigint {
  const arena = low || random.chance(4) ? LOW_ARENA : HIGH_ARENA;
  // From one byte before the border to one byte behind it.
  const across = (border: bigint): bigint => border - BigInt(random.below(bytes + 1));
  const kind = random.below(32);
  if (kind < 18) return arena + align(inPage(random, random.pick([0, 1, 2, 5, 6, 7]), bytes), random, alignment);
  if (kind < 22) return across(arena + page(random.pick([1, 2, 6, 7])));
  if (kind < 24) return arena + align(inPage(random, random.pick([3, 4]), bytes), random, alignment);
  switch (kind) {
    case 24:
      return across(arena + page(READ_ONLY_PAGE));
    case 25:
      return across(arena + page(READ_ONLY_END));
    case 26:
      return across(arena);
    case 27:
      return across(arena + page(DATA_PAGES));
    case 28:
      return arena + page(DATA_PAGES + 1) + BigInt(random.below(PAGE_SIZE));
    case 29:
      // Never the instruction itself, behind which our engines and the oracle have different bytes.
      return low
        ? random.pick([0n, 0xffff_fff8n])
        : CODE + BigInt((codeOffset + 0x400 + random.below(0x400)) % CODE_BYTES);
    case 30:
      return low ? BigInt(random.next()) : random.pick(UNMAPPED) + BigInt(random.below(16));
    default:
      return low ? across(0xffff_ffffn) : random.pick(NOT_CANONICAL) - BigInt(random.below(bytes + 1));
  }
}

function inPage(random: Random, number: number, bytes: number): bigint {
  return page(number) + BigInt(random.below(PAGE_SIZE - Math.min(bytes, PAGE_SIZE - 1)));
}

/** Rounded down to the alignment that the access needs (mostly), or likes (half of the time). */
function align(offset: bigint, random: Random, alignment: number): bigint {
  const aligned = offset & ~15n;
  return (alignment > 1 ? !random.chance(10) : random.chance(2)) ? aligned : offset;
}

/** Bytes around an address that an instruction may touch. */
export interface Stretch {
  address: bigint;
  before: number;
  after: number;
}

/** Windows over the parts of the stretches that lie in the arenas, joined where they meet. */
export function windowsOver(stretches: readonly Stretch[]): Window[] {
  const parts: { start: bigint; end: bigint }[] = [];
  for (const { address, before, after } of stretches)
    for (const arena of ARENAS) {
      const start = max((address - BigInt(before)) & ~7n, arena);
      const end = min((address + BigInt(after) + 7n) & ~7n, arena + BigInt(ARENA_BYTES));
      if (start < end) parts.push({ start, end });
    }
  parts.sort((a, b) => (a.start < b.start ? -1 : 1));
  const windows: Window[] = [];
  let last: { start: bigint; end: bigint } | undefined;
  for (const part of parts) {
    if (last && part.start <= last.end) last.end = max(last.end, part.end);
    else windows.push(windowOf((last = part)));
    windows[windows.length - 1] = windowOf(last);
  }
  return windows;
}

function windowOf({ start, end }: { start: bigint; end: bigint }): Window {
  return { address: start, length: Number(end - start) };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
