/** `bd0 boot --disk NAME|FILE`: disks are VMOs, and `--publish NAME` keeps what is written to them in a durable store. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { BoardDisk, VmoHandle, VmoStore } from '../../index.js';
import type { DurableNames, RunStore } from '../../host/names/durable-names.js';
import { onFile } from '../../host/failure.js';
import { isFile } from '../../host/toolchain/image-file.js';
import { EXIT_NOT_FOUND, Failure } from '../failure.js';

const PART_BYTES = 2 ** 20;

/** The disks of a machine, and the store that was opened for them. */
export interface BootDisks {
  readonly disks: readonly BoardDisk[];
  /** What makes the disks of a resumed machine durable, whose store `storeOf` returns. */
  publishers(storeOf: () => VmoStore): readonly PublishDisk[];
  /** The durable store, if there is one. */
  readonly store: RunStore | undefined;
  close(): void;
}

export interface DiskRequest {
  /** Files, or names and identities in the store. */
  readonly disk: readonly string[];
  /** Names for what is written: the first for the first disk, and so on. */
  readonly publish: readonly string[];
  readonly store: string | undefined;
  /** The name of a saved machine, which has its disks. */
  readonly resume: string | undefined;
}

type PublishDisk = NonNullable<BoardDisk['publish']>;

/** Throws Failure, HostError. */
export async function openDisks({ disk: sources, publish, store: directory, resume }: DiskRequest): Promise<BootDisks> {
  if (resume === undefined && publish.length > sources.length)
    throw new Failure(`--publish '${publish[sources.length]!}' has no disk: each --publish is for one --disk`);
  if (publish.length > 0 && directory === undefined)
    throw new Failure('--publish needs a store: --store DIR says where it is');
  if (directory === undefined)
    return {
      disks: sources.map((source) => ({ open: (store) => readFile(store, source) })),
      publishers: () => [],
      store: undefined,
      close: () => {},
    };
  const { DurableNames, RunStore } = await import('../../host/names/durable-names.js');
  const durable = RunStore.open(directory);
  const makeNames = (store: VmoStore): DurableNames => new DurableNames(store, durable);
  const disks = sources.map((source, index) => diskOf(source, publish[index], { durable, makeNames }));
  const publishers: BootDisks['publishers'] = (storeOf) => {
    let names: DurableNames | undefined;
    return publish.map((name) => publisherOf(name, () => (names ??= makeNames(storeOf()))));
  };
  return { disks, publishers, store: durable, close: () => durable.close() };
}

/** The durable store, and its names for a machine. */
interface Durable {
  readonly durable: RunStore;
  readonly makeNames: (store: VmoStore) => DurableNames;
}

/** A disk that a file holds, or the durable store. */
function diskOf(source: string, publish: string | undefined, { durable, makeNames }: Durable): BoardDisk {
  let names: DurableNames;
  const open = (store: VmoStore): VmoHandle => {
    names = makeNames(store);
    if (isFile(source)) return readFile(store, source);
    const id = durable.disk.resolve(source);
    const content = id === undefined ? undefined : names.open(id);
    if (!content) throw new Failure(`--disk '${source}' is neither a file nor in the store`, EXIT_NOT_FOUND);
    return content;
  };
  if (publish === undefined) return { open };
  return { open, publish: publisherOf(publish, () => names) };
}

/** Keeps content under a name. Throws Failure. */
function publisherOf(name: string, namesOf: () => DurableNames): PublishDisk {
  return (content) => {
    if (namesOf().publish(name, content, 'anything') !== 'done')
      throw new Failure(`cannot publish '${name}': another process keeps the store busy`);
  };
}

/** The VMO of a file. */
function readFile(store: VmoStore, path: string): VmoHandle {
  if (!isFile(path))
    throw new Failure(`--disk '${path}' is not a file; --store DIR is needed for names`, EXIT_NOT_FOUND);
  return onFile('read', path, () => {
    const file = openSync(path, 'r');
    const builder = store.builder();
    try {
      const part = new Uint8Array(PART_BYTES);
      for (let count = readSync(file, part); count > 0; count = readSync(file, part))
        builder.append(part.subarray(0, count));
      return builder.commit();
    } finally {
      closeSync(file);
    }
  });
}
