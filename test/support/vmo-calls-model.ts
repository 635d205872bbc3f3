/** What VMO calls answer and do, written down a second time: over arrays of bytes, a page at a time. */

const PAGE = 4096;
export const MAPS_START = 0xffff_ff00_0020_0000n;
const MAPS_BYTES = 2 ** 39 - 2 ** 21;
const VMO_MAX = 2n ** 48n;
const PARTS_MAX = 65_536n;

const [EBADF, EFAULT, EEXIST, EINVAL, ERANGE, ENOMEM] = [-9n, -14n, -17n, -22n, -34n, -12n];
const WRITE = 2;

/** A page that is mapped. */
interface ModelPage {
  bytes: Uint8Array;
  readonly protection: number;
}

export interface ModelPatch {
  readonly offset: bigint;
  readonly address: bigint;
  readonly length: bigint;
}

/** Memory of a process above `start`, and the VMOs that it has handles on. */
export class VmoCallsModel {
  /** By their addresses, all 64 bits of them. */
  readonly pages = new Map<bigint, ModelPage>();
  readonly vmos: (Uint8Array | undefined)[] = [];
  /** Maps outside of the region, by address: bytes, in whole pages. */
  readonly maps = new Map<bigint, number>();

  /** The region from `start` to `end` can be written, and holds `bytes`. */
  constructor(
    readonly start: bigint,
    readonly end: bigint,
    bytes: Uint8Array,
  ) {
    for (let at = 0; at < bytes.length; at += PAGE)
      this.pages.set(start + BigInt(at), { bytes: bytes.slice(at, at + PAGE), protection: 3 });
  }

  /** Bytes that may be read; undefined where one may not. */
  read(address: bigint, length: bigint): Uint8Array | undefined {
    if (!this.permits(address, length, () => true)) return undefined;
    return Uint8Array.from({ length: Number(length) }, (_, i) => this.byteAt(address + BigInt(i)));
  }

  /** Stores bytes where that is allowed; false, and nothing stored, where it is not. */
  write(address: bigint, bytes: Uint8Array): boolean {
    if (!this.canWrite(address, BigInt(bytes.length))) return false;
    bytes.forEach((byte, i) => {
      const at = address + BigInt(i);
      this.pages.get(pageOf(at))!.bytes[Number(at % BigInt(PAGE))] = byte;
    });
    return true;
  }

  create(address: bigint, length: bigint): bigint {
    const bytes = this.read(address, length);
    return bytes ? this.add(bytes) : EFAULT;
  }

  slice(handle: bigint, offset: bigint, length: bigint): bigint {
    const vmo = this.vmo(handle);
    if (!vmo) return EBADF;
    return isWithin(offset, length, vmo) ? this.add(part(vmo, offset, length)) : ERANGE;
  }

  concat(handles: readonly bigint[]): bigint {
    const vmos = handles.map((handle) => this.vmo(handle));
    if (vmos.some((vmo) => !vmo)) return EBADF;
    if (BigInt(vmos.length) > PARTS_MAX) return ERANGE;
    return this.add(new Uint8Array(Buffer.concat(vmos.map((vmo) => vmo!))));
  }

  delta(handle: bigint, patches: readonly ModelPatch[]): bigint {
    const contents = patches.map(({ address, length }) => this.read(address, length));
    if (contents.some((bytes) => !bytes)) return EFAULT;
    const vmo = this.vmo(handle);
    if (!vmo) return EBADF;
    if (patches.some(({ offset, length }) => !isWithin(offset, length, vmo))) return ERANGE;
    const patched = vmo.slice();
    patches.forEach(({ offset }, i) => patched.set(contents[i]!, Number(offset)));
    return this.add(patched);
  }

  length(handle: bigint): bigint {
    const vmo = this.vmo(handle);
    return vmo ? BigInt(vmo.length) : EBADF;
  }

  readVmo(handle: bigint, offset: bigint, address: bigint, length: bigint): bigint {
    if (!this.canWrite(address, length)) return EFAULT;
    const vmo = this.vmo(handle);
    if (!vmo) return EBADF;
    if (!isWithin(offset, length, vmo)) return ERANGE;
    this.write(address, part(vmo, offset, length));
    return length;
  }

