import { createReadStream } from 'node:fs';
import { ContentHasher } from '../../vmo/content-hasher.js';
import { fileFailure } from '../failure.js';
import { RecordedHashes } from './recorded-hashes.js';
import { RecordTree } from './record-tree.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** What stands for stdin among files. */
export const STDIN_NAME = '-';

/** The tree of a host file or of standard input, without its pages: read once, in parts. Throws Failure. */
export async function hashedFile(path: string): Promise<{ tree: RecordTree }> {
  const recorded = new RecordedHashes();
  const hasher = new ContentHasher(recorded.hash);
  try {
    const stream = path === STDIN_NAME ? process.stdin : createReadStream(path, { highWaterMark: PART_BYTES });
    for await (const part of stream) hasher.append(part as Buffer);
  } catch (error) {
    throw fileFailure('read', path, error);
  }
  return { tree: new RecordTree(recorded, hasher.finish()) };
}
