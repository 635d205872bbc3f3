/** A bare machine that is about to enter a kernel of guest/. */
import { Board, type BoardOptions } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { sha256 } from '../../src/host/sha256.js';
import { guestKernel, type GuestKernel } from './guest-kernel.js';

/** With others, it prints another size of memory. */
const MEMORY_BYTES = 64 * 2 ** 20;

export interface KernelMachine {
  readonly board: Board;
  /** Bytes that it has sent over the serial port. */
  readonly sent: number[];
}

/** A machine with guest/kernel, or another one with a command line. */
export function kernelMachine(
  engine: Engine,
  options: Partial<BoardOptions> = {},
  [which, commandLine]: readonly [GuestKernel, string] = ['kernel', ''],
): KernelMachine {
  const sent: number[] = [];
  const board = new Board({ memoryBytes: MEMORY_BYTES, engine, sha256, send: (byte) => sent.push(byte), ...options });
  boot(board, { name: 'kernel', kernel: guestKernel(which), commandLine });
  return { board, sent };
}
