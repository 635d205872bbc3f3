import { bytesToHex } from '../../bits.js';
import type { CanonicalHasher } from '../content/canonical-form.js';
import { RecordReader } from './record-reader.js';
import type { RecordStore } from './record-store.js';
import { Leaf, Node, Remote, type RemoteSource, type Subtree } from '../content/subtree.js';
import type { SubtreeTable } from '../content/subtree-table.js';

/**
 * The subtrees of a RecordStore that a VmoStore uses, each represented by one object as long as something holds it.
 * Fetched content is kept until `drop`. Unreferenced content remains readable through existing references but is
 * re-fetched on each access.
 */
export class RemoteTree implements RemoteSource {
  readonly reader: RecordReader;
  private readonly remotes = new Map<string, Remote>();
  private readonly fetched = new Set<Remote>();
  private readonly page: Uint8Array;
  private readonly pageWords: Int32Array;

  constructor(
    private readonly table: SubtreeTable,
    records: Pick<RecordStore, 'get'>,
    private readonly hasher: CanonicalHasher,
  ) {
    this.reader = new RecordReader(records, hasher);
    this.page = new Uint8Array(table.format.pageSize);
    this.pageWords = new Int32Array(this.page.buffer);
  }

  /**
   * The subtree of a hash, whose bytes from `usedMax` on are zeros. If the caller does not hold it, it is discarded on
   * its next use.
   */
  subtree(hash: Uint8Array, level: number, usedMax: number): Subtree {
    if (this.hasher.isZero(level, hash)) return this.table.zero(level);
    const key = bytesToHex(hash);
    const name = nameOf(key, usedMax);
    let remote = this.remotes.get(name);
    if (remote === undefined) this.remotes.set(name, (remote = this.table.remote(this, hash, key, level, usedMax)));
    return remote;
  }

  /** Subtrees that were fetched and are kept. */
  get fetchedCount(): number {
    return this.fetched.size;
  }

  open(remote: Remote): Leaf | Node {
    if (remote.fetched !== undefined) return remote.fetched;
    const { hash, level, used } = remote;
    const record = this.reader.subtree(hash, level, used);
    if (remote.users === 0) return this.passing(remote, record);
    const tree = level === 0 ? this.leafOf(record) : this.nodeOf(remote, record);
    this.table.retain(tree);
    this.table.adoptHash(tree, hash);
    remote.fetched = tree;
    this.fetched.add(remote);
    return tree;
  }

  again({ hash, level, used }: Remote): Subtree {
    return this.subtree(hash, level, used);
  }

  forget(remote: Remote): void {
    this.remotes.delete(nameOf(remote.key, remote.used));
    this.dropOf(remote);
  }

  /** Discards all content; it is fetched again when it is touched. */
  drop(): void {
    for (const remote of this.fetched) this.dropOf(remote);
  }

  private dropOf(remote: Remote): void {
    const tree = remote.fetched;
    if (tree === undefined) return;
    remote.fetched = undefined;
    this.fetched.delete(remote);
    this.table.release(tree);
  }

  private leafOf(record: Uint8Array): Leaf {
    this.page.set(record.subarray(1));
    return this.table.leafOfPage(this.page, this.pageWords);
  }

  private nodeOf({ hash, level, used }: Remote, record: Uint8Array): Node {
    const { left, right } = this.reader.node(hash, record, level, used);
    const half = this.table.format.levelBytes[level - 1]!;
    const node = this.table.node(
      this.subtree(left, level - 1, Math.min(used, half)),
      this.subtree(right, level - 1, Math.max(used - half, 0)),
    );
    return node as Node;
  }

  /** The content of a Remote that nothing holds: extents outside the table. */
  private passing({ hash, level, used }: Remote, record: Uint8Array): Leaf | Node {
    if (level === 0) {
      let end = record.length;
      while (record[end - 1] === 0) end--;
      return new Leaf(record.slice(1, end), { cheapHash: 0, candidates: [], leaves: 0, isCrowded: false }, -1);
    }
    const { left, right } = this.reader.node(hash, record, level, used);
    const half = this.table.format.levelBytes[level - 1]!;
    const part = (partHash: Uint8Array, usedMax: number): Subtree =>
      this.hasher.isZero(level - 1, partHash)
        ? this.table.zero(level - 1)
        : new Remote(this, partHash, bytesToHex(partHash), level - 1, usedMax, -1);
    return new Node(part(left, Math.min(used, half)), part(right, Math.max(used - half, 0)), -1, half);
  }
}

function nameOf(key: string, used: number): string {
  return `${key} ${used}`;
}
