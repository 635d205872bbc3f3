import { schema, value } from '../../state/schema.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { LinuxContext } from './call.js';
import type { LinuxMemory } from './memory/linux-memory.js';

/** What memory calls ask of the files of a process. */
export interface MappableFiles {
  /** Whether a descriptor is open. */
  has(fd: number): boolean;
  /** What is to be mapped of an open file, a VMO that is the caller's. Throws LinuxError: EACCES, ENODEV. */
  map(context: LinuxContext, fd: number, isShared: boolean, protection: number): VmoHandle;
}

/** What a Linux process has besides a process of BD0. */
export class LinuxProcess {
  /** @internal */
  static readonly state = schema(
    'linux process',
    LinuxProcess,
    { pid: value, memory: value, files: value, limits: value },
    { label: ({ pid }) => String(pid) },
  );

  files: MappableFiles | undefined;
  /** What it has set of its resource limits, by their numbers. */
  readonly limits = new Map<number, readonly [soft: bigint, hard: bigint]>();

  constructor(
    /** Its number for Linux: 1 for the first. */
    readonly pid: number,
    /** Another one after execve. */
    public memory: LinuxMemory,
  ) {}
}
