import { readFileSync, statSync } from 'node:fs';
import { isSystemError } from '../../host/failure.js';

/** Longer source files are not shown. */
const MAX_SOURCE_BYTES = 2 ** 24;

/** Reads source files, each once. */
export class SourceFiles {
  private readonly files = new Map<string, readonly string[] | undefined>();

  /** The lines of a file; undefined if it cannot be read. */
  readonly read = (path: string): readonly string[] | undefined => {
    if (!this.files.has(path)) this.files.set(path, readLines(path));
    return this.files.get(path);
  };
}

function readLines(path: string): string[] | undefined {
  try {
    const status = statSync(path);
    return status.isFile() && status.size <= MAX_SOURCE_BYTES ? readFileSync(path, 'utf8').split('\n') : undefined;
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
