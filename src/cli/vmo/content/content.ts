/** Bytes that commands read: of a VMO in a store, or of a host file. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PAGE_SIZE, type RecordTree } from '../../../index.js';
import { Failure } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';

/** Bytes that come at once, at most. */
const PART_BYTES = 2 ** 18;

/** Bytes that can be read from any offset. */
export interface Content {
  readonly lengthBytes: number;
  /** The bytes from `offset`, `length` of them, which lie within the content, in parts that are valid until the next. */
  parts(offset: number, length: number): Iterable<Uint8Array>;
  close(): void;
}

/** The content of a VMO. */
export class StoredContent implements Content {
  readonly lengthBytes: number;

  constructor(readonly tree: RecordTree) {
    this.lengthBytes = tree.lengthBytes;
  }

  *parts(offset: number, length: number): Iterable<Uint8Array> {
    const end = offset + length;
    const zeros = new Uint8Array(Math.min(PART_BYTES, length));
    for (const { first, count, leaf } of this.tree.runs(Math.floor(offset / PAGE_SIZE), Math.ceil(end / PAGE_SIZE))) {
      let from = Math.max(first * PAGE_SIZE, offset);
      const to = Math.min((first + count) * PAGE_SIZE, end);
      if (leaf !== undefined) yield this.tree.page(leaf).subarray(from - first * PAGE_SIZE, to - first * PAGE_SIZE);
      else for (; from < to; from += zeros.length) yield zeros.subarray(0, to - from);
    }
  }

  close(): void {}
}

/** The content of a regular host file, as long as it was when it was opened. */
export class FileContent implements Content {
  readonly lengthBytes: number;
  private readonly file: number;

  /** Throws Failure. */
  constructor(private readonly path: string) {
    try {
      this.file = openSync(path, 'r');
    } catch (error) {
      throw fileFailure('read', path, error);
    }
    const stat = fstatSync(this.file);
    this.lengthBytes = stat.size;
    if (stat.isFile()) return;
    this.close();
    throw new Failure(`cannot read '${path}': it is ${stat.isDirectory() ? 'a directory' : 'no regular file'}`);
  }

  *parts(offset: number, length: number): Iterable<Uint8Array> {
    const part = new Uint8Array(Math.min(PART_BYTES, length));
    for (let done = 0; done < length;) {
      const read = this.read(part.subarray(0, length - done), offset + done);
      if (read === 0) throw new Failure(`'${this.path}' became shorter while it was read`);
      yield part.subarray(0, read);
      done += read;
    }
  }

  close(): void {
    closeSync(this.file);
  }

  private read(target: Uint8Array, at: number): number {
    try {
      return readSync(this.file, target, 0, target.length, at);
    } catch (error) {
      throw fileFailure('read', this.path, error);
    }
  }
}

/** `length` bytes from `offset` in an array of their own. */
export function readContent(content: Content, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of content.parts(offset, length)) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
