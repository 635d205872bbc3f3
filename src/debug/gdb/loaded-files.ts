import { pidText } from '../../kernel/tasks/process-table.js';
import { LinkedLibraries } from '../linked-libraries.js';
import type { DebugProcess, DebugTarget } from '../target.js';
import { auxiliaryVector } from './auxiliary-vector.js';
import { bareHeader, pathOf, RemoteFiles, type Extent, type LoadedFile } from './remote-files.js';

/** A file, as it is described to a debugger. */
export interface NamedFile extends LoadedFile {
  readonly path: string;
}

/**
 * The executable and the libraries of all processes, as one process of the debugger has them.
 *
 * A debugger learns where the executable lies only once, when it connects. After execve, an executable that can lie anywhere
 * is therefore one without symbols, and the image is a library like those of other processes.
 */
export class LoadedFiles {
  readonly files = new RemoteFiles((path) => this.find(path));
  private readonly libraries: LinkedLibraries;
  /** Whether the program is another one than it was when the debugger connected. */
  private hasExecuted = false;

  constructor(
    private readonly target: DebugTarget,
    private readonly program: () => DebugProcess | undefined,
  ) {
    this.libraries = new LinkedLibraries(target);
  }

  /** The program has begun another image. */
  executed(): void {
    this.hasExecuted = true;
  }

  /** The file that the debugger takes for the executable. */
  get executable(): NamedFile | undefined {
    const program = this.program();
    // Of some kernels there is none that a debugger could read.
    if (!program || program.imageId === '') return undefined;
    const file = { path: pathOf(program), base: program.base, imageId: program.imageId, image: () => program.image() };
    if (!this.isMoved(program)) return file;
    // Another file than the image itself is in the eyes of the debugger, which keeps what it has read.
    const imageId = [...program.imageId].reverse().join('');
    return { ...file, imageId, image: () => bareHeader(program.image()) };
  }

  /**
   * All others. Of files that lie at the same addresses only the first is among them, and the program's come first: processes
   * that were forked have the same files, or begin other programs where their parent has its own.
   */
  get others(): NamedFile[] {
    const { executable, files } = this;
    const program = this.program();
    const processes = [...this.target.processes].sort(
      (a, b) => Number(b.pid === program?.pid) - Number(a.pid === program?.pid),
    );
    const taken: Extent[] = executable && !this.isMoved(executable) ? [files.extentOf(executable)] : [];
    const paths = new Set<string>();
    return processes
      .flatMap((process) => this.filesOf(process, process.pid === program?.pid))
      .flatMap((file) => {
        const { start, end } = files.extentOf(file);
        if (taken.some((other) => start < other.end && end > other.start)) return [];
        taken.push({ start, end });
        // A debugger tells libraries by their names.
        const path = paths.has(file.path) ? `${file.path}@${file.base.toString(16)}` : file.path;
        paths.add(path);
        return [{ ...file, path }];
      });
  }

  /** Where a thread of a process comes by when its libraries have changed. */
  changeAddress(process: DebugProcess): bigint | undefined {
    return this.libraries.changeAddress(process);
  }

  /** What Linux has told the program about itself when it began it; undefined if it is no program of Linux. */
  get auxiliaryVector(): Uint8Array | undefined {
    const program = this.program();
    if (program?.linuxPid === undefined) return undefined;
    return auxiliaryVector(program, this.libraries.dynamicLinkerOf(program)?.base ?? 0n);
  }

  private find(path: string): LoadedFile | undefined {
    const { executable } = this;
    return executable?.path === path ? executable : this.others.find((file) => file.path === path);
  }

  private filesOf(process: DebugProcess, isProgram: boolean): NamedFile[] {
    const { base, imageId } = process;
    if (imageId === '') return [];
    const path =
      isProgram && this.isMoved(process) ? `/process/${pidText(process.pid)}/image/${process.name}` : pathOf(process);
    const image = { path, base, imageId, image: () => process.image() };
    const libraries = this.libraries.of(process).map((library) => ({
      ...library,
      path: isProgram && library.path.startsWith('/') ? library.path : libraryPath(process, library.path),
    }));
    return [image, ...libraries];
  }

  private isMoved({ base }: { readonly base: bigint }): boolean {
    return this.hasExecuted && base !== 0n;
  }
}

function libraryPath({ pid }: DebugProcess, path: string): string {
  return `/process/${pidText(pid)}${path.startsWith('/') ? '' : '/'}${path}`;
}
