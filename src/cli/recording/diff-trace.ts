/** `bd0 diff-trace FILE FILE`. */
import { compareRecordings, type RunDifference } from '../../index.js';
import { readRecordingFile } from '../../host/recording-file.js';
import type { ReplayResult, ReplayRunOptions } from './replay-options.js';
import { linesOfState, reading, replayOptions } from './replay.js';

const EXIT_DIFFERENT = 1;

/** What two runs did at the tick at which they part. */
const HEADLINES: Readonly<Record<RunDifference['kind'], (tick: number) => string>> = {
  start: (tick) => `the runs are different from their beginning, tick ${tick}`,
  input: (tick) => `the runs part at tick ${tick}: they got different input`,
  state: (tick) => `the runs part at tick ${tick}, although they got the same input`,
  end: (tick) => `the runs are the same up to tick ${tick}, and end differently`,
};

/** Says where two recorded runs part. Throws Failure, HostError. */
export function diffTrace(files: readonly [string, string], options: ReplayRunOptions): ReplayResult {
  const [a, b] = [readRecordingFile(files[0]), readRecordingFile(files[1])];
  const difference = reading(files, () => compareRecordings(a, b, replayOptions(options)));
  if (!difference) return { text: `the runs are the same, from tick ${a.firstTick} to ${a.lastTick}`, exitCode: 0 };
  const { kind, tick, words, state } = difference;
  const each = files.map((file, index) => `  ${file}: ${words[index]!}`);
  const states = state && state.differences.length > 0 ? linesOfState(state) : [];
  const same =
    kind === 'input' && !state ? ['the machines are the same nevertheless, as far as both recordings go'] : [];
  return { text: [HEADLINES[kind](tick), ...each, ...states, ...same].join('\n'), exitCode: EXIT_DIFFERENT };
}
