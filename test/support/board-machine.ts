/** A bare machine that is about to enter guest/kernel. */
import { Board, type BoardOptions } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { sha256 } from '../../src/host/sha256.js';
import { guestKernel } from './guest-kernel.js';

/** With others, it prints another size of memory. */
const MEMORY_BYTES = 64 * 2 ** 20;

export interface KernelMachine {
  readonly board: Board;
  /** Bytes that it has sent over the serial port. */
  readonly sent: number[];
}

export function kernelMachine(engine: Engine, options: Partial<BoardOptions> = {}): KernelMachine {
  const sent: number[] = [];
  const board = new Board({ memoryBytes: MEMORY_BYTES, engine, sha256, send: (byte) => sent.push(byte), ...options });
  boot(board, { name: 'kernel', kernel: guestKernel(), commandLine: '' });
  return { board, sent };
}
