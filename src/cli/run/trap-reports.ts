import { describeTrap, type Computer, type TrapReport, type VmoHandle } from '../../index.js';
import { writeToStderr } from '../../host/console/host-output.js';

/** A report, and what its process and its neighbours were made from. */
interface Evidence {
  readonly report: TrapReport;
  readonly images: ReadonlyMap<number, { readonly image: VmoHandle; readonly entry: number }>;
}

/** What puts a report into words. */
type Teller = typeof import('./trap-words.js');

/** The traps of all processes: taken down when they happen, and told on stderr when the output before them is out. */
export class TrapReports {
  private readonly untold: Evidence[] = [];
  private teller: Teller | undefined;
  /** The last report that was told at once. */
  private toldNow: TrapReport | undefined;

  /** `machine` answers the machine, of which `onTrap` is a hook; `onUntold` is told that there is something to tell. */
  constructor(
    private readonly machine: () => Computer,
    private readonly onUntold: () => void = () => {},
  ) {}

  /** The process lives still, and its image with it. */
  readonly onTrap = (report: TrapReport): void => {
    if (report.spuriousWrite && report.spuriousWrite === this.toldNow?.spuriousWrite) return;
    this.untold.push(this.evidenceOf(report));
    this.onUntold();
  };

  /** Tells the first trap that has not been told, in a block of lines. What it takes is loaded for the first one. */
  async tellFirst(): Promise<void> {
    const evidence = this.untold.shift();
    if (evidence) tellWith(await this.load(), evidence);
  }

  /** Tells a trap before the machine goes on: without symbols where what `load` brings has not come yet. */
  tellNow(report: TrapReport): void {
    this.toldNow = report;
    if (this.teller) tellWith(this.teller, this.evidenceOf(report));
    else writeToStderr(...describeTrap(report).map((line, i) => (i === 0 ? `bd0: ${line}` : `  ${line}`)));
  }

  /** Loads what it takes to tell something. */
  async load(): Promise<Teller> {
    return (this.teller = await import('./trap-words.js'));
  }

  private evidenceOf(report: TrapReport): Evidence {
    const computer = this.machine();
    const processes = pidsOf(report).flatMap((pid) => computer.findProcess(pid) ?? []);
    const images = processes.map(({ pid, image, description: { entry } }) => {
      return [pid, { image: computer.store.slice(image, 0, image.length), entry }] as const;
    });
    return { report, images: new Map(images) };
  }
}

function tellWith({ trapText, PlacedImage }: Teller, { report, images }: Evidence): void {
  const placed = new Map(Array.from(images, ([pid, { image, entry }]) => [pid, new PlacedImage(image, entry)]));
  const [first, ...others] = trapText(report, (pid) => placed.get(pid));
  writeToStderr(`bd0: ${first}`, ...others);
  for (const { image } of images.values()) image.close();
}

/** The process itself, and those whose memory the report tells of; each once. */
function pidsOf({ pid, place, refused, spuriousWrite }: TrapReport): number[] {
  const others = [
    place,
    refused?.surroundings,
    ...(spuriousWrite?.stores ?? []).map(({ surroundings }) => surroundings),
  ];
  return [...new Set([pid, ...others.flatMap((surroundings) => surroundings?.pid ?? [])])];
}
