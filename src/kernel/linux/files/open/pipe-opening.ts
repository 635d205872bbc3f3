import { kept, schema, value } from '../../../../state/schema.js';
import type { CallWork } from '../../../tasks/thread.js';
import type { FileSystem } from '../file-system.js';
import { releaseFile } from './open-file.js';
import type { OpenPipe } from './pipe.js';

/** An end of a named pipe that is being opened, until somebody opens the other end. */
export class PipeOpening implements CallWork {
  static readonly state = schema('pipe opening', PipeOpening, {
    file: value,
    before: value,
    isTaken: value,
    files: kept('those of the machine'),
  });

  /** How often the other end had been opened. */
  private readonly before: number;
  private isTaken = false;

  constructor(
    private readonly files: FileSystem,
    private readonly file: OpenPipe,
  ) {
    this.before = this.openedByOthers;
    file.references++;
  }

  get number(): number {
    return this.file.pipe.number;
  }

  /** Whether the other end has been opened, be it that it was closed again. */
  get hasPartner(): boolean {
    return this.openedByOthers !== this.before;
  }

  /** The end, for a descriptor. */
  take(): OpenPipe {
    return this.file;
  }

  close(): void {
    if (this.isTaken) return;
    this.isTaken = true;
    releaseFile(this.files, this.file);
  }

  private get openedByOthers(): number {
    const { pipe, isReadable } = this.file;
    return isReadable ? pipe.opened.toWrite : pipe.opened.toRead;
  }
}
