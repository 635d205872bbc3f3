/** Content of a store that no name reaches: if names are lost, they may have named it. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { readRoot } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import type { NamedReference } from './names.js';
import { kindByContent, listedReferences, Reach } from './reach.js';

/** Digits of the identity in a name that is given. */
const DIGITS = 16;

/** VMOs that nothing reaches, but for those that one of them lists, each with a name that is free: `lost/` and digits of its identity. */
export function unreachedContent(store: DiskStore): NamedReference[] {
  const reach = new Reach(store);
  const named = store.names.references();
  for (const reference of [...named, ...store.names.pinnedReferences()]) for (const _ of reach.add(reference));
  const unreached = store.idsFrom('').filter((id) => !reach.has(hexToBytes(id)));
  const references = unreached.map((id) => ({ id, kind: kindByContent(store, id) ?? ('file' as const) }));
  const listed = new Set<string>();
  for (const { id, kind } of references)
    if (kind === 'tree')
      for (const below of listedReferences(store, readRoot(store.get(hexToBytes(id))!)))
        if (below.id !== id) listed.add(below.id);
  const taken = new Set(named.map(({ name }) => name));
  return references
    .filter(({ id }) => !listed.has(id))
    .map((reference) => {
      let digits = DIGITS;
      while (taken.has(`lost/${reference.id.slice(0, digits)}`)) digits++;
      const name = `lost/${reference.id.slice(0, digits)}`;
      taken.add(name);
      return { ...reference, name };
    });
}
