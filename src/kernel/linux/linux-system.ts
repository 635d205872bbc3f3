import { schema, value } from '../../state/schema.js';
import type { LinuxProcess } from './linux-process.js';

/** What all Linux processes of a machine share. */
export class LinuxSystem {
  /** @internal */
  static readonly state = schema('linux system', LinuxSystem, { processes: value, nextPid: value }, { isPart: true });

  /** Those that live or have not been waited for, by their pid of Linux. */
  readonly processes = new Map<number, LinuxProcess>();
  private nextPid = 1;

  /** A number for a process or thread, from 1, which no other one has. */
  takePid(): number {
    return this.nextPid++;
  }
}
