import type { HostLines } from '../../host/console/host-lines.js';
import { libraryPathAt } from '../../index.js';
import type { CodeNames, Computer, PlacedLibrary, Surroundings, TrapReport, VmoHandle } from '../../index.js';
import { Interrupted, type Interruption } from './interruption.js';

/** A file that lies at an address that a report mentions: a library, perhaps. */
interface MappedFile {
  readonly pid: number;
  readonly linear: bigint;
  readonly file: VmoHandle;
  readonly offset: number;
  /** By which the process has loaded it, if that is known. */
  readonly path: string | undefined;
}

/** A report, the images of its process and of the others that it mentions, and what else is mapped where it points to. */
interface Evidence {
  readonly report: TrapReport;
  readonly images: ReadonlyMap<number, { readonly image: VmoHandle; readonly entry: number }>;
  readonly files: readonly MappedFile[];
}

export interface TrapReportsOptions {
  /** Returns the machine, of which `onTrap` is a hook. */
  readonly machine: () => Computer;
  /** Called when there is a report to tell. */
  readonly onUntold: () => void;
  /** Takes the reports. */
  readonly lines: HostLines;
  readonly interruption: Interruption;
}

/**
 * The traps of all processes: recorded when they happen, and reported on stderr once the output before them is written.
 * Reports are work of the host, in steps, during which the machine is paused.
 */
export class TrapReports {
  private readonly untold: Evidence[] = [];
  /** The last spurious write that a person was asked about. */
  private toldAlready: TrapReport | undefined;

  constructor(private readonly options: TrapReportsOptions) {}

  /** The process still lives, and its image with it. */
  readonly onTrap = (report: TrapReport): void => {
    if (this.isLeftToParent(report)) return;
    if (report.spuriousWrite && report.spuriousWrite === this.toldAlready?.spuriousWrite) return;
    this.untold.push(this.evidenceOf(report));
    this.options.onUntold();
  };

  /** Reports the oldest trap that has not been reported, as a block of lines. */
  async tellFirst(): Promise<void> {
    const evidence = this.untold.shift();
    if (evidence) await this.tellWith(evidence);
  }

  /** Reports a trap before the machine continues. */
  async tell(report: TrapReport): Promise<void> {
    this.toldAlready = report;
    await this.tellWith(this.evidenceOf(report));
  }

  /** As on Linux, a process that another one has forked dies silently of a signal: its parent learns it, and says what it likes. */
  private isLeftToParent({ cause, pid }: TrapReport): boolean {
    return cause === 'exception' && this.options.machine().findProcess(pid)?.linux?.isForked === true;
  }

  private evidenceOf(report: TrapReport): Evidence {
    const computer = this.options.machine();
    const processes = pidsOf(report).flatMap((pid) => computer.findProcess(pid) ?? []);
    const images = processes.map(({ pid, image, description: { entry } }) => {
      return [pid, { image: computer.store.slice(image, 0, image.length), entry }] as const;
    });
    return { report, images: new Map(images), files: this.filesOf(report) };
  }

  private filesOf({ rip, place, refused }: TrapReport): MappedFile[] {
    const computer = this.options.machine();
    const fileAt = (linear: bigint, surroundings: Surroundings | undefined): MappedFile[] => {
      const { pid, mapping: { vmo } = {} } = surroundings ?? {};
      const process = pid === undefined ? undefined : computer.findProcess(pid);
      const mappings = process?.linux?.memory.region.mappings ?? [];
      const found = vmo && mappings.find(({ backing }) => backing?.vmo.contentId === vmo.id)?.backing?.vmo;
      if (!process || !found) return [];
      // The program itself is in no list of libraries, and does not say what it is called.
      const ofProgram = found.contentId === process.image.contentId ? process.name : undefined;
      const path = libraryPathAt(computer, process, linear) ?? ofProgram;
      const file = computer.store.slice(found, 0, found.length);
      return [{ pid: process.pid, linear, offset: vmo.offset, file, path }];
    };
    const accessed = refused && BigInt.asUintN(64, BigInt.asIntN(48, BigInt(refused.address)));
    return [...fileAt(rip, place), ...(accessed === undefined ? [] : fileAt(accessed, refused!.surroundings))];
  }

  private async tellWith(evidence: Evidence): Promise<void> {
    const { report, images, files } = evidence;
    const { trapText } = await import('./trap-words.js');
    const { store } = this.options.machine();
    try {
      const placed = await this.placed(evidence);
      const [first, ...others] = trapText(report, (pid) => placed.get(pid));
      this.options.lines.tell(`bd0: ${first}`, ...others);
    } finally {
      store.closing(() => {
        for (const { image } of images.values()) image.close();
        for (const { file } of files) file.close();
      });
    }
  }

  /** Reads names and source lines; those of some images may be missing if the run is to end. */
  private async placed({ images, files }: Evidence): Promise<ReadonlyMap<number, CodeNames>> {
    const { PlacedImage, ProcessCode, readLibraryInSteps } = await import('./trap-words.js');
    const { interruption } = this.options;
    const placed = new Map<number, CodeNames>();
    try {
      for (const [pid, { image, entry }] of images) {
        const libraries: PlacedLibrary[] = [];
        placed.set(
          pid,
          new ProcessCode(await interruption.finish(PlacedImage.readInSteps(image, entry)), () => libraries),
        );
        for (const { file, offset, linear, path } of files.filter((one) => one.pid === pid)) {
          const library = await interruption.finish(readLibraryInSteps(file, offset, linear, path));
          if (library) libraries.push(library);
        }
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
    return placed;
  }
}

/** The process itself, and those whose memory appears in the report; each once. */
function pidsOf({ pid, place, refused, spuriousWrite }: TrapReport): number[] {
  const others = [
    place,
    refused?.surroundings,
    ...(spuriousWrite?.stores ?? []).map(({ surroundings }) => surroundings),
  ];
  return [...new Set([pid, ...others.flatMap((surroundings) => surroundings?.pid ?? [])])];
}
