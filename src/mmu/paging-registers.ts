import { PAGE_SIZE } from '../bits.js';
import { CR0_WP, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_NXE, MAXPHYADDR } from './entry.js';
import type { PagingControls } from './walk.js';

/** Contexts that differ in other things than their root. */
const KEYS_OF_ROOT = 4;

/** What decides how linear addresses are translated, besides the page tables. */
export type Controls = Pick<PagingControls, 'cr0' | 'cr4' | 'efer'> & { readonly cr3: number; readonly cpl: number };

/**
 * The fields of registers that decide how linear addresses are translated. The methods that set one return true if
 * translations may change.
 */
export class PagingRegisters implements PagingControls {
  cr0 = 0;
  cr3 = 0;
  cr4 = 0;
  efer = 0;
  rflagsAC = false;
  cpl = 0;
  directoryPointers: Readonly<BigUint64Array> = new BigUint64Array(4);

  /** A number for the registers that decide how linear addresses are translated and change often; the same for the same values. */
  get context(): number {
    const user = this.cpl === 3 ? 1 : 0;
    const accessible = this.rflagsAC && user === 0 && (this.cr4 & CR4_SMAP) !== 0 ? 2 : 0;
    return Math.floor(this.cr3 / PAGE_SIZE) * KEYS_OF_ROOT + user + accessible;
  }

  setCr0(value: number): boolean {
    const changes = (this.cr0 ^ value) & CR0_WP;
    this.cr0 = value;
    return changes !== 0;
  }

  /** Throws RangeError if `value` is not a valid physical address, for which MOV to CR3 raises #GP first. */
  setCr3(value: number): boolean {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** MAXPHYADDR)
      throw new RangeError(`CR3 = ${value} is not a physical address of ${MAXPHYADDR} bits`);
    const changes = this.cr3 !== value;
    this.cr3 = value;
    return changes;
  }

  setCr4(value: number): boolean {
    const changes = (this.cr4 ^ value) & (CR4_PSE | CR4_SMEP | CR4_SMAP);
    this.cr4 = value;
    return changes !== 0;
  }

  setEfer(value: number): boolean {
    const changes = (this.efer ^ value) & EFER_NXE;
    this.efer = value;
    return changes !== 0;
  }

  /** Matters to supervisor mode while SMAP is on. */
  setRflagsAC(value: boolean): boolean {
    const changes = this.rflagsAC !== value && this.cpl < 3 && (this.cr4 & CR4_SMAP) !== 0;
    this.rflagsAC = value;
    return changes;
  }

  /** Only whether it is 3 matters. */
  setCpl(value: number): boolean {
    const changes = (this.cpl === 3) !== (value === 3);
    this.cpl = value;
    return changes;
  }
}

/** The frame of the root that a `PagingRegisters.context` has. */
export function rootOf(context: number): number {
  return Math.floor(context / KEYS_OF_ROOT);
}
