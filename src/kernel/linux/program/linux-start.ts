import { cpuid } from '../../../cpu/state/cpuid.js';
import { canaryOf } from '../../program/initial-stack.js';
import type { VmoHandle } from '../../../vmo/handle.js';
import { HOST_BYTES, type HostMemory } from '../../host-memory.js';
import { PROTECTION_READ, PROTECTION_WRITE } from '../../memory/mapping.js';
import { unload } from '../../memory/unload.js';
import type { MappedFile } from '../../memory/mapping.js';
import type { View } from '../../memory/view.js';
import { programOf, type LoadedProgram, type Program, type StartOptions } from '../../program/loader.js';
import type { ProgramBeginning, StartTarget } from '../../program/program-start.js';
import type { ProcessDescription } from '../../tasks/process.js';
import { SUPERUSER } from '../files/credentials.js';
import type { FileSystem } from '../files/file-system.js';
import { mappedFileAt } from '../files/mapped-file.js';
import { directoryAt } from '../files/of-machine.js';
import type { LinuxSystem, LoadedLinuxProgram } from '../linux-system.js';
import { leaveSight, sightOf } from '../tasks/sight.js';
import { homeBytes, placeHome } from './linux-layout.js';
import { LinuxImages, loadLinux, type LinuxLoadTarget, type LinuxProgram, type LoadedLinux } from './linux-loader.js';

/** Mappings that a program may have at first. */
const MAPPINGS_AT_START = 32;
const RANDOM_BYTES = 16;
const ROOT = Uint8Array.of(0x2f);

/** What the start of a program of Linux needs besides. */
export interface LinuxStartTarget extends StartTarget {
  readonly linux: LinuxSystem;
}

/** The start of a program of Linux, in a home of its own. */
export class LinuxStart implements ProgramBeginning {
  private readonly program: Program;

  /** The image is the caller's, and must stay open until the program is started. Throws KernelError EINVAL. */
  constructor(
    private readonly target: LinuxStartTarget,
    readonly image: VmoHandle,
    readonly options: StartOptions,
  ) {
    this.program = programOf(image, options);
  }

  /** Starts it at once. Throws KernelError, with nothing changed: see `loadLinux`, ENOSPC where no home is left. */
  take(pid: number): LoadedProgram {
    const { process, thread, region, mapping } = HOST_BYTES;
    const target = loadTarget(this.target);
    target.hostMemory.require(process + thread + region + MAPPINGS_AT_START * mapping);
    const { program, image } = this;
    const images = new LinuxImages(target, image);
    try {
      const home = placeHome(target.space);
      const bytes = homeBytes(program.limitBytes);
      let view: View | undefined;
      try {
        view = sightOf(target.pager.pageTable, {
          ...{ region: home, window: home.start, usesLow: images.elf.fixed, annexes: [] },
        });
        const asked = this.asked();
        const loaded = loadLinux(target, { home, view, bytes }, images, asked);
        const description = describeLinux(program, home, bytes, loaded, pid);
        return {
          description,
          rip: loaded.rip,
          rsp: loaded.rsp,
          threadPointer: 0,
          linux: this.loaded(loaded, view, asked),
        };
      } catch (error) {
        leaveSight(target.pager.pageTable, view);
        unload(target, home);
        throw error;
      }
    } finally {
      images.close();
    }
  }

  close(): void {}

  private loaded({ memory, auxiliary }: LoadedLinux, view: View | undefined, asked: LinuxProgram): LoadedLinuxProgram {
    const { directory = ROOT, terminalSize, epoch } = this.options.linux ?? {};
    const { file, argv, environment } = asked;
    return { memory, view, program: { path: file.path, argv, environment, auxiliary }, directory, terminalSize, epoch };
  }

  private asked(): LinuxProgram {
    const { image, target } = this;
    const random = target.linux.random.bytes(RANDOM_BYTES);
    const { argv, name } = this.program;
    const { linux = {} } = this.options;
    const { path = new TextEncoder().encode(`/${name}`), environment = [], directory = ROOT } = linux;
    const file = mappedFileFrom(target.linux.fileSystem, directory, path);
    return { image, file, path, argv, environment, user: SUPERUSER, random, features: cpuid(1, 0)[3] };
  }
}

/** The file at a path that may begin at a directory. */
function mappedFileFrom(files: FileSystem, directory: Uint8Array, path: Uint8Array): MappedFile {
  return mappedFileAt(files, { credentials: SUPERUSER, start: directoryAt(files, directory) }, path);
}

function loadTarget(target: LinuxStartTarget): LinuxLoadTarget & { readonly hostMemory: HostMemory } {
  const { store, space, pager, memory, images, hostMemory, linux } = target;
  return {
    ...{ store, space, pager, memory, images, hostMemory },
    openImage: (path) => linux.openImage(path),
    mappedFileAt: (path) => mappedFileFrom(linux.fileSystem, ROOT, path),
  };
}

function describeLinux(
  { image, parent, name, nameBytes }: Program,
  region: ProcessDescription['region'],
  size: number,
  { memory, stack, entry }: LoadedLinux,
  pid: number,
): ProcessDescription {
  return {
    ...{ parent, name, nameBytes, region, entry },
    header: region.start,
    size,
    imageRegion: undefined,
    heap: memory.breakStart,
    mainStack: stack,
    stackProtection: PROTECTION_READ | PROTECTION_WRITE,
    canary: canaryOf(image.id, pid),
    threadLocal: undefined,
    imageId: image.id,
  };
}
