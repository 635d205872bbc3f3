/** `bd0 run --store DIR`: images by name or identity, and translated code from one run to the next. */

import type { VmoHandle, VmoStore } from '../../index.js';
import { EXIT_NOT_FOUND, EXIT_NOT_RUNNABLE, Failure } from '../failure.js';
import { fileInRoot, findImage, isFile, isUnderRoot, readImage } from '../../host/toolchain/image-file.js';
import type { Interruption } from './interruption.js';
import type { DiskStore } from '../../host/store/disk-store.js';

/** Where an image is: in a host file, or in the durable store. */
export interface ImageSource {
  /** The file, or the name or identity by which it was asked for. */
  readonly path: string;
  /** Its identity in the durable store; undefined for a file. */
  readonly id: string | undefined;
  /** The path by which programs find it below `--root`; undefined for others. */
  readonly inRoot?: string | undefined;
}

/**
 * What IMAGE means: with `root`, an absolute path is one below it, as programs see it, if there is a file; else a file; else a name in the store; else a name under `root`; else an identity in the store, or as many
 * digits of one as tell it from others, at least 4. Throws Failure.
 */
export function findSource(image: string, root: string | undefined, durable: DiskStore | undefined): ImageSource {
  const inRoot = fileInRoot(image, root);
  if (inRoot !== undefined) return { path: inRoot, id: undefined, inRoot: image };
  if (durable && !isFile(image)) {
    const named = durable.names.get(image);
    if (named !== undefined) return { path: image, id: named };
    const id = isUnderRoot(image, root) ? undefined : durable.resolve(image);
    if (id !== undefined) return { path: image, id };
  }
  const otherNames = durable?.names.entries().map(([name]) => name);
  return { path: findImage(image, root, otherNames), id: undefined };
}

/**
 * The VMO of an image, which the caller closes. What is in the durable store is read from there as it is touched. Throws
 * Interrupted where the run is to end.
 */
export async function openImage(
  store: VmoStore,
  { path, id }: ImageSource,
  durable: DiskStore | undefined,
  interruption: Interruption,
): Promise<VmoHandle> {
  if (id === undefined || !durable) return readImage(store, path, () => interruption.pause());
  try {
    const handle = durable.hold(id) ? store.openFrom(durable, id) : undefined;
    if (handle) return handle;
  } catch (error) {
    throw new Failure(`cannot read image '${path}': ${(error as Error).message}`, EXIT_NOT_RUNNABLE);
  }
  throw new Failure(`'${path}' stands for ${id}, which is not in the store '${durable.directory}'`, EXIT_NOT_FOUND);
}
