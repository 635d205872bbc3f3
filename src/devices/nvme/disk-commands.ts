import { SECTOR_BYTES, type Disk } from '../disk.js';
import type { DirectMemory } from '../direct-access.js';
import { STATUS, readData, writeData, type Command, type Status } from './command.js';
import { MOST_DATA_BYTES } from './identify.js';

/** Opcodes of the NVM command set: NVM Express 1.4, 6. */
const FLUSH = 0x00;
const WRITE = 0x01;
const READ = 0x02;
const WRITE_ZEROES = 0x08;
const DATASET_MANAGEMENT = 0x09;

/** Of dword 12: what is written is durable when the command completes. */
const FORCE_UNIT_ACCESS = 1 << 30;
const DEALLOCATE = 1 << 2;
const ALL_NAMESPACES = 0xffff_ffff;
const DATASET_RANGE_BYTES = 16;

/** Performs a command of an I/O queue. */
export function performOnDisk(command: Command, disks: readonly Disk[], memory: DirectMemory): Status {
  const { opcode, namespace } = command;
  const disk = disks[namespace - 1];
  if (opcode === FLUSH) {
    if (!disk && namespace !== ALL_NAMESPACES) return STATUS.invalidNamespace;
    for (const flushed of disk ? [disk] : disks) flushed.flush();
    return STATUS.success;
  }
  if (!disk) return STATUS.invalidNamespace;
  switch (opcode) {
    case WRITE:
      return write(command, disk, memory);
    case READ:
      return read(command, disk, memory);
    case WRITE_ZEROES:
      return writeZeros(command, disk);
    case DATASET_MANAGEMENT:
      return manageDataset(command, disk, memory);
    default:
      return STATUS.invalidOpcode;
  }
}

/** The bytes that dwords 10 to 12 name. */
function rangeOf({ dwords }: Command): { readonly offset: number; readonly lengthBytes: number } {
  const sector = dwords[11]! * 2 ** 32 + dwords[10]!;
  return { offset: sector * SECTOR_BYTES, lengthBytes: ((dwords[12]! & 0xffff) + 1) * SECTOR_BYTES };
}

function write(command: Command, disk: Disk, memory: DirectMemory): Status {
  const { offset, lengthBytes } = rangeOf(command);
  if (lengthBytes > MOST_DATA_BYTES) return STATUS.invalidField;
  if (offset + lengthBytes > disk.lengthBytes) return STATUS.outOfRange;
  const data = readData(memory, command, lengthBytes);
  if (typeof data === 'number') return data;
  disk.write(offset, data);
  return durable(command, disk);
}

function read(command: Command, disk: Disk, memory: DirectMemory): Status {
  const { offset, lengthBytes } = rangeOf(command);
  if (lengthBytes > MOST_DATA_BYTES) return STATUS.invalidField;
  if (offset + lengthBytes > disk.lengthBytes) return STATUS.outOfRange;
  return writeData(memory, command, disk.read(offset, lengthBytes));
}

function writeZeros(command: Command, disk: Disk): Status {
  const { offset, lengthBytes } = rangeOf(command);
  if (offset + lengthBytes > disk.lengthBytes) return STATUS.outOfRange;
  disk.writeZeros(offset, lengthBytes);
  return durable(command, disk);
}

function durable({ dwords }: Command, disk: Disk): Status {
  if (dwords[12]! & FORCE_UNIT_ACCESS) disk.flush();
  return STATUS.success;
}

/** Deallocated sectors read as zeros. All ranges are checked before the first changes. */
function manageDataset(command: Command, disk: Disk, memory: DirectMemory): Status {
  const count = (command.dwords[10]! & 0xff) + 1;
  if (!(command.dwords[11]! & DEALLOCATE)) return STATUS.success;
  const data = readData(memory, command, count * DATASET_RANGE_BYTES);
  if (typeof data === 'number') return data;
  const view = new DataView(data.buffer, data.byteOffset);
  const ranges = Array.from({ length: count }, (_, index) => ({
    offset: Number(view.getBigUint64(index * DATASET_RANGE_BYTES + 8, true)) * SECTOR_BYTES,
    lengthBytes: view.getUint32(index * DATASET_RANGE_BYTES + 4, true) * SECTOR_BYTES,
  }));
  if (ranges.some(({ offset, lengthBytes }) => offset + lengthBytes > disk.lengthBytes)) return STATUS.outOfRange;
  for (const { offset, lengthBytes } of ranges) if (lengthBytes > 0) disk.writeZeros(offset, lengthBytes);
  return STATUS.success;
}
