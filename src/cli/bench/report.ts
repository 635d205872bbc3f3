/** From samples to the table of `bd0 bench`. */
import { geometricMean, median } from './statistics.js';
import { formatMarkdown, formatText, type Table } from './table.js';
import { GROUPS, type Workload } from './workloads.js';

/** What was measured of a workload. */
export interface Result {
  readonly workload: Workload;
  readonly words: readonly string[];
  /** Instructions that a run of the BD0 image retires, the same in every run; undefined if bd0 did not run. */
  readonly instructions: number | undefined;
  /** CPU seconds of each round, by contender; those of one that is stopped early stand for the whole. */
  readonly seconds: ReadonlyMap<string, readonly number[]>;
}

/** A column: the speed of one by that of another. */
const RATIOS = [
  { of: 'auto', by: 'native', heading: 'auto/nat' },
  { of: 'auto', by: 'qemu-user', heading: 'auto/quser' },
  { of: 'auto', by: 'qemu-system', heading: 'auto/qsys' },
  { of: 'auto', by: 'bochs', heading: 'auto/bochs' },
  { of: 'interpreter', by: 'qemu-user', heading: 'intp/quser' },
  { of: 'auto', by: 'interpreter', heading: 'auto/intp' },
] as const;

type Ratio = (typeof RATIOS)[number];

/** The groups over which a mean is made, alone and together. */
const MEASURED_GROUPS = GROUPS.filter((group) => group !== 'system');

/** Medians and ratios, with geometric means; `names` are the contenders. */
export function reportOf(results: readonly Result[], names: readonly string[], markdown: boolean): string {
  const ratios = RATIOS.filter(({ of, by }) => names.includes(of) && names.includes(by));
  const headings = ['workload', 'M instr', ...names, ...ratios.map(({ heading }) => heading)];
  const rows = GROUPS.flatMap((group) => {
    const ofGroup = results.filter(({ workload }) => workload.group === group);
    const isMeasured = ratios.length > 0 && ofGroup.length > 1 && group !== 'system';
    const mean = isMeasured ? [meanRow(`mean ${group}`, ofGroup, names, ratios)] : [];
    return [...ofGroup.map((result) => rowOf(result, names, ratios)), ...mean];
  });
  const compared = results.filter(({ workload }) => MEASURED_GROUPS.some((group) => group === workload.group));
  const groups = new Set(compared.map(({ workload }) => workload.group));
  if (groups.size > 1 && ratios.length > 0) rows.push(meanRow('mean of all but system', compared, names, ratios));
  const table: Table = [headings, ...rows];
  return markdown ? formatMarkdown(table) : formatText(table);
}

function rowOf(result: Result, names: readonly string[], ratios: readonly Ratio[]): string[] {
  const { workload, instructions } = result;
  const times = names.map((name) => number(secondsOf(result, name), 2));
  const speeds = ratios.map((ratio) => number(ratioOf(result, ratio), 2));
  return [workload.name, number(instructions && instructions / 1e6, 0), ...times, ...speeds];
}

function meanRow(
  name: string,
  results: readonly Result[],
  names: readonly string[],
  ratios: readonly Ratio[],
): string[] {
  const means = ratios.map((ratio) => {
    const values = results.map((result) => ratioOf(result, ratio)).filter((value) => value !== undefined);
    return number(values.length > 0 ? geometricMean(values) : undefined, 2);
  });
  return [name, '', ...names.map(() => ''), ...means];
}

function secondsOf({ seconds }: Result, name: string): number | undefined {
  const values = seconds.get(name);
  return values && median(values);
}

/** The ratio of the speeds; undefined if one of the two did not run the workload. */
function ratioOf(result: Result, { of, by }: Ratio): number | undefined {
  const [own, other] = [secondsOf(result, of), secondsOf(result, by)];
  // bash tells times in thousandths of a second; what took none of them took one at most.
  return own === undefined || other === undefined ? undefined : Math.max(other, 0.001) / Math.max(own, 0.001);
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? '-' : value.toFixed(digits);
}
