import type { VmoHandle } from '../../../vmo/handle.js';
import type { MappedFile } from '../../memory/mapping.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { bytesOfText } from '../files/byte-text.js';
import { MAY_EXECUTE } from '../files/constants.js';
import {
  CAP_SYS_PTRACE,
  credentialsAfterExec,
  isCapable,
  requireAccess,
  type ProcessCredentials,
} from '../files/credentials.js';
import type { FileSystem } from '../files/file-system.js';
import { mappedFileNamed } from '../files/mapped-file.js';
import type { NamedFile } from '../files/notify/watch.js';
import { isDirectory } from '../files/tree/directory.js';
import { RegularFile, type Inode } from '../files/tree/inode.js';
import { walk, type Walker } from '../files/tree/path-walk.js';
import type { LinuxProcess } from '../linux-process.js';
import { LINE_BYTES, interpreterOf } from './script.js';

/** Interpreters of interpreters: BINPRM_MAX_RECURSION of Linux. */
const SCRIPTS_MAX = 5;

/** A program that is asked for. */
export interface ProgramRequest {
  /** What AT_EXECFN tells. */
  readonly path: string;
  /** What lies there. */
  readonly file: NamedFile;
  /** The path begins at a descriptor that the program does not have: an interpreter could not open it. */
  readonly isPathLost?: boolean;
  readonly argv: readonly Uint8Array[];
}

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
export function findProgram(context: LinuxContext, request: ProgramRequest): FoundProgram {
  const { system, linux } = context;
  const { fileSystem } = system;
  const { credentials, directory, root } = linux.place;
  const walker: Walker = { credentials, root, start: directory, pid: linux.pid };
  let { path, file, argv } = request;
  for (let scripts = 0; scripts <= SCRIPTS_MAX; scripts++) {
    const { inode } = file;
    if (isDirectory(inode) || !(inode instanceof RegularFile)) throw new LinuxError(LinuxErrno.EACCES);
    requireAccess(inode, credentials, MAY_EXECUTE);
    const image = inode.content.snapshot(fileSystem);
    const script = interpreterOf(image.read(0, Math.min(image.length, LINE_BYTES)));
    if (!script) {
      const name = scripts === 0 ? request.path : path;
      const after = credentialsOfProgram(linux, inode);
      const mapped = mappedFileNamed(fileSystem, file, path);
      return { image, path: bytesOfText(name), file: mapped, argv, credentials: after };
    }
    image.close();
    if (request.isPathLost) throw new LinuxError(LinuxErrno.ENOENT);
    argv = [...script.map(bytesOfText), bytesOfText(path), ...argv.slice(1)];
    path = script[0]!;
    file = fileAt(fileSystem, walker, path);
  }
  throw new LinuxError(LinuxErrno.ELOOP);
}

/** A program gets no privileges by its file while a tracer without CAP_SYS_PTRACE watches. security/commoncap.c, LSM_UNSAFE_PTRACE */
function credentialsOfProgram({ place, family }: LinuxProcess, inode: Inode): ProcessCredentials {
  const { credentials } = place;
  const { noNewPrivileges } = credentials;
  const isSafe = family.traces.every(({ tracer }) => isCapable(tracer!.place.credentials, CAP_SYS_PTRACE));
  if (isSafe) return credentialsAfterExec(credentials, inode);
  return { ...credentialsAfterExec({ ...credentials, noNewPrivileges: true }, inode), noNewPrivileges };
}

function fileAt(files: FileSystem, walker: Walker, path: string): NamedFile {
  const { inode, ...knownAs } = walk(files, walker, path, 'follow');
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  return { inode, knownAs };
}
