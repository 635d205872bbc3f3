import { SECTOR_BYTES, type Disk } from '../disk.js';
import { NVME_PAGE_BYTES, STATUS, type Command, type Status } from './command.js';

export const NVME_VERSION = 0x1_0400;
export const NVME_VENDOR = 0xbd00;
const SUBSYSTEM_VENDOR = 0xbd00;

/** A command moves at most 2^7 pages of data. */
const MOST_PAGES_LOG = 7;
export const MOST_DATA_BYTES = NVME_PAGE_BYTES << MOST_PAGES_LOG;
/** Number of asynchronous event requests that are held, less one. */
export const EVENT_LIMIT = 3;

const SECTOR_LOG = Math.log2(SECTOR_BYTES);
const EUI_64 = 1;
const EUI_64_BYTES = 8;

/** Identify: NVM Express 1.4, 5.15. Returns 4096 bytes, or a status. */
export function identify({ dwords, namespace }: Command, disks: readonly Disk[]): Uint8Array | Status {
  const disk = disks[namespace - 1];
  switch (dwords[10]! & 0xff) {
    case 0x00:
      return disk ? namespaceData(disk, namespace) : STATUS.invalidNamespace;
    case 0x01:
      return controllerData(disks.length);
    case 0x02:
      return namespaceList(disks.length, namespace);
    case 0x03:
      return disk ? namespaceDescriptors(namespace) : STATUS.invalidNamespace;
    default:
      return STATUS.invalidField;
  }
}

function page(): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(NVME_PAGE_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Figure 247 "Identify Controller Data Structure". */
function controllerData(namespaces: number): Uint8Array {
  const { bytes, view } = page();
  const text = (at: number, length: number, value: string): void =>
    bytes.set(new TextEncoder().encode(value.padEnd(length)), at);
  view.setUint16(0, NVME_VENDOR, true);
  view.setUint16(2, SUBSYSTEM_VENDOR, true);
  text(4, 20, 'bd0');
  text(24, 40, 'bd0 NVMe disk');
  text(64, 8, '1.0');
  view.setUint8(77, MOST_PAGES_LOG);
  view.setUint32(80, NVME_VERSION, true);
  // An I/O controller.
  view.setUint8(111, 1);
  view.setUint8(259, EVENT_LIMIT);
  // One slot for firmware, which cannot be written.
  view.setUint8(260, 0b11);
  // Warning and critical temperatures, in kelvins.
  view.setUint16(266, 343, true);
  view.setUint16(268, 373, true);
  // Queue entries of 2^6 and 2^4 bytes.
  view.setUint8(512, 0x66);
  view.setUint8(513, 0x44);
  view.setUint32(516, namespaces, true);
  // Dataset Management and Write Zeroes.
  view.setUint16(520, 0b1100, true);
  // A volatile write cache, which Flush can empty for all namespaces at once.
  view.setUint8(525, 0b111);
  bytes.set(new TextEncoder().encode('nqn.2026-01.org.bd0:nvme'), 768);
  // Power state 0: 25 W.
  view.setUint16(2048, 2500, true);
  return bytes;
}

/** Figure 245 "Identify Namespace Data Structure". */
function namespaceData({ lengthBytes }: Disk, namespace: number): Uint8Array {
  const { bytes, view } = page();
  const sectors = BigInt(lengthBytes / SECTOR_BYTES);
  for (const at of [0, 8, 16]) view.setBigUint64(at, sectors, true);
  // What was deallocated reads as zeros, and Write Zeroes may deallocate.
  view.setUint8(33, 0b1001);
  bytes.set(extendedIdentifier(namespace), 120);
  view.setUint8(130, SECTOR_LOG);
  return bytes;
}

/** The namespaces with numbers above one, ascending. */
function namespaceList(count: number, above: number): Uint8Array {
  const { bytes, view } = page();
  for (let namespace = above + 1; namespace <= count; namespace++)
    view.setUint32(4 * (namespace - above - 1), namespace, true);
  return bytes;
}

/** Figure 249 "Namespace Identification Descriptor". */
function namespaceDescriptors(namespace: number): Uint8Array {
  const { bytes } = page();
  bytes.set([EUI_64, EUI_64_BYTES, 0, 0, ...extendedIdentifier(namespace)]);
  return bytes;
}

/** An EUI-64 that is administered locally: "bd0" and the number of the namespace. */
function extendedIdentifier(namespace: number): number[] {
  return [0x02, 0x62, 0x64, 0x30, 0, 0, 0, namespace];
}
