import type { VmoHandle } from '../../vmo/handle.js';
import { LinuxStart, type LinuxStartTarget } from '../linux/program/linux-start.js';
import type { StartOptions } from './loader.js';
import { ProgramStart, type ProgramBeginning } from './program-start.js';

export type { ProgramBeginning };

/** Begins to start a program. Throws KernelError EINVAL. */
export function beginProgram(target: LinuxStartTarget, image: VmoHandle, options: StartOptions): ProgramBeginning {
  return options.linux ? new LinuxStart(target, image, options) : new ProgramStart(target, image, options);
}
