import { kept, schema, value } from '../../../state/schema.js';
import type { CallWork } from '../../tasks/thread.js';
import type { FileSystem } from './file-system.js';

/** A call that waits for one of several things: it is woken by a number of its own. */
export class Watch implements CallWork {
  static readonly state = schema('watch', Watch, {
    number: value,
    watched: value,
    files: kept('those of the machine'),
  });

  readonly number: number;
  private readonly watched: number[];

  constructor(
    private readonly files: FileSystem,
    numbers: Iterable<number>,
  ) {
    this.number = files.takeNumber();
    this.watched = [...new Set(numbers)];
    for (const each of this.watched) files.watch(each, this.number);
  }

  close(): void {
    for (const each of this.watched.splice(0)) this.files.unwatch(each, this.number);
  }
}
