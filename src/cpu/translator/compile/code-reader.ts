import { PAGE_SIZE, isCanonical } from '../../../bits.js';
import { pageOf } from '../../access/linear-page.js';
import type { InstructionFetcher } from '../../decode/fetch.js';
import type { Instruction } from '../../decode/instruction.js';

const PAGE = BigInt(PAGE_SIZE);

/** A page of code: where it is in linear and in physical memory. */
export interface CodePage {
  readonly linear: bigint;
  readonly physical: number;
}

/**
 * Reads code before it runs, invisibly to the guest: only from pages that have been fetched from already, whose A bits are
 * set and whose page-table entries are watched.
 */
export class CodeReader {
  /** The pages read from, in the order of their first use. */
  readonly pages: CodePage[] = [];
  private readonly physicalOf = new Map<bigint, number>();

  constructor(
    private readonly fetcher: InstructionFetcher,
    /** The physical address of a linear page that has been fetched from, if its mapping has not changed since; else -1. */
    private readonly fetchedPage: (linear: bigint) => number,
  ) {}

  /** The instruction at an address, if it can be read and decodes. */
  read(rip: bigint): Instruction | undefined {
    if (!isCanonical(rip)) return undefined;
    const page = pageOf(rip);
    const physical = this.pageAt(page);
    if (physical < 0) return undefined;
    const first = physical + Number(rip - page);
    const found = this.fetcher.decodeInPage(first);
    if (typeof found !== 'string') return found;
    if (found !== 'end') return undefined;
    const second = this.pageAt(BigInt.asUintN(64, page + PAGE));
    if (second < 0) return undefined;
    const across = this.fetcher.decodeAcross(first, second);
    return typeof across === 'string' ? undefined : across;
  }

  /** Physical address of a page that has been fetched from; -1 for others. */
  private pageAt(linear: bigint): number {
    const known = this.physicalOf.get(linear);
    if (known !== undefined) return known;
    const physical = isCanonical(linear) ? this.fetchedPage(linear) : -1;
    this.physicalOf.set(linear, physical);
    if (physical >= 0) this.pages.push({ linear, physical });
    return physical;
  }
}
