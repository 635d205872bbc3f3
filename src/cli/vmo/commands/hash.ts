import { ContentHasher } from '../../../index.js';
import { describeError, Failure, failureAsJson } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import { sha256 } from '../../../host/sha256.js';
import { partsOf } from '../content/file-parts.js';
import { tell, tellJson } from '../output.js';

/** The identity of a file's content. */
interface HashedFile {
  readonly file: string;
  readonly id: string;
  /** Bytes. */
  readonly length: number;
}

/**
 * `bd0 vmo hash`: prints the ID of one file alone, or of several files each with its name; with `json` one object per line.
 * Goes on after one of several files that cannot be read, which is reported on stderr, and returns the exit code of the first
 * such failure.
 */
export async function hashFiles(files: readonly string[], { json }: { readonly json: boolean }): Promise<number> {
  if (files.length === 0) throw new Failure('bd0 vmo hash needs a FILE; - is standard input');
  let exitCode = 0;
  for (const file of files) {
    const hashed = await hashFile(file).catch((error: unknown) => {
      const reason = fileFailure('read', file, error);
      if (files.length === 1) throw reason;
      const failure = describeError(reason);
      writeToStderr(json ? JSON.stringify({ file, ...failureAsJson(failure) }) : failure.line);
      exitCode ||= failure.exitCode;
    });
    if (!hashed) continue;
    if (json) tellJson(hashed);
    else tell(files.length === 1 ? hashed.id : `${hashed.id}  ${file}`);
  }
  return exitCode;
}

/** Reads the file once, in parts. */
async function hashFile(file: string): Promise<HashedFile> {
  const hasher = new ContentHasher(sha256);
  for await (const part of partsOf(file)) hasher.append(part);
  return { file, length: hasher.length, id: hasher.finish() };
}
