import { MemoryNames, type ExpectedContent, type NameSpace, type PublishOutcome } from '../../kernel/names.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { compareNames, mergedNames } from '../../kernel/names.js';
import type { VmoStore } from '../../vmo/store.js';
import type { Content } from '../protocol.js';

/** Returns the bytes at a URL. Throws an Error whose message says why there are none. */
export type Download = (url: string) => Uint8Array;

/**
 * The names of a machine in a page: those that guests publish, and files of the page, which guests cannot change or remove.
 * A file is loaded when a guest first asks for it, since most never are.
 */
export class SiteNames implements NameSpace {
  private readonly published: MemoryNames;
  private readonly files: Map<string, Content>;

  constructor(
    private readonly store: VmoStore,
    files: Iterable<readonly [name: string, content: Content]>,
    private readonly download: Download,
  ) {
    this.published = new MemoryNames(store);
    this.files = new Map(files);
  }

  /** Adds a file, in the place of one with the same name. */
  addFile(name: string, bytes: Uint8Array): void {
    this.files.set(name, { bytes });
  }

  /** What programs have published. The handles are those of the machine: they must not be closed. */
  *publishedVmos(): Generator<readonly [name: string, vmo: VmoHandle], void, undefined> {
    for (const name of this.published.names()) yield [name, this.published.peek(name)!];
  }

  lookup(name: string): VmoHandle | undefined {
    return this.published.lookup(name) ?? this.file(name);
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    const published = this.published.lookup(name);
    published?.close();
    const file = published ? undefined : this.file(name);
    if (!file) return this.published.publish(name, vmo, expected);
    const isExpected = expected === 'anything' || expected?.id === file.id;
    file.close();
    if (!isExpected) return 'changed';
    if (!vmo) return 'read-only';
    return this.published.publish(name, vmo, expected === 'anything' ? expected : undefined);
  }

  names(): Iterable<string> {
    return mergedNames(this.published.names(), [...this.files.keys()].sort(compareNames));
  }

  get heldNames(): number {
    return this.published.heldNames;
  }

  open(): VmoHandle | undefined {
    return undefined;
  }

  get own(): object {
    return this.published.own;
  }

  private file(name: string): VmoHandle | undefined {
    const content = this.files.get(name);
    if (!content) return undefined;
    const bytes = 'bytes' in content ? content.bytes : this.download(content.url);
    this.files.set(name, { bytes });
    const vmo = this.store.fromBytes(bytes);
    // The kernel opens names by id.
    void vmo.id;
    return vmo;
  }
}
