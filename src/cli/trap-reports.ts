import type { Computer, TrapReport, VmoHandle } from '../index.js';
import { writeToStderr } from './host-output.js';

/** A report, and what its process and its neighbours were made from. */
interface Evidence {
  readonly report: TrapReport;
  readonly images: ReadonlyMap<number, { readonly image: VmoHandle; readonly entry: number }>;
}

/** The traps of all processes: taken down when they happen, and told on stderr when the output before them is out. */
export class TrapReports {
  private readonly untold: Evidence[] = [];

  /** `machine` answers the machine, of which `onTrap` is a hook. */
  constructor(private readonly machine: () => Computer) {}

  /** The process lives still, and its image with it. */
  readonly onTrap = (report: TrapReport): void => {
    const computer = this.machine();
    const processes = pidsOf(report).flatMap((pid) => computer.findProcess(pid) ?? []);
    const images = processes.map(({ pid, image, description: { entry } }) => {
      return [pid, { image: computer.store.slice(image, 0, image.length), entry }] as const;
    });
    this.untold.push({ report, images: new Map(images) });
  };

  /** Tells what has not been told, a block of lines each. What it takes is loaded for the first one. */
  async tell(): Promise<void> {
    for (let evidence = this.untold.shift(); evidence; evidence = this.untold.shift()) {
      const { trapText } = await import('../debug/trap-text.js');
      const { PlacedImage } = await import('../debug/placed-image.js');
      const { report, images } = evidence;
      const placed = new Map(Array.from(images, ([pid, { image, entry }]) => [pid, new PlacedImage(image, entry)]));
      const [first, ...others] = trapText(report, (pid) => placed.get(pid));
      writeToStderr(`bd0: ${first}`, ...others);
      for (const { image } of images.values()) image.close();
    }
  }
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
