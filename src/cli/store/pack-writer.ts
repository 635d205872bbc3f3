import { StoreWriteError } from './errors.js';
import { type FileLayer, writeAll } from './file-layer.js';
import { type Encoded, HEADER_BYTES, type Kind, markRecords, PACK_MAGIC, writeRecord } from './pack-format.js';

/** Bytes that gather before they are written. */
const BUFFER_BYTES = 2 ** 20;

/** Bytes and records after which a pack is closed and another one begun. */
const PACK_BYTES_MAX = 2 ** 26;
const PACK_RECORDS_MAX = 2 ** 18;

/** Appends records to a pack of its own. After a write that failed it takes no more. */
export class PackWriter {
  private readonly file: number;
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private filled = 0;
  /** Bytes that have been given to the file. */
  private written = 0;
  private records = 0;
  private isFlushed = false;
  private isNamed = false;
  private failure: StoreWriteError | undefined;

  constructor(
    private readonly files: FileLayer,
    readonly path: string,
  ) {
    this.file = this.guarded(() => files.open(path, 'create'));
    this.buffer.set(PACK_MAGIC);
    this.filled = PACK_MAGIC.length;
  }

  /** Bytes of the pack, the buffered ones included. */
  get endOffset(): number {
    return this.written + this.filled;
  }

  /** Bytes that can be read from the file. */
  get writtenBytes(): number {
    return this.written;
  }

  get isFull(): boolean {
    return this.endOffset >= PACK_BYTES_MAX || this.records >= PACK_RECORDS_MAX;
  }

  /** Appends a record of `contentBytes` bytes as they are encoded. Answers where it lies. */
  append(kind: Kind, hash: Uint8Array, contentBytes: number, encoded: Encoded): number {
    if (this.failure) throw this.failure;
    const length = HEADER_BYTES + encoded.payload.length;
    if (this.filled + length > BUFFER_BYTES) this.writeOut();
    const offset = this.endOffset;
    if (length <= BUFFER_BYTES) this.filled = writeRecord(this.buffer, this.filled, kind, hash, contentBytes, encoded);
    else {
      const record = new Uint8Array(length);
      writeRecord(record, 0, kind, hash, contentBytes, encoded);
      this.write(record);
    }
    this.isFlushed = false;
    this.records++;
    return offset;
  }

  /** Gives what is buffered to the file, where reads find it. */
  writeOut(): void {
    if (this.filled === 0) return;
    this.write(this.buffer.subarray(0, this.filled));
    this.filled = 0;
  }

  /**
   * Returns once everything appended lies on the disk, and marks behind it that say so: they are written when it does, so
   * that another process which sees them may rely on it, whatever happens to this one or to the machine.
   */
  flush(): void {
    if (this.failure) throw this.failure;
    if (this.isFlushed) return;
    this.writeOut();
    this.guarded(() => {
      this.files.sync(this.file);
      if (!this.isNamed) this.files.syncDirectory(this.path.slice(0, this.path.lastIndexOf('/')));
    });
    this.isNamed = true;
    this.write(markRecords());
    this.guarded(() => this.files.sync(this.file));
    this.isFlushed = true;
  }

  close(): void {
    this.files.close(this.file);
  }

  private write(bytes: Uint8Array): void {
    this.guarded(() => writeAll(this.files, this.file, bytes));
    this.written += bytes.length;
  }

  /** The first failure of the disk is the last thing that is tried: nobody can say what it has taken. */
  private guarded<T>(perform: () => T): T {
    if (this.failure) throw this.failure;
    try {
      return perform();
    } catch (error) {
      throw (this.failure = new StoreWriteError(this.path, error));
    }
  }
}
