import { hexToBytes } from '@noble/hashes/utils.js';
import { readRoot } from '../../../src/host/store/canonical-records.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import type { FileLayer } from '../../../src/host/store/file-layer.js';
import { importStream } from '../../../src/host/store/import.js';
import type { LeaseMode, ProcessTable } from '../../../src/host/store/leases.js';
import type { Reference } from '../../../src/index.js';
import { readAll } from '../../../src/host/store/reach.js';

/** A machine on which one process runs: all before it are gone. */
export const onlyProcess = (pid: number): ProcessTable => ({
  self: `${pid}-1`,
  isAlive: (process) => process === `${pid}-1`,
});

/** Bytes that a store keeps for a full disk. */
export const RESERVE = 100;

export function openIn(files: FileLayer, mode: LeaseMode = 'write', processes = onlyProcess(1)): DiskStore {
  return DiskStore.open('/store', { mode, create: true, waitMs: 0, reserveBytes: RESERVE, files, processes });
}

/** Puts bytes. Answers their identity. */
export async function putBytes(store: DiskStore, bytes: Uint8Array): Promise<string> {
  return (await importStream(store, [bytes])).id;
}

/** Collects all garbage there is. */
export const AT_ONCE = { graceMs: 0, all: true };

/** Refers to the content of a file. */
export function fileOf(id: string): Reference {
  return { id, kind: 'file' };
}

/** The bytes of an identity; undefined where it is not there. */
export function bytesOf(store: DiskStore, id: string): Uint8Array | undefined {
  const record = store.get(hexToBytes(id));
  return record && readAll(store, readRoot(record));
}

/** `length` bytes that differ by `seed` and compress, if `seed` is even. */
export function content(seed: number, length: number): Uint8Array {
  let state = (seed + 1) * 0x9e3779b1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return seed % 2 ? state >>> 24 : state >>> 30;
  });
}
