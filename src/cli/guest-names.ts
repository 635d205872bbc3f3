/** What guests of `bd0 run` call VMOs: names that they publish, over the files of a directory. */

import type { ExpectedContent, NameSpace, PublishOutcome, VmoHandle } from '../index.js';
import type { RootFiles } from './root-files.js';

/**
 * Names that are published hide the files of the same name, which stay what they are: a guest neither changes nor removes
 * one.
 */
export class GuestNames implements NameSpace {
  /** `published` keeps what guests publish: in memory, or in a durable store. */
  constructor(
    private readonly published: NameSpace,
    private readonly files: RootFiles,
  ) {}

  lookup(name: string): VmoHandle | undefined {
    return this.published.lookup(name) ?? this.files.lookup(name);
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    const file = this.isPublished(name) ? undefined : this.files.lookup(name);
    if (!file) return this.published.publish(name, vmo, expected);
    const isExpected = expected === 'anything' || expected?.id === file.id;
    file.close();
    if (!isExpected) return 'changed';
    if (!vmo) return 'read-only';
    return this.published.publish(name, vmo, expected === 'anything' ? expected : undefined);
  }

  *names(): Iterable<string> {
    yield* this.published.names();
    yield* this.files.names();
  }

  open(id: string): VmoHandle | undefined {
    return this.published.open(id);
  }

  writeState(out: Parameters<NameSpace['writeState']>[0]): void {
    this.published.writeState(out);
  }

  private isPublished(name: string): boolean {
    const vmo = this.published.lookup(name);
    vmo?.close();
    return vmo !== undefined;
  }
}
