import type { Computer } from '../../computer.js';
import type { Process } from '../../kernel/tasks/process.js';
import { MappedImages } from '../debugger/mapped-images.js';
import { debugProcess } from '../debugger/processes.js';
import { LinkedLibraries } from '../linked-libraries.js';

/**
 * The path by which a process of Linux has loaded the library at a linear address, as far as its dynamic linker lists it. Libraries
 * need not say what they are called.
 */
export function libraryPathAt(computer: Computer, process: Process, linear: bigint): string | undefined {
  const { kernel } = computer.parts;
  const linked = new LinkedLibraries({
    readMemory: (at, lengthBytes) => computer.readMemory(at, lengthBytes, process),
  });
  const paths = linked.listed(debugProcess(kernel, process, new MappedImages()));
  return paths.find(({ start, end }) => linear >= start && linear < end)?.path;
}
