/** Extended attributes of files: xattr(7). */
import { schema, value } from '../../../../state/schema.js';
import type { HostMemory } from '../../../host-memory.js';
import { LinuxError, LinuxErrno } from '../../errno.js';

/** What the attributes of a file may take, in bytes: a block of ext4 without its header. fs/ext4/xattr.h */
const SPACE_BYTES = 4096 - 32 - 4;
/** What an attribute takes of it besides its name, which is kept without its prefix, and its value. */
const ENTRY_BYTES = 16;

type Attributes = Map<string, Uint8Array>;

/** The attributes of all files, by the ids of their inodes. Names have a character for each byte. */
export class ExtendedAttributes {
  /** @internal */
  static readonly state = schema('extended attributes', ExtendedAttributes, { files: value }, { isPart: true });

  private readonly files = new Map<number, Attributes>();

  get(id: number, name: string): Uint8Array | undefined {
    return this.files.get(id)?.get(name);
  }

  /** In the order in which they were set first. */
  names(id: number): readonly string[] {
    return [...(this.files.get(id)?.keys() ?? [])];
  }

  /** Sets an attribute, or removes one where there is no value. Throws ENOSPC, with nothing changed. */
  set(id: number, name: string, bytes: Uint8Array | undefined, hostMemory: HostMemory): void {
    const attributes: Attributes = this.files.get(id) ?? new Map<string, Uint8Array>();
    const before = attributes.get(name);
    if (bytes) requireRoom(attributes, name, bytes, hostMemory);
    if (before) release(name, before, hostMemory);
    if (bytes) {
      hostMemory.charge('attribute');
      hostMemory.charge('attributeByte', name.length + bytes.length);
      this.files.set(id, attributes.set(name, bytes));
    } else if (attributes.delete(name) && attributes.size === 0) this.files.delete(id);
  }

  /** A file is gone. */
  forget(id: number, hostMemory: HostMemory): void {
    for (const [name, bytes] of this.files.get(id) ?? []) release(name, bytes, hostMemory);
    this.files.delete(id);
  }
}

function requireRoom(attributes: Attributes, name: string, bytes: Uint8Array, hostMemory: HostMemory): void {
  const after = new Map(attributes).set(name, bytes);
  const total = [...after].reduce((sum, [each, { length }]) => sum + spaceOf(each, length), 0);
  const isRoom = hostMemory.hasRoom(HOST_BYTES_MAX);
  if (total > SPACE_BYTES || !isRoom) throw new LinuxError(LinuxErrno.ENOSPC);
}

/** More than an attribute ever takes of the host. */
const HOST_BYTES_MAX = 2 * 4096;

function spaceOf(name: string, valueBytes: number): number {
  const nameBytes = name.length - name.indexOf('.') - 1;
  return ENTRY_BYTES + roundUp4(nameBytes) + roundUp4(valueBytes);
}

function roundUp4(length: number): number {
  return (length + 3) & ~3;
}

function release(name: string, bytes: Uint8Array, hostMemory: HostMemory): void {
  hostMemory.release('attribute');
  hostMemory.release('attributeByte', name.length + bytes.length);
}
