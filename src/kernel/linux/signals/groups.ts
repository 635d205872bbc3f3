/** Process groups and sessions. */
import type { LinuxProcess } from '../linux-process.js';

type Processes = ReadonlyMap<number, LinuxProcess>;

/** Those that live in a group, in the order of their numbers. */
export function membersOf(processes: Processes, group: number): LinuxProcess[] {
  const members = [...processes.values()].filter((each) => each.group === group && each.family.status === undefined);
  return members.sort((a, b) => a.pid - b.pid);
}

/**
 * The groups between which and the others of its session a process that ends is a link: its own, for its parent, and those of its
 * children. kernel/exit.c "kill_orphaned_pgrp"
 */
export function groupsLinkedBy({ group, session, family }: LinuxProcess): ReadonlySet<number> {
  const isApart = (other: LinuxProcess): boolean => other.group !== group && other.session === session;
  const groups = new Set(family.children.filter(isApart).map((child) => child.group));
  if (family.parentOf && isApart(family.parentOf)) groups.add(group);
  return groups;
}

/**
 * Whether nobody outside of a group, but of its session, looks after it: who would let it go on when it is stopped?
 * kernel/exit.c "will_become_orphaned_pgrp"
 */
export function isOrphaned(processes: Processes, group: number): boolean {
  return !membersOf(processes, group).some(({ family, session }) => {
    const { parentOf: parent } = family;
    return parent !== undefined && parent.group !== group && parent.session === session;
  });
}
