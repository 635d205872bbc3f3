import { OrderedList } from '../ordered-list.js';
import { derived, schema, value } from '../../state/schema.js';

interface Entry<Item> {
  readonly item: Item;
  readonly deadline: number;
  /** Of two with the same deadline, the smaller number is due first. */
  readonly number: number;
}

/** Items with the ticks at which they are due; of those with the same tick, the first to be added is the first. */
export class Deadlines<Item extends object> {
  static readonly state = schema<Deadlines<object>>(
    'deadlines',
    Deadlines,
    { ascending: derived('from the entries'), byItem: derived('from the entries'), made: value },
    {
      isPart: true,
      computed: [
        {
          name: 'entries',
          read: ({ ascending }) => [...ascending],
          write: (deadlines, list) => deadlines.refill(list),
        },
      ],
    },
  );

  private readonly ascending = new OrderedList<Entry<Item>>((a, b) => a.deadline - b.deadline || a.number - b.number);
  private readonly byItem = new Map<Item, Entry<Item>>();
  /** Entries made so far. */
  private made = 0;

  /** The first deadline; Infinity for none. */
  get next(): number {
    return this.ascending.first?.deadline ?? Infinity;
  }

  add(item: Item, deadline: number): void {
    this.put({ item, deadline, number: this.made++ });
  }

  /** No effect for an item that has no deadline. */
  remove(item: Item): void {
    const entry = this.byItem.get(item);
    if (!entry) return;
    this.byItem.delete(item);
    this.ascending.delete(entry);
  }

  /** The first items whose deadlines have come, in their order, at most `most`; they keep their places. */
  due(tick: number, most: number): Item[] {
    return this.ascending.slice(0, most).flatMap(({ item, deadline }) => (deadline <= tick ? [item] : []));
  }

  /** As `due`; they are removed. */
  take(tick: number, most: number): Item[] {
    const due = this.due(tick, most);
    for (const item of due) this.remove(item);
    return due;
  }

  private put(entry: Entry<Item>): void {
    this.byItem.set(entry.item, entry);
    this.ascending.add(entry);
  }

  private refill(entries: readonly Entry<Item>[]): void {
    for (const entry of [...this.ascending]) this.ascending.delete(entry);
    this.byItem.clear();
    for (const entry of entries) this.put(entry);
  }
}
