import { schema, value } from '../../state/schema.js';
import type { LinuxMemory } from './linux-memory.js';

/** What a Linux process has besides a process of BD0. */
export class LinuxProcess {
  /** @internal */
  static readonly state = schema(
    'linux process',
    LinuxProcess,
    { pid: value, memory: value },
    { label: ({ pid }) => String(pid) },
  );

  constructor(
    /** Its number for Linux: 1 for the first. */
    readonly pid: number,
    readonly memory: LinuxMemory,
  ) {}
}