  map(handle: bigint, offset: bigint, address: bigint, length: bigint, protection: bigint): bigint {
    const vmo = this.vmo(handle);
    if (!vmo) return EBADF;
    if (offset % 4096n || address % 4096n || length === 0n || protection > 7n) return EINVAL;
    if (!isWithin(offset, length, vmo)) return ERANGE;
    const size = Math.ceil(Number(length) / PAGE) * PAGE;
    const inRegion = address >= this.start && address + BigInt(size) <= this.end;
    if (address !== 0n && !inRegion) return EEXIST;
    const at = address === 0n ? this.place(size) : address;
    if (at === undefined) return ENOMEM;
    if (address === 0n) this.maps.set(at, size);
    for (let done = 0; done < size; done += PAGE) {
      const bytes = new Uint8Array(PAGE);
      bytes.set(vmo.subarray(Number(offset) + done, Number(offset) + done + PAGE));
      this.pages.set(at + BigInt(done), { bytes, protection: Number(protection) });
    }
    return at;
  }

  unmap(address: bigint, length: bigint): bigint {
    if (address % 4096n || length === 0n || length > VMO_MAX) return EINVAL;
    const end = address + BigInt(Math.ceil(Number(length) / PAGE) * PAGE);
    const map = [...this.maps].find(([at, size]) => address >= at && end <= at + BigInt(size));
    if (!map && !(address >= this.start && end <= this.end)) return EINVAL;
    for (let at = address; at < end; at += 4096n) this.pages.delete(at);
    if (map && !this.pagesOf(...map).some((page) => this.pages.has(page))) this.maps.delete(map[0]);
    return 0n;
  }

  commit(address: bigint, length: bigint): bigint {
    const bytes = this.read(address, length);
    if (!bytes) return EFAULT;
    if (address % 4096n || length % 4096n || length === 0n) return EINVAL;
    const within = (start: bigint, size: bigint): boolean => address >= start && address + length <= start + size;
    const inOne = [...this.maps].some(([at, size]) => within(at, BigInt(size)));
    return inOne || within(this.start, this.end - this.start) ? this.add(bytes) : EFAULT;
  }

  close(handle: bigint): bigint {
    if (!this.vmo(handle)) return EBADF;
    this.vmos[Number(handle)] = undefined;
    return 0n;
  }

  vmo(handle: bigint): Uint8Array | undefined {
    return handle < BigInt(this.vmos.length) ? this.vmos[Number(handle)] : undefined;
  }

  add(bytes: Uint8Array): bigint {
    const free = this.vmos.findIndex((vmo) => !vmo);
    const handle = free < 0 ? this.vmos.length : free;
    this.vmos[handle] = bytes;
    return BigInt(handle);
  }

  /** Whether all of a range may be written. */
  canWrite(address: bigint, length: bigint): boolean {
    return this.permits(address, length, (protection) => (protection & WRITE) !== 0);
  }

  private permits(address: bigint, length: bigint, allows: (protection: number) => boolean): boolean {
    if (length > 2n ** 20n) return false;
    for (let at = length === 0n ? address : pageOf(address); at < address + length; at += 4096n) {
      const page = this.pages.get(at);
      if (!page || page.protection === 0 || !allows(page.protection)) return false;
    }
    return true;
  }

  private byteAt(address: bigint): number {
    return this.pages.get(pageOf(address))!.bytes[Number(address % BigInt(PAGE))]!;
  }

  private place(size: number): bigint | undefined {
    let at = MAPS_START;
    for (const [start, taken] of [...this.maps].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (start - at >= BigInt(size)) break;
      at = start + BigInt(taken);
    }
    return at + BigInt(size) <= MAPS_START + BigInt(MAPS_BYTES) ? at : undefined;
  }

  private pagesOf(start: bigint, size: number): bigint[] {
    return Array.from({ length: size / PAGE }, (_, i) => start + BigInt(i * PAGE));
  }
}

function pageOf(address: bigint): bigint {
  return address - (address % BigInt(PAGE));
}

function isWithin(offset: bigint, length: bigint, vmo: Uint8Array): boolean {
  return offset + length <= BigInt(vmo.length);
}

function part(vmo: Uint8Array, offset: bigint, length: bigint): Uint8Array {
  return vmo.slice(Number(offset), Number(offset + length));
}
