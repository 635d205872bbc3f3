import type { Group, Pack } from './pack.js';

/** Groups that are kept: some megabytes. Reads in the order of a VMO go from group to group, and come back to those of its nodes. */
const GROUPS_MAX = 48;

/** The groups that were read last. */
export class GroupCache {
  private readonly groups = new Map<string, Group>();

  /** The group at `offset` of a pack. Throws DamagedGroupError; ENOENT where it was collected. */
  read(pack: Pack, offset: number): Group {
    const key = `${pack.number}:${offset}`;
    const group = this.groups.get(key) ?? pack.groupAt(offset);
    this.groups.delete(key);
    this.groups.set(key, group);
    if (this.groups.size > GROUPS_MAX) this.groups.delete(this.groups.keys().next().value!);
    return group;
  }
}
