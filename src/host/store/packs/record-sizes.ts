import type { PackSet } from './pack-set.js';

/** The bytes of packs that records take: each its part of its group. */
export class RecordSizes {
  /** Of the groups that were looked at, by pack and offset. */
  private readonly known = new Map<string, number>();

  constructor(private readonly packs: PackSet) {}

  /** Bytes of the record of an entry; a fraction. */
  of(entry: number): number {
    const { pack, offset } = this.packs.table.place(entry);
    const key = `${pack}:${offset}`;
    let bytes = this.known.get(key);
    if (bytes === undefined) this.known.set(key, (bytes = this.packs.packOf(entry).bytesPerRecord(offset)));
    return bytes;
  }
}
