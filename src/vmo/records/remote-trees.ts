import type { CanonicalHasher } from '../content/canonical-form.js';
import type { SubtreeTable } from '../content/subtree-table.js';
import type { RecordStore } from './record-store.js';
import { RemoteTree } from './remote-tree.js';

/** Where records are found by their hashes. */
type Records = Pick<RecordStore, 'get'>;

/** Records that were saved with a machine, and of other content those of the store that takes the place of its store. */
export interface SavedSource extends Records {
  others: Records | undefined;
}

/** The sources of remote subtrees of a store, by the records that they read. */
export class RemoteTrees {
  private readonly trees = new Map<Records, RemoteTree>();
  private saved: SavedSource | undefined;

  constructor(
    private readonly table: SubtreeTable,
    private readonly hasher: CanonicalHasher,
  ) {}

  /** The source for some records. It is made if it does not exist. */
  of(records: Records): RemoteTree {
    const known = this.trees.get(records) ?? this.takeSaved(records) ?? this.make(records);
    this.trees.set(records, known);
    return known;
  }

  /**
   * The source for saved records. The next records that `of` is called with get the same one, since they take the place of those
   * that the content came from: a subtree is represented by one object then, as it was when it was saved.
   */
  ofSaved(records: SavedSource): RemoteTree {
    this.saved = records;
    return this.of(records);
  }

  /** Number of records read. */
  get recordsRead(): number {
    return this.all.reduce((total, { reader }) => total + reader.recordsRead, 0);
  }

  /** The most fetched subtrees that one of the sources keeps. */
  get fetchedMost(): number {
    // The kernel asks before each turn of a thread: so no list is made.
    let most = 0;
    for (const { fetchedCount } of this.trees.values()) most = Math.max(most, fetchedCount);
    return most;
  }

  /** Discards content that was fetched; it is fetched again on access. */
  drop(): void {
    for (const tree of this.all) tree.drop();
  }

  private get all(): RemoteTree[] {
    return [...new Set(this.trees.values())];
  }

  private takeSaved(records: Records): RemoteTree | undefined {
    const { saved } = this;
    if (!saved || records === saved) return undefined;
    saved.others = records;
    this.saved = undefined;
    return this.trees.get(saved);
  }

  private make(records: Records): RemoteTree {
    return new RemoteTree(this.table, records, this.hasher);
  }
}
