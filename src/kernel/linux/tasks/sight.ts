import type { Alias } from '../../../mmu/alias.js';
import type { PageTable } from '../../memory/page-table.js';
import type { View } from '../../memory/view.js';
import { OutOfFramesError } from '../../../vmo/errors.js';
import type { LinuxContext } from '../call.js';
import type { LinuxMemory } from '../memory/linux-memory.js';
import { HOME_ALIGNMENT, LOW_BYTES } from '../program/linux-layout.js';

/**
 * What a process sees elsewhere than in its home: what it has at addresses below 4 GiB, in a family of forks, the home where
 * the first of them has its own, and annexes. Undefined for one that sees all where it lies. Throws OutOfFramesError.
 */
export function sightOf(
  pageTable: PageTable,
  { region, window, usesLow, annexes }: Pick<LinuxMemory, 'region' | 'window' | 'usesLow' | 'annexes'>,
): View | undefined {
  const aliases: Alias[] = [];
  const { start: home } = region;
  if (usesLow) aliases.push({ window: 0, home, size: LOW_BYTES });
  if (window !== home) aliases.push({ window, home, size: HOME_ALIGNMENT });
  for (const { window, start, end } of annexes)
    if (window !== start) aliases.push({ window, home: start, size: end - start });
  return aliases.length > 0 ? pageTable.addView(aliases) : undefined;
}

/**
 * Lets a process see the first part of its home at addresses below 4 GiB, if it does not yet. False where it cannot: the process
 * shares its memory with its parent, or no frame is left.
 */
export function seeLow(context: LinuxContext): boolean {
  const { memory } = context.linux;
  if (memory.usesLow) return true;
  if (isShared(context)) return false;
  memory.usesLow = true;
  return renewSight(context) || (memory.usesLow = false);
}

/** Whether a process shares its memory with its parent, or what it sees of it. */
export function isShared({ process: { region, view } }: LinuxContext): boolean {
  return region.users > 1 || (view !== undefined && view.users > 1);
}

/** Makes a process see what its memory says it does. False, with what it sees unchanged, where no frame is left. */
export function renewSight({ process, linux, pager: { pageTable } }: LinuxContext): boolean {
  const { view: before } = process;
  try {
    process.view = sightOf(pageTable, linux.memory);
  } catch (error) {
    if (!(error instanceof OutOfFramesError)) throw error;
    return false;
  }
  pageTable.switchView(process.view);
  leaveSight(pageTable, before);
  return true;
}

/** A process does without a view, or with another one. */
export function leaveSight(pageTable: PageTable, view: View | undefined): void {
  if (view && --view.users === 0) pageTable.removeView(view);
}
