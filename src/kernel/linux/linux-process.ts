import { schema, value } from '../../state/schema.js';
import type { FileTable } from './files/file-table.js';
import type { Place } from './files/place.js';
import type { LinuxMemory } from './memory/linux-memory.js';

/** What a process runs. */
export interface LinuxProgramOf {
  /** Its path, absolute and without symbolic links where there is such a file, as a string with a character for each byte. */
  readonly path: string;
  readonly argv: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
}

/** What a Linux process has besides a process of BD0. */
export class LinuxProcess {
  /** @internal */
  static readonly state = schema(
    'linux process',
    LinuxProcess,
    { pid: value, memory: value, files: value, place: value, program: value, limits: value },
    { label: ({ pid }) => String(pid) },
  );

  /** What it has set of its resource limits, by their numbers. */
  readonly limits = new Map<number, readonly [soft: bigint, hard: bigint]>();

  constructor(
    /** Its number for Linux: 1 for the first. */
    readonly pid: number,
    /** Another one after execve. */
    public memory: LinuxMemory,
    readonly files: FileTable,
    readonly place: Place,
    public program: LinuxProgramOf,
  ) {}

  /** It has ended: gives up its files. */
  close(): void {
    this.files.closeAll();
    this.place.close();
  }
}
