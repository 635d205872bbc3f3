/** How the child of clone(2) differs from its parent at first. */
import { TF } from '../../../cpu/meaning/flags.js';
import { FS, RAX, RSP } from '../../../cpu/state/layout.js';
import { again } from '../../memory/map-target.js';
import type { Region } from '../../memory/region.js';
import { Process, type ProcessDescription } from '../../tasks/process.js';
import type { LinuxContext } from '../call.js';
import type { CloneRequest } from './clone.js';
import { CLONE_SETTLS } from './clone-flags.js';

export function newProcess(
  { kernel, process, store, hostMemory }: LinuxContext,
  description: ProcessDescription,
): Process {
  return new Process(kernel.processes.nextPid(), description, again(store, process.image), hostMemory);
}

/** The registers of the child, in the CPU: those of its parent, except for some. */
export function begin({ registers, thread }: LinuxContext, { flags, stack, threadPointer }: CloneRequest): void {
  registers.setGpr(RAX, 0n);
  if (thread.linux!.trace?.registers.hasTrapFlag) registers.rflags &= ~BigInt(TF);
  if (stack !== 0n) registers.setGpr(RSP, stack);
  if (flags & CLONE_SETTLS) registers.setSegmentBase(FS, threadPointer);
}

/** The description of a process in another home, where everything lies as in that of its parent. */
export function movedTo(
  description: ProcessDescription,
  home: Region,
  parent: number,
  tick: number,
): ProcessDescription {
  const by = home.start - description.region.start;
  const { guard, end } = description.mainStack;
  const { region, copy } = description;
  return {
    ...description,
    parent,
    region: home,
    copy: { tick, start: region.start, copy },
    header: description.header + by,
    heap: description.heap + by,
    mainStack: { guard: guard + by, end: end + by },
  };
}
