/** What `npm test` prints about a test file: a line, the failed tests in it with their details, and its comments. */

/** Number of test points by result, as tap counts them. */
export type Counts = ReadonlyMap<string, number>;

/** How the process of a test file ended, and all that it wrote to stdout. */
export interface FileRun {
  readonly name: string;
  readonly output: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly seconds: number;
  /** CPU time of the process and of all that it has waited for, in seconds. */
  readonly cpuSeconds: number;
}

export interface FileReport {
  readonly ok: boolean;
  readonly text: string;
  readonly counts: Counts;
}

const TEST_POINT = /^\s*(not )?ok\b/;
/** Lines between test points that carry no information of their own. */
const FRAME = /^\s*(# Subtest|1\.\.\d+|# time=|TAP version|\}?$)/;
const COMMENT = /^\s*# (?!Subtest|time=|\{)/;
/** The counts at the end of a file's output. */
const SUMMARY = /^# \{ (total: .*) \}$/m;

/** A file that ends without counts, or with an exit code although all its tests passed, has one failure more. */
export function reportOf({ name, output, exitCode, signal, seconds, cpuSeconds }: FileRun): FileReport {
  const summary = SUMMARY.exec(output)?.[1];
  const counts = new Map(summary?.split(', ').map((part) => countOf(part)));
  const failure =
    summary === undefined || (exitCode !== 0 && !counts.has('fail')) ? endingOf(exitCode, signal) : undefined;
  if (failure !== undefined) for (const result of ['total', 'fail']) add(counts, new Map([[result, 1]]));
  const ok = !counts.has('fail');
  const times = `${seconds.toFixed(1)} s, CPU ${cpuSeconds.toFixed(1)} s`;
  const line = `${ok ? 'ok    ' : 'FAILED'} ${name}  ${counts.get('pass') ?? 0} passed, ${times}`;
  const lines = [line, ...detailsOf(output), ...(failure === undefined ? [] : [`    ${failure}`])];
  return { ok, text: `${lines.join('\n')}\n`, counts };
}

/** A line about a file that has not ended yet: for how long it has run, how much it has tested, and which test it is in. */
export function progressOf({ name, output, seconds }: Pick<FileRun, 'name' | 'output' | 'seconds'>): string {
  const points = output.split('\n').filter((line) => TEST_POINT.test(line)).length;
  const [, current] = [...output.matchAll(/^ *# Subtest: (.*)$/gm)].at(-1) ?? [];
  const part = current === undefined ? '' : `, in: ${current}`;
  return `       ${name}  ${Math.round(seconds / 60)} min, ${points} test points${part}\n`;
}

/** Adds counts to a sum. */
export function add(sum: Map<string, number>, counts: Counts): void {
  for (const [result, count] of counts) sum.set(result, (sum.get(result) ?? 0) + count);
}

/** The counts in the format of tap. */
export function summaryOf(counts: Counts): string {
  return `# { ${[...counts].map(([result, count]) => `${result}: ${count}`).join(', ')} }\n`;
}

function countOf(part: string): [string, number] {
  const [result, count] = part.split(': ');
  return [result!, Number(count)];
}

function endingOf(exitCode: number | null, signal: NodeJS.Signals | null): string {
  return signal === null
    ? `it ended with exit code ${exitCode} and without a failed test`
    : `it was ended by ${signal}`;
}

/** Failed test points with their details, and comments. */
function detailsOf(output: string): string[] {
  let isFailed = false;
  return output.split('\n').filter((line) => {
    const point = TEST_POINT.exec(line);
    if (point) isFailed = point[1] !== undefined;
    return point ? isFailed : (isFailed || COMMENT.test(line)) && !FRAME.test(line) && !SUMMARY.test(line);
  });
}
