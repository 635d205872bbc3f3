/** Parses canonical records: design/vmo.md "Identity". */

import { hexToBytes } from '@noble/hashes/utils.js';
import {
  CanonicalHasher,
  type HashFunction,
  MAX_LEVEL,
  NODE_OFFSET,
  ROOT_OFFSET,
  ZERO_LEAF,
} from '../../vmo/content/canonical-form.js';
import { bytesToHex } from '../../bits.js';
import { Kind, recordOfKept } from './packs/pack-format.js';

/** A root record. */
export interface Root {
  readonly lengthBytes: number;
  /** The node or leaf at heightOf(lengthBytes). */
  readonly top: Uint8Array;
}

/** What a root says, which was found by its hash. */
export function readRoot(record: Uint8Array): Root {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  return {
    lengthBytes: Number(view.getBigUint64(ROOT_OFFSET.length, true)),
    top: record.slice(ROOT_OFFSET.top),
  };
}

/** The hashes of the two halves of a node, which was found by its hash. */
export function readNode(record: Uint8Array): { left: Uint8Array; right: Uint8Array } {
  return { left: record.slice(NODE_OFFSET.left, NODE_OFFSET.right), right: record.slice(NODE_OFFSET.right) };
}

/** The records of zero subtrees, which are never kept: every store has them. */
export class ZeroRecords {
  private readonly records = new Map<string, Uint8Array>();
  /** Says of nearly every other hash that it is none of them. */
  private readonly firstWords = new Set<number>();

  constructor(hash: HashFunction) {
    this.enter(hexToBytes(ZERO_LEAF), recordOfKept(Kind.leaf, new Uint8Array(0)));
    let below: Uint8Array = hexToBytes(ZERO_LEAF);
    const hasher = new CanonicalHasher((record) => {
      const digest = hash(record);
      this.enter(digest, record.slice());
      return digest;
    });
    for (let level = 1; level <= MAX_LEVEL; level++) below = hasher.node(level, below, below);
  }

  /** The record of a hash, if it is that of a zero subtree. */
  get(hash: Uint8Array): Uint8Array | undefined {
    return this.firstWords.has(firstWord(hash)) ? this.records.get(bytesToHex(hash)) : undefined;
  }

  has(hash: Uint8Array): boolean {
    return this.firstWords.has(firstWord(hash)) && this.records.has(bytesToHex(hash));
  }

  private enter(hash: Uint8Array, record: Uint8Array): void {
    this.records.set(bytesToHex(hash), record);
    this.firstWords.add(firstWord(hash));
  }
}

function firstWord(hash: Uint8Array): number {
  return (hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!;
}
