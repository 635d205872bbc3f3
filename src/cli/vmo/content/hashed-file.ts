import { ContentHasher, RecordTree } from '../../../index.js';
import { fileFailure } from '../../../host/failure.js';
import { partsOf } from './file-parts.js';
import { RecordedHashes } from './recorded-hashes.js';

/** The tree of a host file or of standard input, without its pages: read once, in parts. Throws Failure. */
export async function hashedFile(path: string): Promise<{ tree: RecordTree }> {
  const recorded = new RecordedHashes();
  const hasher = new ContentHasher(recorded.hash);
  try {
    for await (const part of partsOf(path)) hasher.append(part);
  } catch (error) {
    throw fileFailure('read', path, error);
  }
  return { tree: new RecordTree(recorded, hasher.finish()) };
}
