import type { Alias } from '../../mmu/alias.js';
import type { AddressRange } from '../../mmu/fence.js';
import { schema, value } from '../../state/schema.js';
import type { LinearAddress } from './linear-address.js';

/**
 * What a process sees elsewhere than where it lies. Memory *lies* at its home addresses, which are unique in the one address
 * space, and all that the kernel notes goes by them. In a view, *windows* show other homes than those that begin there:
 *
 *     window                                home
 *     0 .. 4 GiB: images at fixed places    the first 4 GiB of the home of a process
 *     the 512 GiB that a process lay in     the home of a process that was forked from it, or from one that was
 *     when it was forked
 *     512 GiB, or a multiple of that        what has been added to the home of a process, where it has asked for that
 *
 * A process without a view sees everything where it lies.
 */
export class View {
  /** @internal */
  static readonly state = schema('view', View, { aliases: value, root: value, directory: value, users: value });

  /** How many processes have it. */
  users = 1;

  constructor(
    /**
     * Their windows are disjoint, but for that at address 0, which comes before one of which it hides the first 4 GiB. Where a
     * home has several windows, the first is the one that is shown.
     */
    readonly aliases: readonly Alias[],
    /** The physical address of its PML4 table. */
    readonly root: number,
    /** The physical address of its page-directory-pointer table for the first 512 GiB; 0 where it has none of its own. */
    readonly directory: number,
  ) {}

  /** Where what is seen at an address lies. */
  home(address: LinearAddress): LinearAddress {
    for (const { window, home, size } of this.aliases)
      if (address >= window && address < window + size) return address - window + home;
    return address;
  }

  /** Where what lies at a home address is seen: the same address for what is in no window. */
  window(address: LinearAddress): LinearAddress {
    for (const { window, home, size } of this.aliases)
      if (address >= home && address < home + size) return address - home + window;
    return address;
  }

  /** The ranges in which some are seen, besides those themselves. */
  windowsOf(ranges: readonly AddressRange[]): AddressRange[] {
    return this.aliases.flatMap(({ window, home, size }) =>
      ranges.flatMap((range) => {
        const start = Math.max(range.start, home) - home + window;
        const end = Math.min(range.end, home + size) - home + window;
        return start < end ? [{ start, end }] : [];
      }),
    );
  }

  /** Up to where the bytes from an address on that is seen lie one after another. */
  contiguousEnd(address: LinearAddress): LinearAddress {
    let end = Infinity;
    for (const { window, size } of this.aliases) {
      if (address >= window && address < window + size) return window + size;
      if (window > address) end = Math.min(end, window);
    }
    return end;
  }
}

/** Where what is seen at an address lies, for a process with a view or without one. */
export function homeOf(view: View | undefined, address: LinearAddress): LinearAddress {
  return view ? view.home(address) : address;
}

/** Where a process with a view or without one sees what lies at an address. */
export function windowOf(view: View | undefined, address: LinearAddress): LinearAddress {
  return view ? view.window(address) : address;
}
