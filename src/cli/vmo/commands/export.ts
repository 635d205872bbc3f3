/** `bd0 vmo export`: the canonical stream of content, of a tree with all that is in it, to a file or to stdout. */
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { byteTextOf } from '../../../host/byte-text.js';
import { Failure } from '../../failure.js';
import { isSystemError, systemReason } from '../../../host/failure.js';
import { putBytes, tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { withStored, type StoredTarget } from '../content/target.js';
import { exportTree } from '../content/tree-stream.js';

/** The options of the command. */
export interface ExportOptions {
  readonly store?: string | undefined;
  readonly output?: string | undefined;
  readonly json: boolean;
}

/** Bytes that are written at once. */
const PART_BYTES = 2 ** 20;

const STDOUT = 1;

/** Writes the stream. Throws Failure. */
export async function exportStream(words: readonly string[], { store, output, json }: ExportOptions): Promise<number> {
  requireWords(words, 'export', 'an ID or a NAME', 1, 1);
  if (json && output === undefined)
    throw new Failure('--json needs -o FILE, since the stream itself goes to standard output');
  if (output === undefined && isatty(STDOUT)) throw binaryForTerminal();
  await withStored(words, store, 'read', ([target]) => {
    if (output === undefined) writeParts(target!, putBytes);
    else {
      const bytes = writeFile(target!, output);
      if (json) tellJson({ id: target!.id, length: target!.tree.lengthBytes, file: output, bytes });
    }
  });
  return 0;
}

function binaryForTerminal(): Failure {
  return new Failure('a canonical stream is binary, which a terminal cannot show: redirect it, or use -o FILE');
}

/** Writes a file next to `path`, which replaces it once it is complete. Returns its length. */
function writeFile(target: StoredTarget, path: string): number {
  const temporary = `${path}.${process.pid}.part`;
  let bytes = 0;
  try {
    if (isDevice(path)) {
      const device = openSync(path, 'w');
      if (isatty(device)) throw binaryForTerminal();
      return writeOpen(target, device);
    }
    bytes = writeOpen(target, openSync(temporary, 'wx'));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (!isSystemError(error)) throw error;
    throw new Failure(`cannot write '${path}': ${systemReason(error)}`);
  }
  return bytes;
}

/** Whether a path is something else than a file, such as /dev/null: it is written as it is. */
function isDevice(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

function writeOpen(target: StoredTarget, file: number): number {
  let bytes = 0;
  try {
    writeParts(target, (part) => {
      for (let at = 0; at < part.length;) at += writeSync(file, part, at);
      bytes += part.length;
    });
  } finally {
    closeSync(file);
  }
  return bytes;
}

function writeParts(target: StoredTarget, write: (part: Uint8Array) => void): void {
  let waiting: Uint8Array[] = [];
  let length = 0;
  const flush = (): void => {
    write(Buffer.concat(waiting));
    waiting = [];
    length = 0;
  };
  for (const record of exportTree(target.store, {
    id: target.id,
    kind: target.contentKind,
    path: byteTextOf(target.word),
  })) {
    waiting.push(record);
    length += record.length;
    if (length >= PART_BYTES) flush();
  }
  flush();
}
