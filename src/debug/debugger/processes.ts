import { KERNEL_CALLS } from '../../kernel/calls/index.js';
import type { Kernel } from '../../kernel/kernel.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { windowOf } from '../../kernel/memory/view.js';
import { hasGuard } from '../../kernel/program/layout.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { Thread } from '../../kernel/tasks/thread.js';
import { PAGE_SIZE } from '../../bits.js';
import type { MappedImages } from './mapped-images.js';
import type { DebugProcess, DebugThread, DebugThreadState } from '../target.js';

const ELF_HEADER_BYTES = 64;
/** Offset of e_entry in an ELF header. System V gABI chapter 4 "ELF Header". */
const ENTRY_OFFSET = 24;

const CALL_NAMES = new Map(KERNEL_CALLS.map(({ number, name }) => [number, name]));

/** A process as debuggers see it. */
export function debugProcess(kernel: Kernel, process: Process, mapped: MappedImages): DebugProcess {
  const { pid, name, entry, imageId, description, threads } = process;
  return {
    ...{ pid, name, entry, imageId, parent: description.parent },
    base: loadOffset(process),
    linuxPid: process.linux?.pid,
    threads: threads.map((thread) => debugThread(kernel, thread)),
    image: () => process.image.read(0, process.image.length),
    libraries: () => mapped.of(process),
  };
}

/** A thread as debuggers see it. */
export function debugThread(kernel: Kernel, thread: Thread): DebugThread {
  const { tid, process, stack, pending } = thread;
  const place = process.threads.indexOf(thread);
  const start = stack.guard + (hasGuard(stack) ? PAGE_SIZE : 0);
  return {
    tid,
    pid: process.pid,
    name: place === 0 ? process.name : `${process.name}/${place + 1}`,
    state: stateOf(kernel, thread),
    call: pending && CALL_NAMES.get(pending.number),
    stack: {
      start: toLinear(windowOf(process.view, start)),
      end: toLinear(windowOf(process.view, stack.end - 1)) + 1n,
    },
  };
}

/** Added to addresses in the image of a process, modulo 2^64. */
function loadOffset({ image, entry }: Process): bigint {
  const header = image.read(0, ELF_HEADER_BYTES);
  const linked = new DataView(header.buffer, header.byteOffset).getBigUint64(ENTRY_OFFSET, true);
  return BigInt.asUintN(64, entry - linked);
}

function stateOf(kernel: Kernel, thread: Thread): DebugThreadState {
  const { pending } = thread;
  const wait = pending?.answer === undefined ? pending?.wait : undefined;
  if (wait) return wait.for === 'input' ? 'waiting for input' : wait.for ? 'waiting' : 'sleeping';
  if (thread === kernel.currentThread) return 'running';
  return pending && pending.answer === undefined ? 'in a call' : 'ready';
}
