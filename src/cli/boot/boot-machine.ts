import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { onFile } from '../../host/failure.js';
import { sha256 } from '../../host/sha256.js';
import type { HostNetwork } from '../../host/network/host-network.js';
import { Board, BootError, boot, SavedSnapshotError } from '../../index.js';
import { EXIT_NOT_RUNNABLE, Failure } from '../failure.js';
import { findSnapshot } from '../run/machine-snapshots.js';
import type { BootRequest } from './boot-options.js';
import type { BootDisks } from './disks.js';

/** A machine, and the kernel that was loaded into it. */
export interface Loaded {
  readonly board: Board;
  readonly kernel: Uint8Array | undefined;
}

type Send = (byte: number) => void;

/** What the host provides for a machine. */
export interface MachineHost {
  readonly disks: Pick<BootDisks, 'disks' | 'publishers' | 'store'>;
  readonly send: Send;
  /** For a network that is open to the host. */
  readonly networkHost: HostNetwork | undefined;
}

/** The machine of a request: a new one with a kernel, or one that was saved. Throws Failure. */
export function makeOrResume(request: BootRequest, host: MachineHost): Loaded {
  return request.resume === undefined ? make(request, host) : resume(request, host);
}

function translatorOptions(): { readonly now: () => number } {
  return { now: () => performance.now() };
}

function make(request: BootRequest, { disks: { disks }, send, networkHost: host }: MachineHost): Loaded {
  const { memoryBytes, engine, cpu: model, virtio } = request;
  const translator = translatorOptions();
  const network = request.net && { isOpen: request.net === 'host', host };
  const board = new Board({ memoryBytes, engine, translator, model, send, disks, virtio, network, sha256 });
  return { board, kernel: load(board, request) };
}

/** A machine that was saved. Throws Failure. */
function resume(
  { resume: name, engine, publish: names, net }: BootRequest,
  { disks, send, networkHost }: MachineHost,
): Loaded {
  const saved = findSnapshot(name!, disks.store, '--resume');
  try {
    const publish = disks.publishers(() => board.store);
    const board = Board.resume(saved, { engine, translator: translatorOptions(), send, sha256, publish, networkHost });
    const lacking = names[board.disks.length];
    if (lacking !== undefined)
      throw new Failure(`--publish '${lacking}' has no disk: '${name!}' has ${board.disks.length}`);
    if (net && !board.network) throw new Failure(`--net '${net}': '${name!}' was saved without a network`);
    // Its connections were those of another process.
    board.network?.restart(net === 'host');
    return { board, kernel: undefined };
  } catch (error) {
    throw error instanceof SavedSnapshotError ? new Failure(`'${name!}' cannot be resumed: ${error.message}`) : error;
  }
}

function load(board: Board, { kernel: path, initrd, append: commandLine }: BootRequest): Uint8Array {
  const read = (file: string): Uint8Array => onFile('read', file, () => new Uint8Array(readFileSync(file)));
  const kernel = read(path);
  const initialDisk = initrd === undefined ? undefined : read(initrd);
  try {
    boot(board, { name: basename(path), kernel, commandLine, initialDisk });
    return kernel;
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    throw new Failure(`cannot boot '${path}': ${error.message}`, EXIT_NOT_RUNNABLE);
  }
}
