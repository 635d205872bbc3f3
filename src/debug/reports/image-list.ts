import { fromLinear } from '../../kernel/memory/linear-address.js';
import { imageOf } from '../../kernel/program/elf-fields.js';
import { VmoHandleError } from '../../vmo/errors.js';
import { finished } from '../../vmo/steps.js';
import { LinkedLibraries, type LinkedLibrary } from '../linked-libraries.js';
import { fileName, PlacedImage } from './placed-image.js';
import { ProcessCode, type PlacedLibrary } from './process-code.js';
import type { DebugProcess, DebugTarget } from '../target.js';

/** The code of a process. */
export interface OwnedCode {
  readonly pid: number;
  readonly code: ProcessCode;
}

/** The code of live processes, then that of processes that have ended. */
export class ImageList {
  all: readonly OwnedCode[] = [];
  private readonly byProcess = new Map<string, OwnedCode & { readonly libraries: LibraryList }>();
  /** What was read, by image and place: processes that were forked have the same. */
  private readonly byPlace = new Map<string, PlacedImage>();
  private readonly linked: LinkedLibraries;

  constructor(private readonly target: DebugTarget) {
    this.linked = new LinkedLibraries(target);
  }

  /** Looks for processes that have started or ended, and for libraries that were loaded or unloaded. */
  refresh(): void {
    for (const { libraries } of this.byProcess.values()) libraries.process = undefined;
    const live = this.target.processes.map((process) => this.codeOf(process));
    this.all = [...live, ...[...this.byProcess.values()].filter((owned) => !live.includes(owned))];
  }

  /** The address that a thread of the process reaches whenever libraries have come or gone; undefined if there is none. */
  changeAddress(process: DebugProcess): bigint | undefined {
    return this.linked.changeAddress(process);
  }

  private codeOf(process: DebugProcess): OwnedCode & { readonly libraries: LibraryList } {
    const { pid, imageId } = process;
    const entry = fromLinear(process.entry)!;
    const key = `${pid} ${imageId} ${entry}`;
    const known = this.byProcess.get(key);
    if (known) {
      known.libraries.process = process;
      return known;
    }
    const place = `${imageId} ${entry}`;
    const image = this.byPlace.get(place) ?? PlacedImage.read(imageOf(process.image()), entry);
    this.byPlace.set(place, image);
    const libraries = new LibraryList(process, this.linked, this.byPlace);
    const owned = { pid, libraries, code: new ProcessCode(image, () => libraries.all) };
    this.byProcess.set(key, owned);
    return owned;
  }
}

/** The libraries of a process: those that it has, and those that it had and that were read while it had them. */
class LibraryList {
  private known: readonly PlacedLibrary[] | undefined;
  private readonly wereRead = new Map<string, PlacedLibrary>();

  constructor(
    private owner: DebugProcess | undefined,
    private readonly linked: LinkedLibraries,
    private readonly byPlace: Map<string, PlacedImage>,
  ) {}

  /** The process as it is now; undefined if it has ended. */
  set process(process: DebugProcess | undefined) {
    this.owner = process;
    this.known = undefined;
  }

  get all(): readonly PlacedLibrary[] {
    this.known ??= this.find();
    return this.known;
  }

  private find(): readonly PlacedLibrary[] {
    const mapped = this.owner ? this.linked.of(this.owner).map((library) => this.placed(library)) : [];
    const former = [...this.wereRead.values()].filter(
      ({ start, end }) => !mapped.some((library) => start < library.end && end > library.start),
    );
    return [...mapped, ...former];
  }

  private placed(library: LinkedLibrary): PlacedLibrary {
    const { start, end, path, base, imageId } = library;
    const key = `${imageId} at base ${base}`;
    const read = (): PlacedImage => {
      const image = this.byPlace.get(key) ?? imageAt(library);
      this.byPlace.set(key, image);
      this.wereRead.set(key, placed);
      return image;
    };
    const placed = {
      ...{ start, end, name: fileName(path) },
      get image(): PlacedImage {
        return read();
      },
    };
    return placed;
  }
}

/** Reads a library. One that was unmapped since it was found has no names. */
function imageAt({ base, image }: LinkedLibrary): PlacedImage {
  let bytes: Uint8Array = new Uint8Array(0);
  try {
    bytes = image();
  } catch (error) {
    if (!(error instanceof VmoHandleError)) throw error;
  }
  return finished(PlacedImage.readAtBaseInSteps(imageOf(bytes), base));
}
