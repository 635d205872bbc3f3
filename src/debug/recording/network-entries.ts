import type { NetworkNews } from '../../network/network-host.js';
import type { ValueReader, ValueWriter } from '../../state/saved-values.js';

/** By their numbers in the file; never reorder them. */
const WHAT: readonly NetworkNews['what'][] = [
  ...(['connected', 'refused', 'unreachable', 'reset', 'data', 'taken', 'end', 'addresses', 'no answer'] as const),
];

/** Writes news of the network of a bare machine. */
export function writeNews(news: NetworkNews, out: ValueWriter): void {
  out.byte(WHAT.indexOf(news.what)).count(news.id);
  if (news.what === 'data') out.bytes(news.bytes);
  else if (news.what === 'taken') out.count(news.count);
  else if (news.what === 'addresses') {
    out.count(news.addresses.length);
    for (const address of news.addresses) out.count(address);
  }
}

/** Reads them. Throws SavedSnapshotError for bytes that are never written. */
export function readNews(source: ValueReader): NetworkNews {
  const what = WHAT[source.byte()];
  const id = source.count();
  switch (what) {
    case undefined:
      throw source.malformed();
    case 'data':
      return { id, what, bytes: source.bytes().slice() };
    case 'taken':
      return { id, what, count: source.count() };
    case 'addresses': {
      const addresses = Array.from({ length: source.countOfItems() }, () => source.count());
      if (!addresses.every((address) => address < 2 ** 32)) throw source.malformed();
      return { id, what, addresses };
    }
    default:
      return { id, what };
  }
}
