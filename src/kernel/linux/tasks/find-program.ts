import type { VmoHandle } from '../../../vmo/handle.js';
import type { MappedFile } from '../../memory/mapping.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { bytesOfText } from '../files/byte-text.js';
import { MAY_EXECUTE } from '../files/constants.js';
import { credentialsAfterExec, requireAccess, type ProcessCredentials } from '../files/credentials.js';
import { realPath } from '../files/of-machine.js';
import { isDirectory } from '../files/tree/directory.js';
import { RegularFile } from '../files/tree/inode.js';
import { lookUp, type Walker } from '../files/tree/path-walk.js';
import { LINE_BYTES, interpreterOf } from './script.js';

/** Interpreters of interpreters: BINPRM_MAX_RECURSION of Linux. */
const SCRIPTS_MAX = 5;

/** A program that can be loaded, and how. */
export interface FoundProgram {
  /** The caller's. */
  readonly image: VmoHandle;
  /** What AT_EXECFN tells. */
  readonly path: Uint8Array;
  /** The file of the image. */
  readonly file: MappedFile;
  readonly argv: readonly Uint8Array[];
  /** Those of the process, once it runs. */
  readonly credentials: ProcessCredentials;
}

/**
 * The program of a path: an ELF file, or the interpreter of a script, which gets the script as an argument (fs/binfmt_script.c).
 * Throws LinuxError: as path lookup does, EACCES for what is no file that may be executed, ENOEXEC, ELOOP.
 */
export function findProgram(
  context: LinuxContext,
  request: { readonly path: string; readonly argv: readonly Uint8Array[] },
): FoundProgram {
  const { system, linux } = context;
  const { fileSystem } = system;
  const { credentials, directory, root } = linux.place;
  const walker: Walker = { credentials, root, start: directory, pid: linux.pid };
  let { path, argv } = request;
  for (let scripts = 0; scripts <= SCRIPTS_MAX; scripts++) {
    const inode = lookUp(fileSystem, walker, path);
    if (isDirectory(inode) || !(inode instanceof RegularFile)) throw new LinuxError(LinuxErrno.EACCES);
    requireAccess(inode, credentials, MAY_EXECUTE);
    const image = inode.content.snapshot(fileSystem);
    const script = interpreterOf(image.read(0, Math.min(image.length, LINE_BYTES)));
    if (!script) {
      const name = scripts === 0 ? request.path : path;
      const real = realPath(fileSystem, linux.place, bytesOfText(path), linux.pid);
      const file = { path: real, fileSystem: inode.fileSystem, number: inode.number };
      const after = credentialsAfterExec(credentials, inode);
      return { image, path: bytesOfText(name), file, argv, credentials: after };
    }
    image.close();
    argv = [...script.map(bytesOfText), bytesOfText(path), ...argv.slice(1)];
    path = script[0]!;
  }
  throw new LinuxError(LinuxErrno.ELOOP);
}
