import { EntryLog } from './entry-log.js';
import {
  MOST_SETS,
  NONE,
  OTHER_WORDS,
  SET_WORDS,
  TABLES,
  TABLE_WORDS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  TLB_SET,
  WORDS,
} from './tlb-layout.js';

/**
 * Maximum number of filled entries that are tracked individually, so that dropping a few is faster than dropping all.
 */
const MOST_REMEMBERED = 4096;

/** Maximum number of write entries that are tracked individually, so that they can be removed and restored. */
const MOST_WRITES_REMEMBERED = 8192;

/** The tables of one context. */
export class TlbSet {
  /** Entries filled since they were last removed: all, and those for writes. */
  readonly logs: { readonly filled: EntryLog; readonly writes: EntryLog };
  /** The distance of its entries from those of the first set, in words. */
  readonly distance: number;
  /** What its context is known by. */
  key = 0;
  /** The number of the latest use. */
  lastUse = 0;

  constructor(
    private readonly words: Int32Array,
    number: number,
  ) {
    this.distance = number === 0 ? 0 : OTHER_WORDS.start - WORDS.start + (number - 1) * SET_WORDS;
    const range = { start: WORDS.start + this.distance, end: WORDS.end + this.distance };
    this.logs = {
      filled: new EntryLog(MOST_REMEMBERED, range),
      writes: new EntryLog(MOST_WRITES_REMEMBERED, range),
    };
    this.clear();
  }

  /**
   * Empties the tables of a memory that may have had a TLB before. A new one is all 0, which matches nothing but an access to
   * page 0, in its own entry, the first, and one that crosses to it, in that of the last page: so its 3 MB need not be filled.
   */
  private clear(): void {
    const { words, distance } = this;
    const [first, last] = [0, (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES];
    const places = TABLES.flatMap((table) => [first, last].map((entry) => distance + ((table + entry) >>> 2)));
    if (places.every((place) => words[place] === 0)) for (const place of places) words[place] = NONE;
    else this.fill(TABLES[0]!, TABLES.length);
  }

  /** Empties some consecutive tables. */
  fill(table: number, tables: number): void {
    const start = (table >>> 2) + this.distance;
    this.words.fill(NONE, start, start + tables * TABLE_WORDS);
  }
}

/** The sets of tables that have been used so far, and the current one. */
export class TlbSets {
  readonly all: TlbSet[];
  current: TlbSet;
  /** Number of changes of the context. */
  private uses = 0;

  constructor(private readonly words: Int32Array) {
    this.current = new TlbSet(words, 0);
    this.all = [this.current];
    words[TLB_SET >>> 2] = 0;
  }

  /** Uses the set of a context. Returns true if it has nothing of that context yet; `clear` empties one that is used for another. */
  use(key: number, clear: (set: TlbSet) => void): boolean {
    const known = this.all.find((set) => set.key === key);
    this.current = known ?? this.unused(clear);
    this.current.key = key;
    this.current.lastUse = ++this.uses;
    this.words[TLB_SET >>> 2] = this.current.distance << 2;
    return known === undefined;
  }

  private unused(clear: (set: TlbSet) => void): TlbSet {
    const { all } = this;
    if (all.length < MOST_SETS) {
      const made = new TlbSet(this.words, all.length);
      all.push(made);
      return made;
    }
    const oldest = all.reduce((least, other) => (other.lastUse < least.lastUse ? other : least));
    clear(oldest);
    return oldest;
  }
}
