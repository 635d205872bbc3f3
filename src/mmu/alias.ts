/**
 * A part of the linear address space where, while it is in use, something is seen that lies elsewhere: the bytes from
 * `window` on are those from `home` on. Addresses are given as their low 48 bits. A window is the first 4 GiB, of which the
 * home is a multiple of 1 GiB, or a multiple of 512 GiB, of which the home is one too.
 */
export interface Alias {
  readonly window: number;
  readonly home: number;
  readonly size: number;
}

const GIB = 2 ** 30;

/** The size of the window at address 0. */
export const LOW_WINDOW_BYTES = 4 * GIB;
/** The unit of all other windows: what an entry of the PML4 table names. */
export const SLOT_BYTES = 512 * GIB;

const SLOTS = 512;
/** The number of the window at address 0, which is a part of slot 0. */
const LOW_SLOT = SLOTS;

/** The slot that an address lies in, given as the high half of the address: windows consist of whole slots. */
export function slotOf(linearHigh: number): number {
  return linearHigh === 0 ? LOW_SLOT : (linearHigh >>> 7) & (SLOTS - 1);
}

/** Where a slot begins. */
function startOf(slot: number): number {
  return slot === LOW_SLOT ? 0 : slot * SLOT_BYTES;
}

/** Something else is seen in a slot. */
export interface SlotChange {
  readonly slot: number;
  /** Homes of what was seen there, and is now. */
  readonly from: number;
  readonly to: number;
}

/** What is seen elsewhere than before, if one list of aliases is used instead of another. */
export function changesBetween(before: readonly Alias[], after: readonly Alias[]): SlotChange[] {
  const [from, to] = [homesBySlot(before), homesBySlot(after)];
  const changes: SlotChange[] = [];
  for (const slot of new Set([...from.keys(), ...to.keys()])) {
    const change = { slot, from: from.get(slot) ?? startOf(slot), to: to.get(slot) ?? startOf(slot) };
    if (change.from !== change.to) changes.push(change);
  }
  return changes;
}

/** The homes of what is seen in windows, by slot. */
function homesBySlot(aliases: readonly Alias[]): Map<number, number> {
  const homes = new Map<number, number>();
  for (const { window, home, size } of aliases)
    if (size < SLOT_BYTES) homes.set(LOW_SLOT, home);
    else for (let at = 0; at < size; at += SLOT_BYTES) homes.set((window + at) / SLOT_BYTES, home + at);
  return homes;
}

/** The slots and homes of aliases, for what is kept of each. */
export function slotsOf(aliases: readonly Alias[]): readonly (readonly [slot: number, home: number])[] {
  return [...homesBySlot(aliases)];
}

/** Where in a slot what lies at an address is seen, while the slot shows a home; undefined: nowhere. */
export function windowIn(slot: number, home: number, address: number): number | undefined {
  const offset = address - home;
  return offset >= 0 && offset < (slot === LOW_SLOT ? LOW_WINDOW_BYTES : SLOT_BYTES)
    ? startOf(slot) + offset
    : undefined;
}
