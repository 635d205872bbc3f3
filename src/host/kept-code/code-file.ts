/**
 * The file in which what runs of a program have found hot is kept, little-endian:
 *
 *     +0   8 bytes  `bd0hot` and two bytes of the version
 *     +8   32 bytes SHA-256 of all that follows
 *     +40  u32      n, bytes of the description
 *     +44  n bytes  JSON: regions and samples; of the modules and the machine code, the lengths
 *     ...           for each region its module, then its machine code
 */
import { type KeptCode, type KeptRegion, type KeptSamples } from '../../index.js';
import { sha256 } from '../sha256.js';

const MAGIC = Buffer.from('bd0hot\x00\x01', 'latin1');
const HASH_BYTES = 32;
const LENGTH_AT = MAGIC.length + HASH_BYTES;
const TEXT_AT = LENGTH_AT + 4;

interface DescribedRegion extends Omit<KeptRegion, 'record' | 'machineCode'> {
  readonly key: string;
  readonly entries: readonly number[];
  readonly minimumTicks: number;
  /** Block and best entry, by twos. */
  readonly bestEntries: readonly number[];
  readonly moduleBytes: number;
  /** 0 if there is none. */
  readonly machineCodeBytes: number;
}

interface Description {
  readonly regions: readonly DescribedRegion[];
  readonly samples: readonly KeptSamples[];
}

export function encodeKeptCode({ regions, samples }: KeptCode): Uint8Array {
  const described = regions.map(({ record, machineCode, ...rest }) => ({
    ...rest,
    key: Buffer.from(record.key).toString('hex'),
    entries: record.entries.map(Number),
    minimumTicks: record.minimumTicks,
    bestEntries: [...record.bestEntries].flat().map(Number),
    moduleBytes: record.bytes.length,
    machineCodeBytes: machineCode?.length ?? 0,
  }));
  const description: Description = { regions: described, samples };
  const text = Buffer.from(JSON.stringify(description));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const parts = regions.flatMap(({ record, machineCode }) => [record.bytes, machineCode ?? new Uint8Array(0)]);
  const content = Buffer.concat([length, text, ...parts]);
  return Buffer.concat([MAGIC, sha256(content), content]);
}

/** What a file holds; undefined unless it is whole and of this version. */
export function decodeKeptCode(file: Uint8Array): KeptCode | undefined {
  if (file.length < TEXT_AT || Buffer.compare(file.subarray(0, MAGIC.length), MAGIC) !== 0) return undefined;
  if (Buffer.compare(file.subarray(MAGIC.length, LENGTH_AT), sha256(file.subarray(LENGTH_AT))) !== 0) return undefined;
  const textBytes = Buffer.from(file.buffer, file.byteOffset + LENGTH_AT, 4).readUInt32LE();
  let at = TEXT_AT + textBytes;
  const text = Buffer.from(file.buffer, file.byteOffset + TEXT_AT, textBytes).toString();
  const { regions, samples } = JSON.parse(text) as Description;
  const take = (length: number): Uint8Array => file.subarray(at, (at += length));
  const decoded = regions.map((described) => {
    const { key, entries, minimumTicks, bestEntries, moduleBytes, machineCodeBytes, ...rest } = described;
    const best = Array.from({ length: bestEntries.length / 2 }, (_, i): [bigint, bigint] => [
      BigInt(bestEntries[2 * i]!),
      BigInt(bestEntries[2 * i + 1]!),
    ]);
    const record = {
      ...{ key: Buffer.from(key, 'hex'), minimumTicks },
      entries: entries.map(BigInt),
      bestEntries: new Map(best),
      bytes: take(moduleBytes),
    };
    const machineCode = take(machineCodeBytes);
    return { ...rest, record, machineCode: machineCodeBytes > 0 ? machineCode : undefined };
  });
  return { regions: decoded, samples };
}
