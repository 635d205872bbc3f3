/** `bd0 vmo name`, `mv`, `rm`, `pin` and `unpin`: what keeps content from being collected. */
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { tell, tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { openStore, type Reference, type StoreView } from '../content/store-view.js';
import { findStored, requireStored } from '../content/target.js';

/** The options of these commands. */
export interface NameOptions {
  readonly store?: string | undefined;
  readonly json: boolean;
}

/** `bd0 vmo name TARGET NAME`. */
export async function nameContent(words: readonly string[], { store: directory, json }: NameOptions): Promise<number> {
  requireWords(words, 'name', 'a TARGET and a NAME', 2, 2);
  const [word, name] = words as [string, string];
  await withStore(directory, (store) => {
    const { id, contentKind } = requireStored(word, store);
    const replaced = store.setName(name, { id, kind: contentKind });
    if (json) tellJson({ name, id, ...(replaced !== undefined && { replaced }) });
  });
  return 0;
}

/** `bd0 vmo mv NAME NAME`: the second must not be there. */
export async function moveName(words: readonly string[], { store: directory, json }: NameOptions): Promise<number> {
  requireWords(words, 'mv', 'two NAMEs', 2, 2);
  const [from, to] = words as [string, string];
  await withStore(directory, (store) => {
    const reference = requireName(from, store);
    const { id } = reference;
    // The new name comes first: whatever happens between the two, the content has one.
    if (from === to || !store.disk.names.compareAndSwap(to, undefined, reference))
      throw new Failure(`'${to}' is a name already: bd0 vmo rm takes it away`);
    if (!store.disk.names.compareAndSwap(from, id, undefined))
      throw new Failure(`'${from}' was given to something else in the meantime; '${to}' is a name of ${id}`);
    if (json) tellJson({ name: to, id, from });
  });
  return 0;
}

/** `bd0 vmo rm NAME...`: all of them, or none where one is no name. */
export async function removeNames(words: readonly string[], { store: directory, json }: NameOptions): Promise<number> {
  requireWords(words, 'rm', 'a NAME', 1, Infinity);
  await withStore(directory, (store) => {
    for (const name of words) requireName(name, store);
    for (const name of new Set(words)) {
      const id = store.setName(name, undefined);
      if (json) tellJson({ name, id });
    }
  });
  return 0;
}

/** `bd0 vmo pin [TARGET...]`. */
export async function pin(words: readonly string[], { store: directory, json }: NameOptions): Promise<number> {
  await withStore(directory, (store) => {
    const targets = words.map((word) => requireStored(word, store));
    for (const { id, contentKind } of targets) store.disk.pin({ id, kind: contentKind }, true);
    for (const id of words.length === 0 ? store.disk.names.pins() : targets.map(({ id }) => id))
      if (json) tellJson({ id, pinned: true });
      else tell(id);
  });
  return 0;
}

/** `bd0 vmo unpin TARGET...`: an ID may be damaged, or shortened to the beginning of one that is pinned. */
export async function unpin(words: readonly string[], { store: directory, json }: NameOptions): Promise<number> {
  requireWords(words, 'unpin', 'an ID', 1, Infinity);
  await withStore(directory, (store) => {
    for (const reference of words.map((word) => pinned(word, store))) {
      const { id } = reference;
      store.disk.pin(reference, false);
      if (json) tellJson({ id, pinned: false });
      else tell(id);
    }
  });
  return 0;
}

function pinned(word: string, store: StoreView): Reference {
  const pins = store.disk.names.pinnedReferences();
  const begun = /^[0-9a-f]{4,64}$/i.test(word) ? pins.filter(({ id }) => id.startsWith(word.toLowerCase())) : [];
  if (begun.length > 1) throw new Failure(`'${word}' is the beginning of ${begun.length} identities that are pinned`);
  const id = begun[0]?.id ?? findStored(word, store)?.id;
  const found = pins.find((reference) => reference.id === id);
  if (!found) throw new Failure(`'${word}' is not pinned`, EXIT_NOT_FOUND);
  return found;
}

function requireName(name: string, store: StoreView): Reference {
  const reference = store.named(name);
  if (!reference) throw new Failure(`there is no name '${name}' in '${store.directory}'`, EXIT_NOT_FOUND);
  return reference;
}

async function withStore(directory: string | undefined, work: (store: StoreView) => void): Promise<void> {
  const store = await openStore(directory, 'write');
  try {
    work(store);
  } finally {
    store.disk.close();
  }
}
