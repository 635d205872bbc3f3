/** A bare machine that is about to enter guest/kernel. */
import { Board, type BareEngine, type BoardDisk } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import { sha256 } from '../../src/host/sha256.js';
import { guestKernel } from './guest-kernel.js';

/** With others, it prints another size of memory. */
const MEMORY_BYTES = 64 * 2 ** 20;

export interface KernelMachine {
  readonly board: Board;
  /** Bytes that it has sent over the serial port. */
  readonly sent: number[];
}

export function kernelMachine(
  engine: BareEngine,
  memoryBytes = MEMORY_BYTES,
  disks: readonly BoardDisk[] = [],
): KernelMachine {
  const sent: number[] = [];
  const board = new Board({ memoryBytes, engine, sha256, disks, send: (byte) => sent.push(byte) });
  boot(board, { name: 'kernel', kernel: guestKernel(), commandLine: '' });
  return { board, sent };
}
