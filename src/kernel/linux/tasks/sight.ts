import type { Alias } from '../../../mmu/alias.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { PageTable } from '../../memory/page-table.js';
import type { View } from '../../memory/view.js';
import { HOME_ALIGNMENT, LOW_BYTES } from '../program/linux-layout.js';

/**
 * What a process sees elsewhere than in its home: an image at fixed addresses below 4 GiB, and, in a family of forks, the home
 * where the first of them has its own. Undefined for one that sees all where it lies. Throws OutOfFramesError.
 */
export function sightOf(
  pageTable: PageTable,
  home: LinearAddress,
  window: LinearAddress,
  isFixed: boolean,
): View | undefined {
  const aliases: Alias[] = [];
  if (isFixed) aliases.push({ window: 0, home, size: LOW_BYTES });
  if (window !== home) aliases.push({ window, home, size: HOME_ALIGNMENT });
  return aliases.length > 0 ? pageTable.addView(aliases) : undefined;
}

/** A process does without a view, or with another one. */
export function leaveSight(pageTable: PageTable, view: View | undefined): void {
  if (view && --view.users === 0) pageTable.removeView(view);
}
