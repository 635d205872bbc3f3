/** The names that guests of `bd0 run` see: those that they publish, and the files of a directory. */

import { sortedNames, type ExpectedContent, type NameSpace, type PublishOutcome, type VmoHandle } from '../../index.js';
import { mergedNames } from '../../kernel/names.js';
import { finished, type Steps } from '../../vmo/steps.js';
import type { RootFiles } from './root-files.js';

/**
 * Published names hide files with the same name. Guests cannot change or remove files.
 */
export class GuestNames implements NameSpace {
  /** `published` holds the names that guests publish, in memory or in a durable store. */
  constructor(
    private readonly published: NameSpace,
    private readonly files: RootFiles,
  ) {}

  lookup(name: string): VmoHandle | undefined {
    return finished(this.lookupInSteps(name));
  }

  *lookupInSteps(name: string): Steps<VmoHandle | undefined, number> {
    return this.published.lookup(name) ?? (yield* this.files.lookupInSteps(name));
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    return finished(this.publishInSteps(name, vmo, expected));
  }

  *publishInSteps(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): Steps<PublishOutcome, number> {
    const file = this.isPublished(name) ? undefined : yield* this.files.lookupInSteps(name);
    if (!file) return yield* this.publishOn(name, vmo, expected);
    const isExpected = expected === 'anything' || expected?.id === file.id;
    file.close();
    if (!isExpected) return 'changed';
    if (!vmo) return 'read-only';
    return yield* this.publishOn(name, vmo, expected === 'anything' ? expected : undefined);
  }

  names(): Iterable<string> {
    return mergedNames(this.published.names(), sortedNames(this.files.names()));
  }

  get heldNames(): number {
    return this.published.heldNames ?? 0;
  }

  open(id: string): VmoHandle | undefined {
    return this.published.open(id);
  }

  get own(): object | undefined {
    return this.published.own;
  }

  private *publishOn(
    name: string,
    vmo: VmoHandle | undefined,
    expected: ExpectedContent,
  ): Steps<PublishOutcome, number> {
    const { published } = this;
    return published.publishInSteps
      ? yield* published.publishInSteps(name, vmo, expected)
      : published.publish(name, vmo, expected);
  }

  private isPublished(name: string): boolean {
    const vmo = this.published.lookup(name);
    vmo?.close();
    return vmo !== undefined;
  }
}
